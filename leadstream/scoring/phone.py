"""Phone numbers as an action can dial them."""

from functools import lru_cache
from importlib.metadata import version

import phonenumbers

METADATA_VERSION = version("phonenumbers")
"""The version of the numbering plans: another may judge a number differently."""

_WITHOUT = str.maketrans("", "", " .-()")


@lru_cache(maxsize=4096)
def dialable(text: str) -> str | None:
    """The number in E.164 (`+4930123456`), or None if it is not valid.

    Spaces, dots, dashes and parentheses are taken out; a leading `+` is required, as a number without its
    country can't be told from another one.
    """
    number = text.translate(_WITHOUT)
    if not (number.startswith("+") and number[1:].isascii() and number[1:].isdigit() and len(number) <= 16):
        return None
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(parsed) else None
