"""Amounts as people write them: numbers of employees, revenues; their bounds."""

import re
from functools import lru_cache
from math import inf
from typing import Any, Final, NamedTuple

from leadstream.scoring.facts.numbers import PLAIN, number_of, written

LONGEST = 64
"""Characters of a text that may be an amount."""


class Amount(NamedTuple):
    """From `low` to `high`, which is the same for one number and infinite for an open end."""

    low: float
    high: float


TIMES: Final = {
    name: factor
    for factor, names in {
        1e3: "k thousand tsd",
        1e6: "m mm mn mio mln million millions",
        1e9: "b bn bln mrd billion billions",
        1e12: "tn trillion trillions",
    }.items()
    for name in names.split()
}
"""What a word behind a number multiplies it with."""
AT_LEAST = frozenset(
    {"more than", "over", "above", "at least", "from", "min", "minimum", ">", ">=", "\u2265"}
)
UP_TO = frozenset(
    {"less than", "fewer than", "under", "below", "at most", "max", "maximum", "<", "<=", "\u2264"}
)
ABOUT = frozenset(
    {"about", "around", "approx", "approximately", "circa", "ca", "c", "~", "\u2248", "roughly"}
)
BESIDE = frozenset(
    [
        "employees",
        "employee",
        "people",
        "persons",
        "staff",
        "fte",
        "ftes",
        "headcount",
        "workers",
        "users",
        "seats",
        "eur",
        "usd",
        "gbp",
        "chf",
        "cad",
        "aud",
        "nzd",
        "jpy",
        "cny",
        "inr",
        "sek",
        "nok",
        "dkk",
        "pln",
        "czk",
        "huf",
        "ron",
        "brl",
        "mxn",
        "sgd",
        "hkd",
        "krw",
        "try",
        "zar",
        "ils",
        "aed",
        "us",
        "u.s",
        "ca",
        "a",
        "dollar",
        "dollars",
        "euro",
        "euros",
        "pound",
        "pounds",
        "yen",
        "annual",
        "annually",
        "yearly",
        "year",
        "revenue",
        "turnover",
        "sales",
        "arr",
        "per",
        "pa",
        "p.a",
        "in",
        "of",
        "a",
    ]
)
"""Words beside a number that say nothing about how much it is; a currency is not converted."""
SIGNS = "$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9\u20ba"
_DASHES = re.compile("[\u2010-\u2015\u2212\u2043\uff0d\u2026]")
_WORDS = re.compile(r"[^\W\d]+(?:\.[^\W\d]+)*")
_CLOSE = frozenset(".,'_0123456789")
"""What, close to a number, would be part of it."""
_TO = re.compile(r"\s*(?:-+|\bto\b|\bbis\b|\band\b)\s*")


@lru_cache(maxsize=4096)
def _amount_of(text: str) -> Amount | None:
    plain = _DASHES.sub("-", text.strip().lower().replace("\u00a0", " ").replace("\u202f", " "))
    for sign in SIGNS:
        plain = plain.replace(sign, " ")
    number = number_of(plain)
    if number is not None:
        return Amount(number, number)
    match _TO.split(plain.replace("up to", "<").strip().removeprefix("between ").strip()):
        case [one]:
            return _single(one)
        case [first, second]:
            return _range(first, second)
    return None


def amount_of(value: Any) -> Amount | None:
    """A number, or what a text says, with its bounds; None for what can't be read.

    Texts: a number in the grammar of `number_of`, with k, M, bn and the like behind it, as in `10M`,
    `EUR 4.5 million`, `1,001+`, `51-200`, `51 to 200 employees`, `$10M-$50M`, `1-10M`, `over 500`, `< 50`,
    `~ 200 people`. Words that are not known make it unreadable, and so does an end before the beginning.
    """
    if type(value) is not str:
        number = number_of(value)
        return None if number is None else Amount(number, number)
    return _amount_of(value) if len(value) <= LONGEST else None


def size_of(value: Any) -> Amount | None:
    """The same of people, who are counted in whole numbers: a text as `1.001` may mean a thousand."""
    found = amount_of(value)
    return None if found is not None and type(value) is str and not found.low.is_integer() else found


def _single(text: str) -> Amount | None:
    found = _part(text)
    if found is None:
        return None
    value, factor, bound = found
    value *= factor or 1.0
    if bound == "low":
        return Amount(value, inf)
    return Amount(0.0, value) if bound == "high" else Amount(value, value)


def _range(first: str, second: str) -> Amount | None:
    """From the first number to the second, whose factor holds for both unless the first would be greater."""
    lower, upper = _part(first), _part(second)
    if lower is None or upper is None or upper[2] == "high" or lower[2] == "high":
        return None
    high = upper[0] * (upper[1] or 1.0)
    low = lower[0] * (lower[1] or 1.0)
    if lower[1] is None and upper[1] is not None and lower[0] * upper[1] <= high:
        low = lower[0] * upper[1]
    if low > high or lower[0] < 0:
        return None
    return Amount(low, inf if upper[2] == "low" else high)


def _part(text: str) -> tuple[float, float | None, str] | None:
    """A number, what a word behind it multiplies it with, and which bound it is, empty for neither."""
    found = next((one for one in PLAIN.finditer(text) if one["whole"]), None)
    if found is None:
        return None
    before, after = text[: found.start()], text[found.end() :]
    if before[-1:] in _CLOSE or after[:1] in _CLOSE:
        return None
    before, after = before.strip(), after.strip()
    bound, before = _bound(before)
    if bound is None or not _says_nothing(before):
        return None
    factor = None
    word = _WORDS.match(after)
    if word is not None and word[0].rstrip(".") in TIMES:
        factor = TIMES[word[0].rstrip(".")]
        after = after[word.end() :].removeprefix(".").strip()
    if after.startswith(("+", "or more")):
        bound, after = "low", after.removeprefix("+").removeprefix("or more").strip()
    if not _says_nothing(after):
        return None
    return written(found), factor, bound


def _bound(text: str) -> tuple[str | None, str]:
    """Which bound the words before a number make of it, and the rest of them."""
    for words, bound in ((AT_LEAST, "low"), (UP_TO, "high"), (ABOUT, "")):
        for one in sorted(words, key=len, reverse=True):
            for form in (one, f"{one}."):
                if text == form or (text.startswith(form) and not text[len(form)].isalnum()):
                    return bound, text[len(form) :].strip()
    return "", text


def _says_nothing(text: str) -> bool:
    """Whether the words beside a number say nothing about how much it is."""
    left = _WORDS.sub(lambda word: "" if word[0] in BESIDE else word[0], text)
    return not left.strip(" ./()")
