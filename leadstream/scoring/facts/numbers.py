"""Numbers that are written as texts."""

import re
from math import isfinite
from typing import Any

LONGEST = 64
"""Characters of a text that may be a number."""
PARTING = ",_' \u2019\u00a0\u202f\u2009"
"""What may stand between groups of three digits: one and the same in a number."""
PLAIN = re.compile(
    rf"(?P<sign>[+-]?)(?P<whole>[0-9]{{1,3}}(?:(?P<part>[{PARTING}])[0-9]{{3}}(?:(?P=part)[0-9]{{3}})*)|[0-9]+)"
    r"(?P<fraction>\.[0-9]+)?"
)


def number_of(value: Any) -> float | None:
    """A number, or a text that is one; None for anything else.

    A text is digits (0 to 9), with a sign before and decimals behind a `.` if need be. Its whole part may be
    written in groups of three, parted by `,`, `_`, an apostrophe or a blank (also one that does not break).
    So `1,234.5` is a number; `4,25`, `950000,00`, `1,2,3`, `.5`, `1e3` and `1.200.000` are none.
    """
    if type(value) is float:
        return value if isfinite(value) else None
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return None
    if type(value) is not str or len(value) > LONGEST:
        return None
    found = PLAIN.fullmatch(value.strip())
    return written(found) if found is not None else None


def written(found: re.Match[str]) -> float:
    """The number of a match of `PLAIN`."""
    whole = "".join(one for one in found["whole"] if one.isdigit())
    return float(f"{found['sign']}{whole}{found['fraction'] or ''}")
