"""What is wrong with a value, in words for people who write rule files: what is needed, what stands there."""

import re
from datetime import date
from typing import Any

from pydantic_core import ErrorDetails

from leadstream.models.document import Path
from leadstream.models.errors import nearest
from leadstream.scoring.kernels.registry import kernels_of_rules

PLAIN = {
    "float_type": "a number is needed here",
    "int_type": "a whole number is needed here",
    "int_from_float": "a whole number is needed here",
    "string_type": "a text is needed here",
    "list_type": "a list is needed here",
    "dict_type": "keys and values are needed here",
    "model_type": "keys and values are needed here",
    "bool_type": "true or false is needed here",
    "finite_number": "a finite number is needed here",
}
"""What is needed, by the type of pydantic's error."""
PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": (
        "a name has letters, digits, `.`, `_` and `-`, and begins with a letter or a digit"
    ),
    r"^\S(.*\S)?$": "a text is needed here that has no blank at its ends, and something between them",
    r"^(source|data(\.[^.]+)+)$": "a field is `source` or `data.<name>`",
    r"^[^/?#]+$": "a segment of a path has no `/`, `?` or `#`: give each segment by itself",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$": 'a day is written in quotes, such as "2026-12-25"',
    r"^[^:]+$": "a tenant has no `:` in its name",
}
"""What a text must be, by the pattern that it does not match."""
CLOCK = 'a time of day is written in quotes with two digits each, such as "09:00"'
CLOCKED = "^([01]"
"""How the pattern of a time of day begins."""
DECAYS = (
    ", ".join(f"`{{{key}: {kernel.example}}}`" for key, kernel in kernels_of_rules().items()) + " or `none`"
)
NUMBER = re.compile(r"\s*[-+]?\d+(\.\d+)?\s*", re.ASCII)
FORMS = {
    "after": "`{rule: <id>, within: 7d}`",
    "absence": "`{of: email.replied, within: 7d, band: hot}`",
    "assign": "`{owners: [ann, bob]}`",
    "bounces": "`{soft: 7d, limit: 3, within: 30d}`",
    "burst": "`{more_than: 5, within: 10s}`",
    "categories": "`{intent: {cap: 30}}`",
    "decay": DECAYS,
    "dimensions": "`{intent: {cap: 30}}`",
    "guards": "`{<guard>: 0.1}`",
    "hours": '`{from: "09:00", to: "17:00", outside: skip}`',
    "inactivity_step": "`{percent: 5, every: 30d}`",
    "keywords": "`{points: {director: 10}}`",
    "outside": "`defer`, `skip` or `{route_to: <name>}`",
    "payload": "`{script: first-call, title: {fact: title}, page: {signal: data.url}}`",
    "repeat": "`{factors: [1, 0.5], within: 30d}`",
    "values": "`{<value>: 5}`",
}
"""By key, how it is written."""
ENTRIES = {
    "actions": "`{do: call, at: 50, channel: phone}`",
    "bands": "`{name: cold, from: 0}`",
    "fit": "`{id: size, fact: company_size, ranges: [{from: 51, points: 10}]}`",
    "guards": "`{id: robots, on: page.viewed, crawlers: true}`",
    "ranges": "`{from: 51, points: 10}`",
    "recency": "`{to: 24h, factor: 2.0}`",
    "rules": "`{id: visit, on: page.viewed, points: 10}`",
    "spikes": "`{id: surge, count: 5, within: 1h}`",
    "stages": "`{name: aware}`",
    "thresholds": "`{at: 50}`",
    "tiers": "`{name: near, values: [DE, AT], points: 5}`",
    "timers": "`{id: idle, inactivity: 90d}`",
    "all": "`{data.url: {contains: demo}}`",
    "any": "`{data.url: {contains: demo}}`",
}
"""By key of a list, how an entry is written."""
ONE_OR_MANY = {"on", "of", "field", "rules", "effect", "requires"}
"""Keys under which a text or a list of texts may stand."""


