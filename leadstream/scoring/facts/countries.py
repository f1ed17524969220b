"""Countries by code or name, to ISO 3166-1 alpha-2. The names are those of CLDR, from Babel."""

import re
import unicodedata
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

from babel import Locale
from babel.core import get_global

from leadstream.scoring.facts.text import folded

CLDR_VERSION = version("babel")
"""The version of the names: another may know a country by another one."""
LANGUAGES: Final = (
    "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "cs", "sk", "hu", "ro", "bg", "hr",
    "el", "tr", "ru", "uk", "ar", "he", "hi", "ja", "ko", "zh", "zh_Hant", "vi", "id", "th",
)  # fmt: skip
"""Beside English, and read only for a name that is not English."""
NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})
"""Codes of CLDR that are of unions, and for tests."""
LONGEST = 100
ALIASES: Final = {
    name: code
    for code, names in {
        "AE": "uae; emirates",
        "BN": "brunei darussalam",
        "BO": "plurinational state of bolivia",
        "BA": "bosnia",
        "CD": "democratic republic of the congo; drc; dr congo; congo kinshasa",
        "CG": "republic of the congo; congo brazzaville",
        "CI": "ivory coast; cote divoire",
        "CN": "prc; peoples republic of china; mainland china",
        "CV": "cape verde",
        "CZ": "czech republic",
        "DE": "brd; bundesrepublik deutschland; federal republic of germany",
        "FM": "micronesia",
        "GB": "great britain; britain; england; scotland; wales; northern ireland; grossbritannien; "
        "united kingdom of great britain and northern ireland",
        "GR": "el; hellas",
        "HK": "hong kong; hongkong",
        "IE": "republic of ireland; eire",
        "IR": "islamic republic of iran; iran islamic republic of",
        "KP": "dprk; democratic peoples republic of korea",
        "KR": "republic of korea; korea republic of; korea south; rok",
        "LA": "lao pdr; lao peoples democratic republic",
        "MD": "republic of moldova; moldova republic of",
        "MK": "macedonia; fyrom",
        "MM": "burma",
        "MO": "macao; macau",
        "NL": "holland",
        "PS": "palestine; state of palestine",
        "RU": "russian federation",
        "SA": "ksa",
        "SK": "slovak republic",
        "SY": "syrian arab republic",
        "SZ": "swaziland",
        "TL": "east timor",
        "TR": "turkey; turkiye",
        "TW": "taiwan province of china; taiwan roc",
        "TZ": "united republic of tanzania",
        "US": "united states of america; america; the states",
        "VA": "vatican; holy see",
        "VE": "bolivarian republic of venezuela",
        "VN": "viet nam",
    }.items()
    for name in names.split("; ")
}
"""How people write some beside their names in CLDR."""
_CODE = re.compile(r"[a-z]{2,3}|[0-9]{3}")
_MARKS = re.compile("[\u0300-\u036f]")
_BETWEEN = re.compile(r"[\W_]+")


def country_of(value: Any) -> str | None:
    """The code of a country, such as `DE` for `de`, `DEU`, `276`, `Germany` and `Deutschland`; None for none.

    Case, accents, dots and other punctuation do not matter. Names are those of English and 31 other
    languages; one that means two countries is none.
    """
    return _country_of(value) if type(value) is str and len(value) <= LONGEST else None


@lru_cache(maxsize=4096)
def _country_of(text: str) -> str | None:
    name = _key(text)
    if text.isascii() and _CODE.fullmatch(name):
        code = name.upper()
        if code in _codes():
            return code
        targets = get_global("territory_aliases").get(code, ())
        if len(targets) == 1 and targets[0] in _codes():
            return str(targets[0])
    return ALIASES.get(name) or _english().get(name) or (_others().get(name) if name else None)


def _key(text: str) -> str:
    """A name without what differs from one way of writing to another."""
    name = unicodedata.normalize("NFD", folded(text).replace("&", " and "))
    name = _MARKS.sub("", name).replace("\u2019", "").replace("'", "").replace(".", "")
    name = _BETWEEN.sub(" ", unicodedata.normalize("NFC", name)).strip().removeprefix("the ")
    return f"st {name[6:]}" if name.startswith("saint ") else name


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    names = [str(code) for code in Locale.parse("en").territories]
    return frozenset(code for code in names if code.isalpha() and len(code) == 2) - NO_COUNTRIES


def _names(languages: tuple[str, ...]) -> dict[str, str]:
    """Code by name; without names that mean two countries."""
    found: dict[str, str | None] = {}
    for language in languages:
        for code, name in Locale.parse(language).territories.items():
            if code in _codes():
                key = _key(str(name))
                found[key] = code if found.get(key, code) == code else None
    return {name: code for name, code in found.items() if code is not None}


@lru_cache(maxsize=1)
def _english() -> dict[str, str]:
    return _names(("en",))


@lru_cache(maxsize=1)
def _others() -> dict[str, str]:
    return _names(LANGUAGES)
