"""Checks that several parts of a rule file share. Each notes in the document what is wrong."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from leadstream.models.document import Document, Path
from leadstream.models.forms import Part
from leadstream.models.rules import Decay, Rule


def unique(document: Document, names: Iterable[tuple[Path, str]], what: str) -> None:
    seen: set[str] = set()
    for path, name in names:
        if name in seen:
            document.wrong(path, f"the {what} `{name}` stands here a second time")
        seen.add(name)


def ascending(document: Document, levels: Sequence[tuple[Path, float]], what: str) -> bool:
    """Whether each level is above the one before."""
    found = True
    for (_, lower), (path, upper) in pairwise(levels):
        if upper <= lower:
            document.wrong(path, f"{what} ascend: {upper:g} stands after {lower:g}")
            found = False
    return found


def one_key(document: Document, path: Path, part: Part) -> bool:
    """Whether exactly one of the keys of which that holds is given."""
    names = part.exactly_one
    given = [name for name in names if getattr(part, name) is not None]
    given.sort(key=lambda name: document.keys[*path, name])
    if not given:
        document.wrong(path, f"one of {', '.join(f'`{name}`' for name in names)} is needed here")
    if len(given) > 1:
        document.wrong_key((*path, given[1]), f"`{given[0]}` and `{given[1]}`: one of them")
    return len(given) == 1


def known(document: Document, path: Path, name: str | None, names: Iterable[str], what: str) -> bool:
    """Whether the name, if one is given, is one of these; that of a part which can't be read is let pass."""
    names = list(names)
    if name is None or name in names:
        return True
    if not {(what, name), (what, None)} & document.unread:
        unread = {str(one) for kind, one in document.unread if kind == what and one is not None}
        there = sorted({*names, *unread})
        near = document.near(name, there) if there else " (there are none)"
        document.wrong(path, f"no {what} is called `{name}`{near}")
    return False


def check_decay(document: Document, path: Path, decay: Decay | str | None) -> None:
    if isinstance(decay, Decay):
        one_key(document, path, decay)


def scoring(rules: Iterable[Rule]) -> dict[str, list[float]]:
    """The points of each rule that has some, by id: one number, or one for each value of `by`."""
    found: dict[str, list[float]] = {}
    for rule in rules:
        if rule.by is not None:
            found[rule.id] = list(rule.by.points.values())
        elif rule.points is not None:
            found[rule.id] = [rule.points]
    return found


def known_scoring(
    document: Document, path: Path, name: str, rules: Sequence[Rule], points: dict[str, list[float]]
) -> bool:
    """Whether a rule of this name is there and has points."""
    if not known(document, path, name, [rule.id for rule in rules], "rule"):
        return False
    if name not in points:
        document.wrong(path, f"rule `{name}` has no points: it scores no signal")
    return name in points
