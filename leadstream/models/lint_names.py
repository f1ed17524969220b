"""Names that look like a documented one and are written differently; values that a table leaves out."""

from collections.abc import Iterable, Iterator

from leadstream.models.policy import Fact
from leadstream.models.rules import Rule, When
from leadstream.models.schema import RuleFile
from leadstream.records.types import DATA_VALUES, FACTS, OPEN_TYPES, SIGNAL_TYPES

Path = tuple[str | int, ...]
Found = Iterator[tuple[Path, str, str]]
CHANNELS = ("email", "phone", "sms", "internal", "crm", "sales", "segments", "lifecycle", "workflows", "all")
"""Channels that LeadStream, its presets and its documentation know."""
OWN = "or give what is your own a name that differs more"


def misspelt(file: RuleFile) -> Found:
    """Types, facts, channels, fields and values that are nearly, and not quite, a documented one."""
    for path, name, known, what in named(file):
        meant = near(name, known)
        if meant is not None:
            yield (
                path,
                f"{what} `{name}` is not a documented one (did you mean `{meant}`?)",
                f"write `{meant}`, {OWN}",
            )
    for index, rule in enumerate(file.rules):
        yield from fields_of(("rules", index), rule)


def named(file: RuleFile) -> Iterator[tuple[Path, str, Iterable[str], str]]:
    """The names of a file that may be documented ones: place, name, what there is, what it is."""
    types: list[tuple[Path, list[str]]] = [(("rules", i, "on"), rule.on) for i, rule in enumerate(file.rules)]
    types += [(("guards", i, "on"), guard.on) for i, guard in enumerate(file.guards)]
    types += [
        (("timers", i, "absence", "of"), timer.absence.of)
        for i, timer in enumerate(file.timers)
        if timer.absence is not None
    ]
    for path, names in types:
        for index, name in enumerate(names):
            yield (*path, index), name, SIGNAL_TYPES, "type"
    for index, fit in enumerate(file.fit):
        yield ("fit", index, "fact"), fit.fact, FACTS, "fact"
    for index, rule in enumerate(file.rules):
        if rule.channel is not None:
            yield ("rules", index, "channel"), rule.channel, CHANNELS, "channel"
    for index, action in enumerate(file.actions):
        if action.channel:
            yield ("actions", index, "channel"), action.channel, CHANNELS, "channel"
        for key, value in action.payload.items():
            if isinstance(value, Fact):
                yield ("actions", index, "payload", key, "fact"), value.fact, FACTS, "fact"


def fields_of(path: Path, rule: Rule) -> Found:
    """Fields and values of a rule's conditions and of its `by` that its types do not have."""
    if any(type_ not in SIGNAL_TYPES or type_ in OPEN_TYPES for type_ in rule.on):
        return
    known = {field for type_ in rule.on for field in SIGNAL_TYPES[type_]}
    asked = [*conditions((*path, "when"), rule.when)]
    if rule.by is not None:
        values = [((*path, "by", "points", value), value) for value in rule.by.points]
        for index, field in enumerate(rule.by.field):
            asked.append(((*path, "by", "field", index), field, values))
    for place, field, values in asked:
        name = field.split(".")[1] if field != "source" else ""
        if not name:
            continue
        types = ", ".join(f"`{type_}`" for type_ in rule.on)
        if name not in known:
            meant = near(name, known)
            if meant is not None:
                yield (
                    place,
                    f"rule `{rule.id}` looks at `data.{name}` (did you mean `data.{meant}`?)",
                    f"write `data.{meant}`, {OWN}",
                )
            elif name in ELSEWHERE:
                others = ", ".join(f"`{type_}`" for type_ in sorted(ELSEWHERE[name]))
                yield (
                    place,
                    f"rule `{rule.id}` looks at `data.{name}`, which {types} is not documented to have "
                    f"({others} is)",
                    "look at another field or type, or make sure that its source sends it",
                )
            continue
        listed = {value for type_ in rule.on for value in DATA_VALUES.get((type_, name), ())}
        for where, value in values:
            meant = near(value, listed) if listed and "." not in field.removeprefix("data.") else None
            if meant is not None:
                yield (
                    where,
                    f"rule `{rule.id}` looks for `{value}` in `{field}` (did you mean `{meant}`?)",
                    f"write `{meant}`, {OWN}",
                )


ELSEWHERE: dict[str, set[str]] = {
    field: {type_}
    for type_, field in DATA_VALUES
    if sum(field in fields for fields in SIGNAL_TYPES.values()) == 1
}
"""Fields with certain values that one type alone has, by that type."""


def conditions(path: Path, when: When) -> Iterator[tuple[Path, str, list[tuple[Path, str]]]]:
    """The fields of conditions, with the texts that they are compared with."""
    for field, condition in when.fields.items():
        place = (*path, field)
        values: list[tuple[Path, object]] = [
            ((*place, "in", i), one) for i, one in enumerate(condition.in_ or ())
        ]
        values += [((*place, key), one) for key, one in (("eq", condition.eq), ("not", condition.not_))]
        yield place, field, [(where, one) for where, one in values if isinstance(one, str)]
    inner = [
        ((*path, key, i), one) for key in ("all", "any") for i, one in enumerate(getattr(when, key) or ())
    ]
    inner += [((*path, "not"), when.not_)] if when.not_ is not None else []
    for place, one in inner:
        yield from conditions(place, one)


def left_out(file: RuleFile) -> Found:
    """Tables of `by` without a `default` that lack values which the field is documented to have."""
    for index, rule in enumerate(file.rules):
        by = rule.by
        if by is None or by.default is not None or len(by.field) > 1:
            continue
        name = by.field[0].removeprefix("data.")
        listed = dict.fromkeys(value for type_ in rule.on for value in DATA_VALUES.get((type_, name), ()))
        lacking = [value for value in listed if value not in by.points]
        if lacking and len(lacking) < len(listed):
            yield (
                ("rules", index, "by"),
                f"rule `{rule.id}` does not match {', '.join(f'`{value}`' for value in lacking)} of "
                f"`{by.field[0]}`, and has no `default`",
                "list them, with 0 points if that is meant, or name a `default`",
            )


def near(name: str, known: Iterable[str]) -> str | None:
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
        if len(one) > 3 and (slips := distance(name.casefold(), one)) <= (1 if len(one) < 14 else 2)
    ]
    return min(found)[1] if found else None


def squeezed(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def is_stem(name: str, one: str) -> bool:
    """Whether a type is named by the present tense of what is documented in the past: `email.open`."""
    verb = name.rpartition(".")[2]
    stem = f"{name[:-1]}i" if name.endswith("y") else name
    return "." in name and len(verb) > 3 and one.startswith(stem) and len(one) - len(stem) <= 3


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
