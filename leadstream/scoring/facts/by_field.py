"""By field, how its values are compared, measured, searched for words, and whether they can be read."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from leadstream.scoring.facts.address import address_of
from leadstream.scoring.facts.amounts import Amount, amount_of, size_of
from leadstream.scoring.facts.countries import country_of
from leadstream.scoring.facts.numbers import number_of
from leadstream.scoring.facts.phone import dialable
from leadstream.scoring.facts.text import folded, plain
from leadstream.scoring.facts.titles import title_words, words_of
from leadstream.scoring.facts.zones import known_zone

AMOUNTS: Final[Mapping[str, Callable[[Any], Amount | None]]] = {
    "company_size": size_of,
    "revenue": amount_of,
}


def comparable(field: str) -> Callable[[Any], Hashable]:
    """What the values of a field are compared by; None for what is no scalar.

    Countries by their code, sizes and revenues by their bounds, titles by their words; what can't be read so,
    and all other fields, by the text of the scalar without case.
    """
    if field in AMOUNTS:
        return _or_text(AMOUNTS[field])
    if field == "country":
        return _or_text(country_of)
    if field == "title":
        return _or_text(lambda value: title_words(value) or None if type(value) is str else None)
    return text_of


def _or_text(read: Callable[[Any], Hashable]) -> Callable[[Any], Hashable]:
    def compared_by(value: Any) -> Hashable:
        found = read(value)
        return found if found is not None else text_of(value)

    return compared_by


def text_of(value: Any) -> str | None:
    """The text of a scalar without case."""
    text = plain(value)
    return None if text is None else folded(text)


def measured(field: str) -> Callable[[Any], float | None]:
    """The number that a value of a field stands for: of sizes and revenues the lower bound."""
    read = AMOUNTS.get(field)
    if read is None:
        return number_of

    def lower_bound(value: Any) -> float | None:
        found = read(value)
        return None if found is None else found.low

    return lower_bound


def words_in(field: str) -> Callable[[str], Sequence[str]]:
    """The words of a text in a field; in titles short forms are spelled out."""
    return title_words if field == "title" else words_of


def _zone_of(value: Any) -> str | None:
    return value if type(value) is str and known_zone(value) else None


def _phone_of(value: Any) -> str | None:
    return dialable(value) if type(value) is str else None


def _text_only(value: Any) -> str | None:
    return value if type(value) is str else None


READERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "email": address_of,
    "phone": _phone_of,
    "country": country_of,
    "timezone": _zone_of,
    "title": _text_only,
    "owner": _text_only,
    **AMOUNTS,
}
"""By field, what gives None for a value that can't be read."""


def can_be_read(field: str, value: Any) -> bool:
    """Whether a value of a field says something, or says that there is nothing."""
    if value is None or (type(value) is str and not value.strip()):
        return True
    read = READERS.get(field)
    return read is None or read(value) is not None
