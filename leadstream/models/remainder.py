"""What can be read of a rule file that has errors of form: so that one run also tells what else is wrong."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter, ValidationError

from leadstream.models.document import Document, Path
from leadstream.models.schema import RuleFile

NAMES = {
    "categories": "category", "dimensions": "category", "rules": "rule", "fit": "fit",
    "thresholds": "threshold", "bands": "band", "stages": "stage", "timers": "timer", "spikes": "spike",
    "guards": "guard", "actions": "action",
}  # fmt: skip
"""By key of a file's parts, what one of them is called."""
TOGETHER = ("bands", "stages")
"""Lists whose entries must be right towards each other: with one of them unreadable, none is looked at."""
STAND_INS = {"name": "unread", "version": "1", "half_life": "none", "bands": [{"name": "unread", "from": 0}]}
"""For keys that every file has."""


def remainder(document: Document, faulty: Iterable[Path], adapter: TypeAdapter[RuleFile]) -> Document | None:
    """The document without the parts that are faulty; None if the rest is no rule file either.

    Names of parts left out stand in `unread`. What is wrong with the rest is handed back by `hand_back`.
    """
    if not isinstance(document.value, dict):
        return None
    value: dict[str, Any] = dict(document.value)
    left_out: dict[str, set[str | int]] = {}
    unread: set[tuple[str, object]] = set()
    for path in faulty:
        if not path:
            unread |= {(kind, None) for kind in NAMES.values()}
            continue
        key = str(path[0])
        part = value.get(key)
        if len(path) == 1 or key in TOGETHER or not isinstance(part, list | dict):
            unread |= called(key, names_of(part))
            value.pop(key, None)
        else:
            left_out.setdefault(key, set()).add(path[1])
    kept: dict[str, list[int]] = {}
    for key, gone in left_out.items():
        part = value.get(key)
        if isinstance(part, list):
            kept[key] = [index for index in range(len(part)) if index not in gone]
            gone_parts = [part[index] for index in range(len(part)) if index in gone]
            unread |= called(key, names_of(gone_parts))
            value[key] = [part[index] for index in kept[key]]
        elif isinstance(part, dict):
            unread |= called(key, gone)
            value[key] = {name: one for name, one in part.items() if name not in gone}
    value = {key: one for key, one in value.items() if key in RuleFile.model_fields}
    for key, stand_in in STAND_INS.items():
        value.setdefault(key, stand_in)
    found = Document(document.source, value, unread=unread)
    for mine, theirs in ((found.places, document.places), (found.keys, document.keys)):
        for path, place in theirs.items():
            mine[moved(path, kept, back=False)] = place
    try:
        adapter.validate_python(value)
    except ValidationError:
        return None
    found.kept = kept
    return found


def hand_back(found: Document, document: Document) -> None:
    """Gives what is wrong with the remainder to the document, under its own paths."""
    document.wrongs += [(moved(path, found.kept, back=True), line) for path, line in found.wrongs]


def moved(path: Path, kept: dict[str, list[int]], back: bool) -> Path:
    """A path of the one document as one of the other; -1 for entries that are left out."""
    if len(path) < 2 or path[0] not in kept or not isinstance(path[1], int):
        return path
    indices = kept[path[0]]
    if back:
        return (path[0], indices[path[1]], *path[2:])
    return (path[0], indices.index(path[1]) if path[1] in indices else -1, *path[2:])


def called(key: str, names: Iterable[object]) -> set[tuple[str, object]]:
    """What other parts may call the ones of a key by; nothing for keys whose parts have no names."""
    return {(NAMES[key], name) for name in names} if key in NAMES else set()


def names_of(part: Any) -> set[object]:
    """The names, or levels, of the parts of a list or mapping; None where there is none to be read."""
    if isinstance(part, dict) and all(isinstance(one, dict) for one in part.values()):
        return {*part, None}
    if not isinstance(part, list):
        return {None}
    found: set[object] = set()
    for one in part:
        names = (
            [one[key] for key in ("id", "name", "at", "do") if key in one] if isinstance(one, dict) else []
        )
        readable = names and isinstance(names[0], int | float if part_of_levels(one) else str)
        found.add(names[0] if readable else None)
    return found


def part_of_levels(one: dict[str, Any]) -> bool:
    """Whether a part is called by its level, as thresholds are."""
    return not {"id", "name", "do"} & one.keys()