def sentence(path: Path, value: Any, errors: list[ErrorDetails]) -> str:
    """What is wrong with the value at a path, by all that pydantic says of it."""
    key, entry = key_of(path)
    what = ".".join(map(str, path)) or "the file"
    types = {error["type"] for error in errors}
    special = by_place(path, key, value, types)
    if special is not None:
        return f"{what}: {special}"
    clock = any(str(error.get("ctx", {}).get("pattern", "")).startswith(CLOCKED) for error in errors)
    if clock:
        return f"{what}: {CLOCK}{meant_time(value)}, not {shown(value)}"
    if entry and key in ENTRIES and types <= {"model_type", "dict_type"}:
        return f"{what}: keys and values are needed here, such as {ENTRIES[key]}, not {shown(value)}"
    if len(path) == 2 and path[0] in ("categories", "dimensions"):
        return f"{what}: keys and values are needed here, such as `{{cap: 30}}`, not {shown(value)}"
    if not entry and key in ENTRIES and "list_type" in types:
        return f"{what}: a list is needed here, such as `[{ENTRIES[key].strip('`')}]`, not {shown(value)}"
    if not entry and key in FORMS and types & {"model_type", "dict_type", "literal_error", "missing"}:
        form = "`{half_life: 90d}` or `none`" if key == "decay" and path[0] == "fit" else FORMS[key]
        needed = f"write {form}" if " or `" in form else f"keys and values are needed here, such as {form}"
        return f"{what}: {needed}, not {shown(value)}"
    reasons = dict.fromkeys(filter(None, (needed_by(error, value) for error in errors)))
    return f"{what}: {', or '.join(reasons)}{aside(value, types)}"


def key_of(path: Path) -> tuple[str, bool]:
    """The last key of a path, and whether an entry of its list is meant."""
    names = [str(part) for part in path if isinstance(part, str)]
    return (names[-1] if names else ""), bool(path) and isinstance(path[-1], int)


def by_place(path: Path, key: str, value: Any, types: set[str]) -> str | None:
    """What is to be said at certain places whatever the value's type; None at others."""
    above = path[-2] if len(path) > 1 else ""
    if key == "not" and is_field(above):
        field = str(above)
        inner = flow(value) if isinstance(value, dict) else f"{{in: {flow(value)}}}"
        return (
            "of a field, `not` takes one value, which the field then must not be; to turn a condition round, "
            f"write `not` beside the fields: `not: {{{field}: {inner}}}`"
        )
    if key in ("eq", "not", "contains") and is_field(above) and isinstance(value, list):
        return f"one value is needed here; for several write `in: {flow(value)}`"
    if is_field(key) and "model_type" in types:
        return (
            "a condition is needed here: a value, or one such as `{in: [a, b]}`, `{gte: 5}`, "
            "`{exists: true}`, "
            f"not {shown(value)}" + (f": write `{{in: {flow(value)}}}`" if isinstance(value, list) else "")
        )
    if above == "payload":
        return (
            "a text, a number, true or false is needed here, or `{fact: <name>}`, `{signal: data.<name>}`, "
            f"not {shown(value)}"
        )
    if above == "hours" and key in ("from", "to"):
        return f"{CLOCK}{meant_time(value)}, not {shown(value)}"
    if key == "by" and "model_type" in types:
        form = "`{field: data.x, points: {a: 10, b: 5}}`"
        return f"keys and values are needed here, such as {form}, not {shown(value)}"
    if key == "when" and "model_type" in types:
        example = "`{band: hot}`" if path[:1] == ("actions",) else "`{data.url: {url_path: [pricing]}}`"
        return f"keys and values are needed here, such as {example}, not {shown(value)}"
    if key in ONE_OR_MANY and "list_type" in types and path[:1] != ("rules",) * len(path):
        return f"a text or a list of texts is needed here, not {shown(value)}"
    if key in ("crawlers", "machine") and "literal_error" in types:
        return "only `true` can stand here: leave the key out if that is not meant"
    return None


