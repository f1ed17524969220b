"""Texts as they are compared: one form of Unicode, and where case does not matter, one case."""

from decimal import Decimal
from math import isfinite
from typing import Any
from unicodedata import normalize

LONGEST_INTEGER = 10**300
"""Longer integers are no value: Python refuses to write those of some thousand digits."""


def composed(text: str) -> str:
    """The text in normalisation form C: `u` with two dots behind it is `ü`."""
    return text if text.isascii() else normalize("NFC", text)


def without_case(text: str) -> str:
    """The text without case, in normalisation form C."""
    return text.lower() if text.isascii() else normalize("NFC", normalize("NFC", text).casefold())


def folded(text: str) -> str:
    """The same without blanks around it."""
    return without_case(text).strip()


def plain(value: Any) -> str | None:
    """The one text of a JSON scalar, by which scalars of several types are compared; None for what is none.

    A text is itself, in normalisation form C. A boolean is `true` or `false`. A number is its shortest
    decimal form, without exponent and without a fraction of zero: 9 and 9.0 are `9`, -0.0 is `0`, 1e-7 is
    `0.0000001`. So the text `9` is the number 9, and the texts `09` and `9.0` are not.
    """
    kind = type(value)
    if kind is str:
        return value if value.isascii() else normalize("NFC", value)
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value) if -LONGEST_INTEGER < value < LONGEST_INTEGER else None
    if kind is float and isfinite(value):
        return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
    return None
