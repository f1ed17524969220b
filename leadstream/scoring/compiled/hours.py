"""Hours when there is somebody, in a time zone, exact over its changes of offset."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from leadstream.scoring.facts.zones import zone_of

HORIZON = 400
"""Days within which an opening is looked for."""

_MINUTE = 60_000
_DAY = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
# A day is left at either end of the years that datetime knows, for the offsets.
_FIRST = (date(1, 1, 2).toordinal() - _EPOCH) * _DAY
_END = (date(9999, 12, 31).toordinal() - _EPOCH) * _DAY


@dataclass(frozen=True, slots=True)
class Hours:
    """Open on `days` (0 is Monday) that are no `holidays`, by local time from the minute of the day `opens`
    up to, not including, the minute `closes` (at most 1440).

    Instants are epoch milliseconds; `zone` is an IANA name, UTC if it is None or unknown.
    """

    days: frozenset[int]
    opens: int
    closes: int
    holidays: frozenset[date]

    def is_open(self, at: int, zone: str | None) -> bool:
        """Whether it is open at that instant; closed before year 1 and after year 9999."""
        if not _FIRST <= at < _END:
            return False
        day, time = divmod(at + _offset(at, zone_of(zone)), _DAY)
        return self.opens * _MINUTE <= time < self.closes * _MINUTE and self._has(day)

    def next_opening(self, at: int, zone: str | None) -> int | None:
        """The first instant from `at` on at which it is open: `at` itself, or the opening of a day, or where
        a change of offset leads into the hours. None if there is none within 400 days and before year 10000.
        """
        if at < _FIRST:
            return None
        place = zone_of(zone)
        end = min(at + HORIZON * _DAY, _END)
        while at < end:
            offset = _offset(at, place)
            until = _constant_until(at, min(at + _DAY, end), place)
            local = self._first(at + offset, until + offset)
            if local is not None:
                return local - offset
            at = until
        return None

    def _has(self, day: int) -> bool:
        # The epoch's first day was a Thursday.
        return (day + 3) % 7 in self.days and date.fromordinal(day + _EPOCH) not in self.holidays

    def _first(self, start: int, end: int) -> int | None:
        """The first open instant of local milliseconds from `start` up to `end`."""
        for day in range(start // _DAY, (end - 1) // _DAY + 1):
            first = max(start, day * _DAY + self.opens * _MINUTE)
            if first < min(end, day * _DAY + self.closes * _MINUTE) and self._has(day):
                return first
        return None


def _offset(at: int, zone: tzinfo) -> int:
    """Milliseconds that local time is ahead of UTC at that instant."""
    offset = datetime.fromtimestamp(at // 1000, zone).utcoffset()
    assert offset is not None
    return (offset.days * 86_400 + offset.seconds) * 1000


def _constant_until(start: int, end: int, zone: tzinfo) -> int:
    """The first instant after `start` with another offset, at most `end`, which is at most a day away: no
    zone has changed its offset and back within one.
    """
    offset = _offset(start, zone)
    if _offset(end - 1, zone) == offset:
        return end
    same, other = start, end - 1
    while other - same > 1:
        middle = (same + other) // 2
        if _offset(middle, zone) == offset:
            same = middle
        else:
            other = middle
    return other
