"""Instants are integer milliseconds since 1970-01-01 UTC; on paper they are RFC 3339 in UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
DAY = 86_400_000
FIRST = -62_135_596_800_000
"""0001-01-01T00:00:00Z, the earliest instant that a record may carry."""
LAST = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the latest."""


def to_ms(value: datetime) -> int:
    """Milliseconds of an aware datetime, rounded down."""
    return (value - EPOCH) // MILLISECOND


def parse_instant(text: str) -> int:
    """Milliseconds of an RFC 3339 text or of a text of digits (epoch milliseconds).

    Raises ValueError for anything else, also for a time without an offset.
    """
    if text.lstrip("-").isdigit():
        value = int(text)
    else:
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
