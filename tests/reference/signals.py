"""What a signal says: its fields, the rules that it matches, and whether it can be folded at all."""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import phonenumbers

from .rules import Rule

ABSENT = object()


@dataclass(frozen=True)
class Signal:
    """A signal with its place in the log: `offset` and `broker_time`. A tick has no type."""

    offset: int
    broker_time: int
    lead: str = ""
    id: str = ""
    type: str = ""
    at: int = 0
    source: str = ""
    data: dict[str, Any] = field(default_factory=dict)


def foldable(signal: Signal) -> bool:
    """`score.bumped`: "exactly one of points, set; by and why required"; else it goes to the dead letters."""
    if signal.type != "score.bumped":
        return True
    amounts = [signal.data[name] for name in ("points", "set") if name in signal.data]
    texts = [signal.data.get(name) for name in ("by", "why")]
    return (
        len(amounts) == 1
        and isinstance(amounts[0], (int, float))
        and not isinstance(amounts[0], bool)
        and all(isinstance(text, str) and text.strip() for text in texts)
    )


def value_of(signal: Signal, path: str) -> Any:
    """The value of `source` or `data.a.b`; ABSENT if there is none."""
    if path == "source":
        return signal.source
    value: Any = signal.data
    for name in path.split(".")[1:]:
        value = value.get(name, ABSENT) if isinstance(value, dict) else ABSENT
    return ABSENT if value is None else value


def given(value: Any) -> bool:
    return value is not ABSENT and value != ""


def matches(rule: Rule, signal: Signal) -> bool:
    if rule.on != signal.type:
        return False
    conditions = (rule.when or {}).items()
    holding = all(holds(kind, wanted, value_of(signal, path))
                  for path, condition in conditions for kind, wanted in condition.items())  # fmt: skip
    return holding and (rule.by is None or branch_of(rule, signal) is not None)


def holds(kind: str, wanted: Any, value: Any) -> bool:
    if kind == "exists":
        return given(value) is wanted
    if kind == "url_path":
        return isinstance(value, str) and not path_segments(value).isdisjoint(wanted)
    return any(equal(value, one) for one in (wanted if kind == "in" else [wanted]))


def equal(value: Any, wanted: Any) -> bool:
    """Scalars of one meaning are one, whatever their types: 1, 1.0 and "1"; true and "true"."""
    return said(value) is not None and said(value) == said(wanted)


def said(value: Any) -> str | None:
    """The text that a scalar is compared by; None for what is none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        whole = float(value).is_integer()
        return str(int(value)) if whole else f"{Decimal(repr(value)):f}"
    return value if isinstance(value, str) else None


def path_segments(url: str) -> set[str]:
    """The segments of a URL's path, with or without scheme and host; query and fragment are not path."""
    path = re.split(r"[?#]", url)[0]
    return set(re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*", "", path).split("/"))


def branch_of(rule: Rule, signal: Signal) -> str | None:
    """The entry of `by` for the first field that a signal has; what is absent or not listed is default."""
    assert rule.by is not None
    fields, points, default = rule.by
    values = [value for value in (value_of(signal, path) for path in fields) if given(value)]
    first = said(values[0]) if values else None
    return first if first in points else default


def valid_phone(phone: Any) -> bool:
    """ "spaces, dots, dashes and parentheses are normalised away; a leading `+` is required; valid by
    `phonenumbers`, and sent in its own E.164 form (the trunk zero goes; an extension is left out)" """
    digits = re.sub(r"( ext [0-9]+$)|[ .()\-]", "", phone) if isinstance(phone, str) else ""
    if not re.fullmatch(r"\+[0-9]+", digits):
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits))
    except phonenumbers.NumberParseException:
        return False
