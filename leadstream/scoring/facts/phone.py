"""Phone numbers as an action can dial them."""

import re
import unicodedata
from functools import lru_cache
from importlib.metadata import version

import phonenumbers

METADATA_VERSION = version("phonenumbers")
"""The version of the numbering plans: another may judge a number differently."""
MOST_BEFORE_SLASH = 6
"""National digits that may stand before a `/`: no area code is longer, a trunk zero included."""
LEAST_AFTER_SLASH = 5
"""Digits behind a `/`: fewer are another extension or another number, as in `901820/21`."""

_REORDERS = frozenset("\u202d\u202e")
"""Characters that show what follows in another order than it is written in."""
_ASCII = str.maketrans("＋（）／．−／", "+()/.-/")
_FORM = re.compile(
    r"""(?:tel\b[.:]{0,2}[ ]?)?          # a person's or a URI's word for it
    (?P<number>\(?\+[0-9 .()/-]+?)
    (?:[ ]?(?:;[ ]?ext=|extension|extn?\.?|x|\#)[ ]?[0-9]{1,7})?  # an extension is left out
    """,
    re.VERBOSE | re.IGNORECASE,
)
_TRUNK = re.compile(r"\([ ]?0[ ]?\)")


@lru_cache(maxsize=4096)
def dialable(text: str) -> str | None:
    """The number in E.164 (`+4930901820`), or None if it is not valid or may be read in two ways.

    A leading `+` is required, as a number without its country can't be told from another one. What stands in
    the result is what the numbering plan makes of it: the trunk zero of `+49 (0)30` goes, that of `+39 06`
    stays. Letters, and several numbers in one text, are refused.
    """
    plain = _plain(text)
    form = _FORM.fullmatch(plain) if plain is not None else None
    if form is None:
        return None
    number = form["number"]
    if number.count("+") != 1 or number.count("/") > 1:
        return None
    found = _valid(number)
    if found is None and _TRUNK.search(number):
        # Of a country without a trunk zero, where it is written by habit.
        number = _TRUNK.sub("", number, count=1)
        found = _valid(number)
    if found is None or not _is_one(number, found):
        return None
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


def _plain(text: str) -> str | None:
    """The text with ASCII digits, spaces and dashes, without marks that nobody sees; None for a trick."""
    if text.isascii():
        return text.strip().replace("\t", " ")
    found = []
    for character in text.strip().translate(_ASCII):
        kind = unicodedata.category(character)
        if character == "\t":
            found.append(" ")
        elif kind == "Nd":
            found.append(str(unicodedata.decimal(character)))
        elif kind == "Zs":
            found.append(" ")
        elif kind == "Pd":
            found.append("-")
        elif character in _REORDERS:
            return None
        elif kind != "Cf":
            found.append(character)
    return "".join(found).strip()


def _valid(number: str) -> phonenumbers.PhoneNumber | None:
    digits = "".join(one for one in number if one in "+0123456789")
    if len(digits) > 20:
        return None
    try:
        parsed = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_valid_number(parsed) else None


def _is_one(number: str, found: phonenumbers.PhoneNumber) -> bool:
    """Whether a `/`, if there is one, parts the area code from the rest and not two numbers."""
    area, slash, rest = number.partition("/")
    if not slash:
        return True
    before = sum(one.isdigit() for one in area) - len(str(found.country_code))
    return before <= MOST_BEFORE_SLASH and sum(one.isdigit() for one in rest) >= LEAST_AFTER_SLASH
