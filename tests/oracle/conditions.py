"""Conditions on a signal, read plainly: what a `when` and a `by` of the rule file say."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.oracle.meaning import bare, number, text_of


def holds(when: dict[str, Any], signal: dict[str, Any]) -> bool:
    """Whether a `when` holds: its fields, `all`, `any` and `not`, all of them."""
    for name, wanted in when.items():
        if name == "all":
            good = all(holds(one, signal) for one in wanted)
        elif name == "any":
            good = any(holds(one, signal) for one in wanted)
        elif name == "not":
            good = not holds(wanted, signal)
        else:
            good = is_as(wanted, lookup(name, signal))
        if not good:
            return False
    return True


def lookup(field: str, signal: dict[str, Any]) -> Any:
    value: Any = signal
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_as(condition: Any, value: Any) -> bool:
    """Whether a value is as a condition says, by every operator that it has."""
    if not isinstance(condition, dict):
        condition = {"eq": condition}
    return all(operates(operator, wanted, value) for operator, wanted in condition.items())


def operates(operator: str, wanted: Any, value: Any) -> bool:
    match operator:
        case "eq":
            return same(value, wanted)
        case "in":
            return any(same(value, one) for one in wanted)
        case "not":
            return there(value) and not same(value, wanted)
        case "exists":
            return there(value) is wanted
        case "gt" | "gte" | "lt" | "lte":
            amount = number(value)
            if amount is None:
                return False
            bound = Decimal(str(wanted))
            sides = {
                "gt": amount > bound,
                "gte": amount >= bound,
                "lt": amount < bound,
                "lte": amount <= bound,
            }
            return sides[operator]
        case "contains":
            if isinstance(value, list):
                return any(same(one, wanted) for one in value)
            return isinstance(value, str) and (bare(wanted) or "") in (bare(value) or "")
        case "matches":
            return isinstance(value, str) and re.search(wanted, text_of(value) or "") is not None
        case "url_path":
            return isinstance(value, str) and any(decoded(part) in wanted for part in parts_of(value))
    raise ValueError(operator)


def there(value: Any) -> bool:
    return value is not None and value != ""


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def parts_of(url: str) -> list[str]:
    """The segments of a URL's path, up and down as its dots say."""
    found: list[str] = []
    for part in urlsplit(url.replace("\\", "/")).path.split("/"):
        if part == "..":
            found = found[:-1]
        elif part:
            found.append(part)
    return found


def decoded(part: str) -> str:
    return text_of(unquote(part.split(";")[0])) or ""


def same(left: Any, right: Any) -> bool:
    """Whether two scalars, written down, are one text."""
    return text_of(left) is not None and text_of(left) == text_of(right)


def chosen(by: dict[str, Any], signal: dict[str, Any]) -> str | None:
    """The entry of a `by`: for the first of its fields that the signal has."""
    fields = [by["field"]] if isinstance(by["field"], str) else by["field"]
    value = next((one for one in (lookup(field, signal) for field in fields) if there(one)), None)
    for name in by["points"]:
        if same(name, value):
            return str(name)
    default: str | None = by.get("default")
    return default
