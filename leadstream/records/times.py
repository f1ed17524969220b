"""Instants are integer milliseconds since 1970-01-01 UTC; on paper they are RFC 3339 in UTC."""

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, localcontext
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY = 86_400_000
FIRST = -62_135_596_800_000
"""0001-01-01T00:00:00Z, the earliest instant that a record may carry."""
LAST = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the latest."""
SECONDS_END = 10**11
MS_END = 10**14
"""A number is one of milliseconds from the first on, up to the second: of the years 1973 to 5138. In seconds
these years are below the first, in microseconds above the second."""

_UNITS = (
    ("seconds", SECONDS_END, 3),
    ("milliseconds", MS_END, 0),
    ("microseconds", 10**17, -3),
    ("nanoseconds", 10**20, -6),
)
"""Each with the size at which it ends, and the power of ten that makes milliseconds of it."""
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LEAP_SECOND = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):60(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_PLACES = {unit: places for unit, _, places in _UNITS}


def to_ms(value: datetime) -> int:
    """Milliseconds of an aware datetime, rounded down."""
    return (value - EPOCH) // MILLISECOND


def unit_of(number: Decimal) -> str:
    """What a number of an instant counts, by its size; empty if nothing."""
    # Unlike `abs` it does not round, which fails beyond a million digits.
    size = number.copy_abs()
    return next((unit for unit, end, _ in _UNITS if size < end), "")


def ms_of(number: Decimal) -> int:
    """Milliseconds of a number of seconds, milliseconds, microseconds or nanoseconds since 1970, rounded
    down.

    Raises ValueError for one outside the years 1 to 9999.
    """
    unit = unit_of(number)
    if unit:
        with localcontext() as context:
            context.rounding = ROUND_FLOOR
            ms = int(number.scaleb(_PLACES[unit]).to_integral_value())
        if ms >= FIRST:
            return ms
    raise ValueError(f"{str(number)[:40]} is outside the years 1 to 9999")


def number_of(text: str) -> Decimal | None:
    """The number that a text is, without an exponent; None for any other text."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def leap_second(text: str) -> int | None:
    """Milliseconds of a leap second in RFC 3339, which is the second after it; None for any other text.

    One is only at the end of a month in UTC.
    """
    found = _LEAP_SECOND.fullmatch(text)
    if found is None:
        return None
    day, minute, fraction, zone = found.groups()
    try:
        after = datetime.fromisoformat(f"{day}T{minute}:59{zone.upper()}") + timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
    ms = to_ms(after)
    first = EPOCH + ms * MILLISECOND
    if (first.day, first.hour, first.minute) != (1, 0, 0):
        return None
    return ms + int(Decimal(fraction or 0) * 1000)


def parse_instant(text: str) -> int:
    """Milliseconds of an RFC 3339 text or of a number of seconds, milliseconds, microseconds or nanoseconds
    since 1970, told apart by its size.

    Raises ValueError for anything else, also for a time without an offset.
    """
    number = number_of(text)
    if number is not None:
        return ms_of(number)
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC: write 2026-01-31T12:00:00Z")
    value = to_ms(parsed)
    if not FIRST <= value <= LAST:
        raise ValueError(f"{text!r} is outside the years 1 to 9999")
    return value


def rfc3339(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    minutes, rest = divmod(ms, 60_000)
    return f"{_minute(minutes)}:{rest // 1000:02}.{rest % 1000:03}Z"


@lru_cache(maxsize=4096)
def _minute(minutes: int) -> str:
    """Date, hour and minute of the minutes since 1970-01-01."""
    return (EPOCH + timedelta(minutes=minutes)).isoformat()[:16]
