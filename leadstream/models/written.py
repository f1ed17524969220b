"""A rule file as plain values in the form that it is written in: they load again as the same file."""

from typing import Any

from leadstream.models.rules import Category, Decay, Fit, Rule
from leadstream.models.schema import RuleFile


def written(file: RuleFile) -> dict[str, Any]:
    """Includes and anchors resolved, durations as texts, what is as by default left out."""
    found: dict[str, Any] = file.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
    )
    return found


def decay_of(part: Rule | Fit, file: RuleFile) -> dict[str, Any] | str:
    """The decay by which a rule fades in the end: its own, its category's, or the model's."""
    category: Category | None = file.parts.get(part.category or "")
    decay = part.decay
    if decay is None and category is not None:
        decay = category.decay
    if decay is None:
        half_life = written(file)["half_life"]
        return half_life if half_life == "none" else {"half_life": half_life}
    if isinstance(decay, Decay):
        return decay.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return decay


def flow(value: Any) -> str:
    """Plain values in one line, as a person reads them."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {flow(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return flow(value[0]) if len(value) == 1 else f"[{', '.join(map(flow, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.10g}" if isinstance(value, int | float) else str(value)
