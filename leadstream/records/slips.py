"""Which known name is meant by one that is written slightly differently."""

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is meant, if this one is none and looks like a slip."""
    known = list(known)
    if name in known:
        return None
    for one in known:
        swapped = len(one) == 3 and sorted(one) == sorted(name) and distance(name, one) == 1
        if squeezed(one) == squeezed(name) or is_stem(name, one) or swapped:
            return one
    found = [
        (slips, one)
        for one in known
        if len(one) > 3
        and (slips := distance(name.casefold(), one.casefold())) <= (1 if len(one) < 14 else 2)
    ]
    return min(found)[1] if found else None


def squeezed(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def is_stem(name: str, one: str) -> bool:
    """Whether a type is named by the present tense of what is known in the past: `email.open`, `pageview`."""
    thing, dot, _ = one.rpartition(".")
    stem, whole = squeezed(f"{name[:-1]}i" if name.endswith("y") else name), squeezed(one)
    verb = len(stem) - len(squeezed(thing))
    stems = {stem, squeezed(name)}
    return bool(dot) and verb >= 3 and len(whole) - len(stem) <= 3 and any(map(whole.startswith, stems))


def distance(one: str, other: str) -> int:
    """How many letters must be put in, left out, changed or swapped with the next one."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    line = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, line = line, before, [i]
        for j, wanted in enumerate(other, 1):
            steps = min(before[j] + 1, line[j - 1] + 1, before[j - 1] + (letter != wanted))
            if last and i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                steps = min(steps, last[j - 2] + 1)
            line.append(steps)
    return line[-1]
