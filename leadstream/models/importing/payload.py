"""What an event of another system says, as the payload of an action."""

import re
from typing import Any

from leadstream.models.forms import LONGEST
from leadstream.models.importing.carried import Carried
from leadstream.models.importing.source import Node

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")


def payload(properties: Node, values: dict[str, Any], carried: Carried) -> dict[str, Any]:
    """The values, and the properties beside them: what is in objects under names such as `useremail.email`.

    A list of plain values is one text. What no payload can hold is named. Empty values say nothing.
    """
    found = dict(values)
    properties.settle()
    for name, one in flat(properties, ""):
        if one.value in (None, "") or one.value == [] or one.value == {}:
            continue
        value = one.value
        if isinstance(value, list):
            value = ", ".join(text(part) for part in value)
        elif isinstance(value, str):
            value = one.text()
        if not _NAME.fullmatch(name):
            carried.leave_out(
                one.place, f"a payload has no field `{name[:60]}`: it has letters, digits, `._-`"
            )
        elif name in found:
            carried.leave_out(one.place, f"the payload has a field `{name}` already")
        elif isinstance(value, str) and len(value) > LONGEST:
            carried.leave_out(one.place, f"a text of a payload has at most {LONGEST:,} characters")
        elif isinstance(value, int | float) and not -(2.0**63) <= value < 2.0**63:
            carried.leave_out(one.place, "a number of a payload lies between -2^63 and 2^63")
        else:
            found[name] = value
    return found


def flat(node: Node, name: str) -> list[tuple[str, Node]]:
    """Names and plain values, or lists of plain values, of whatever depth."""
    value = node.value
    if isinstance(value, dict):
        inner: Any = value.items()
    elif isinstance(value, list) and (any(isinstance(one, dict | list) for one in value) or not name):
        inner = enumerate(value)
    else:
        return [(name, node)] if name or value not in (None, "", [], {}) else []
    return [
        pair
        for key, one in inner
        for pair in flat(Node(one, node.reading, (*node.path, key)), f"{name}.{key}" if name else str(key))
    ]


def text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)
