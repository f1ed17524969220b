"""What the values of facts mean, in the few forms that made-up leads have; by tables of its own."""

import re
import unicodedata
from decimal import Decimal
from typing import Any

COUNTRIES = {
    "DE": ["de", "deu", "germany", "deutschland"],
    "FR": ["fr", "fra", "france", "frankreich"],
    "GB": ["gb", "gbr", "uk", "united kingdom", "great britain"],
    "SE": ["se", "swe", "sweden", "sverige"],
    "US": ["us", "usa", "united states"],
}
THOUSANDS = {"k": 10**3, "m": 10**6, "million": 10**6, "bn": 10**9}
FRACTION = "(?:[.][0-9]+)?"
GROUPED = rf"(?:[0-9]{{1,3}}(?:(?:,[0-9]{{3}})+|(?: [0-9]{{3}})+)|[0-9]+){FRACTION}"
NUMBER = re.compile(rf"[+-]?(?:{GROUPED})")
AMOUNT = re.compile(
    rf"(?:eur |usd )?(?P<low>{GROUPED})(?P<times> ?(?:k|m|million|bn))?(?: employees| people)?"
)
TITLES = {
    "vp": "vice president",
    "v.p.": "vice president",
    "svp": "senior vice president",
    "sr.": "senior",
    "cto": "chief technology officer",
}


def text_of(value: Any) -> str | None:
    """The text by which scalars of several types are compared; None for what is none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if not isinstance(value, (int, float)) or value in (float("inf"), float("-inf")) or value != value:
        return None
    digits = f"{Decimal(str(value)):f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits


def bare(value: Any) -> str | None:
    """The same without case and blanks around it."""
    text = text_of(value)
    return None if text is None else unicodedata.normalize("NFC", text.casefold()).strip()


def number(value: Any) -> Decimal | None:
    """A number, or a text in the one grammar of numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str):
        text = value.strip()
        return Decimal(re.sub("[ ,]", "", text)) if NUMBER.fullmatch(text) else None
    return Decimal(str(value))


def bounds(value: Any) -> tuple[Decimal, Decimal | None] | None:
    """From and to of a size or a revenue, the latter None for an open end."""
    plain = number(value)
    if plain is not None:
        return plain, plain
    if not isinstance(value, str):
        return None
    text = value.strip().lower().replace("\u2013", "-").replace("$", "").replace("\u20ac", "")
    parts = re.split(r" ?- ?| to ", text)
    if len(parts) > 2:
        return None
    found = [AMOUNT.fullmatch(part.removesuffix("+").strip()) for part in parts]
    amounts = []
    for one in found:
        if one is None:
            return None
        amounts.append((Decimal(re.sub("[ ,]", "", one["low"])), THOUSANDS.get((one["times"] or "").strip())))
    (low, times), (high, last) = amounts[0], amounts[-1]
    if times is None and last is not None and low * last <= high * last:
        times = last
    low, high = low * (times or 1), high * (last or 1)
    if text.endswith("+"):
        return low, None
    return (low, high) if low <= high else None


def measure(fact: str, value: Any) -> Decimal | None:
    """The number that a value stands for."""
    if fact not in ("company_size", "revenue"):
        return number(value)
    found = bounds(value)
    return None if found is None else found[0]


def country(value: Any) -> str | None:
    name = bare(value) if isinstance(value, str) else None
    return next((code for code, names in COUNTRIES.items() if name in names), None)


def alike(fact: str, left: Any, right: Any) -> bool:
    """Whether two values of a fact mean the same."""
    for name, read in (("country", country), ("company_size", bounds), ("revenue", bounds)):
        if fact == name and read(left) is not None and read(right) is not None:
            return bool(read(left) == read(right))
    if fact == "title" and isinstance(left, str) and isinstance(right, str):
        return words_of(fact, left) == words_of(fact, right)
    return bare(left) is not None and bare(left) == bare(right)


def words_of(fact: str, text: str) -> list[str]:
    """The words of a text; of a title with all of them spelled out."""
    text = bare(text) or ""
    if fact == "title":
        text = " ".join(TITLES.get(word.strip(","), word) for word in text.split())
    text = "".join(one if one.isalnum() else " " for one in text)
    if fact == "title":
        text = " ".join(TITLES.get(word, word) for word in text.split())
        # A vice president is no president.
        text = text.replace("vice president", "vicepresident")
    return text.split()


def has_row(words: list[str], row: list[str]) -> bool:
    """Whether the words of a row stand one after the other."""
    return bool(row) and any(words[i : i + len(row)] == row for i in range(len(words)))