def is_field(name: object) -> bool:
    return isinstance(name, str) and (name == "source" or name.startswith("data."))


def needed_by(error: ErrorDetails, value: Any) -> str:
    """What one error asks for."""
    context = error.get("ctx", {})
    kind = error["type"]
    if kind in PLAIN:
        return PLAIN[kind]
    if kind == "literal_error":
        names = re.findall(r"'([^']*)'", str(context["expected"])) or [str(context["expected"])]
        listed = ", ".join(f"`{name}`" for name in names)
        near = nearest(value, names) if isinstance(value, str) and len(names) > 1 else ""
        near = near if "did you mean" in near else ""
        return f"{'one of ' if len(names) > 1 else ''}{listed} is needed here{near}"
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(str(context["pattern"]), "a text of another form is needed here")
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "missing":
        return f"`{error['loc'][-1]}` is missing"
    bound = BOUNDS.get(kind)
    if bound is not None:
        words, key = bound
        limit = context[key]
        text = f"{limit:,}".removesuffix(".0") if isinstance(limit, int | float) else str(limit)
        return words.format(text, "y" if text == "1" else "ies", "" if text == "1" else "s")
    return "another value is needed here"


BOUNDS = {
    "greater_than": ("a number above {0} is needed here", "gt"),
    "greater_than_equal": ("a number of at least {0} is needed here", "ge"),
    "less_than": ("a number below {0} is needed here", "lt"),
    "less_than_equal": ("a number of at most {0} is needed here", "le"),
    "string_too_short": ("a text of at least {0} character{2} is needed here", "min_length"),
    "string_too_long": ("a text of at most {0} characters is needed here", "max_length"),
    "too_short": ("at least {0} entr{1} must stand here", "min_length"),
    "too_long": ("at most {0} entr{1} may stand here", "max_length"),
}
"""By the type of pydantic's error: what is needed, and where its limit stands."""


def aside(value: Any, types: set[str]) -> str:
    """What stands there instead, and what would make it right if that is plain."""
    if types & {"too_short", "too_long", "string_too_long", "missing"}:
        return ""
    if types == {"string_type"} and isinstance(value, bool | int | float | date):
        return f': put it in quotes, `"{str(value).lower() if isinstance(value, bool) else value}"`'
    if isinstance(value, str) and types <= {"float_type", "int_type"} and NUMBER.fullmatch(value):
        return f": write it without quotes, `{value.strip()}`"
    if "list_type" in types and isinstance(value, str | int | float | dict) and not isinstance(value, bool):
        return f", not {shown(value)}: write `[{flow(value)}]`"
    return f", not {shown(value)}"


def meant_time(value: Any) -> str:
    """The time of day that was meant, if it is plain."""
    hour = minute = None
    if isinstance(value, str):
        found = re.fullmatch(r"\s*(\d{1,2})[:.h](\d{2})(:00)?\s*", value)
        if found:
            hour, minute = int(found[1]), int(found[2])
    elif type(value) is int:
        # YAML 1.1 reads 9:00 as a number to the base of 60.
        hour, minute = (value, 0) if value <= 24 else divmod(value, 60)
    if hour is None or minute is None or not (0 <= hour < 24 and 0 <= minute < 60):
        return ""
    return f' (did you mean "{hour:02}:{minute:02}"?)'


def shown(value: Any) -> str:
    """What stands in the file, in short."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys and values" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    text = flow(value)
    return f"`{text if len(text) <= 60 else f'{text[:57]}...'}`" if text else "an empty text"


def flow(value: Any) -> str:
    """A value in one line, shortened."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {flow(one)}' for key, one in list(value.items())[:5])}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value[:5]))}{', ...' if len(value) > 5 else ''}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return str(value)[:200]
