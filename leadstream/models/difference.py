"""What differs between two rule files, part by part, by their ids."""

from collections.abc import Callable, Iterator
from typing import Any

from leadstream.models.compile import DOCUMENTATION
from leadstream.models.schema import RuleFile
from leadstream.models.written import flow, written


def by_key(key: str) -> Callable[[dict[str, Any]], str]:
    return lambda part: flow(part[key])


PARTS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "rules": ("rule", by_key("id")),
    "fit": ("fit", by_key("id")),
    "thresholds": ("threshold", by_key("at")),
    "bands": ("band", by_key("name")),
    "stages": ("stage", by_key("name")),
    "timers": ("timer", by_key("id")),
    "spikes": ("spike", by_key("id")),
    "guards": ("guard", by_key("id")),
    "actions": ("action", lambda part: f"{part['do']} {trigger_of(part)}"),
}
"""Lists of parts: what one is called, and what tells it from the others."""


def trigger_of(action: dict[str, Any]) -> str:
    """What an action waits for."""
    if "at" in action:
        return f"at {flow(action['at'])}"
    return f"when {', '.join(f'{key} {value}' for key, value in action['when'].items())}"


def differences(old: RuleFile, new: RuleFile) -> list[str]:
    """A line for each difference, in the order of the schema's keys; none for files that say the same."""
    return list(_differences(written(old), written(new)))


def _differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for key in RuleFile.model_fields:
        before, after = old.get(key), new.get(key)
        if key == "categories":
            yield from of_parts(
                key, "category", *(one.get(key) or one.get("dimensions", {}) for one in (old, new))
            )
        elif key in PARTS:
            what, name_of = PARTS[key]
            befores = {name_of(part): part for part in before or []}
            afters = {name_of(part): part for part in after or []}
            yield from of_parts(key, what, befores, afters)
        elif key != "dimensions" and before != after:
            yield from changes(key, before, after)


def of_parts(key: str, what: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in new:
            yield f"{what} `{name}`: removed"
        elif name not in old:
            parts = {key: value for key, value in new[name].items() if key not in DOCUMENTATION}
            yield f"{what} `{name}`: added: {flow(parts)}"
        else:
            before, after = old[name], new[name]
            lines = [
                line
                for one in dict.fromkeys((*before, *after))
                for line in changes(one, before.get(one), after.get(one))
            ]
            if lines:
                yield f"{what} `{name}`: {'; '.join(lines)}"
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield f"{key}: their order has changed"


def changes(key: str, before: Any, after: Any) -> Iterator[str]:
    """How a value has changed, entry by entry; of texts for people only that they have."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for one in dict.fromkeys((*before, *after)):
            yield from changes(f"{key} {one}", before.get(one), after.get(one))
    elif key in DOCUMENTATION:
        yield f"{key} changed"
    else:
        yield f"{key} {' -> '.join('-' if one is None else flow(one) for one in (before, after))}"
