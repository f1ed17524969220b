"""Checks that several parts of a rule file share. Each raises `ModelError` with the place."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from leadstream.models.document import Document, Path
from leadstream.models.errors import nearest
from leadstream.models.forms import Part
from leadstream.models.rules import Decay, Rule


def unique(document: Document, names: Iterable[tuple[Path, str]], what: str) -> None:
    seen: set[str] = set()
    for path, name in names:
        if name in seen:
            raise document.error(path, f"the {what} `{name}` stands here a second time")
        seen.add(name)


def ascending(document: Document, levels: Sequence[tuple[Path, float]], what: str) -> None:
    for (_, lower), (path, upper) in pairwise(levels):
        if upper <= lower:
            raise document.error(path, f"{what} ascend: {upper:g} stands after {lower:g}")


def one_key(document: Document, path: Path, part: Part) -> None:
    """Exactly one of the keys of which that holds is given."""
    names = part.exactly_one
    given = [name for name in names if getattr(part, name) is not None]
    given.sort(key=lambda name: document.keys[*path, name])
    if not given:
        raise document.error(path, f"one of {', '.join(f'`{name}`' for name in names)} is needed here")
    if len(given) > 1:
        raise document.key_error((*path, given[1]), f"`{given[0]}` and `{given[1]}`: one of them")


def known(document: Document, path: Path, name: str | None, names: Iterable[str], what: str) -> None:
    """The name, if one is given, is one of these."""
    names = list(names)
    if name is not None and name not in names:
        there = nearest(name, names) if names else " (there are none)"
        raise document.error(path, f"no {what} is called `{name}`{there}")


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
) -> None:
    """A rule of this name is there and has points."""
    known(document, path, name, [rule.id for rule in rules], "rule")
    if name not in points:
        raise document.error(path, f"rule `{name}` has no points: it scores no signal")
