"""The times at which a rule with `repeat` scored: which ordinal a signal has in its window."""

import sys
from array import array
from bisect import bisect_right
from struct import Struct

MAX_OCCURRENCES = 64

_time = Struct("<q")
_pack, _unpack = _time.pack, _time.unpack_from


def ordinal_of(ring: bytes, at: int, within: int) -> tuple[int, bytes]:
    """The ordinal of an occurrence at `at` among those before it in arrival, and the ring with it added.

    Counted are the occurrences in (at - within, at], this one included; of a window of 0 all that are kept.
    The ring is the times, 8 bytes each, ascending: of the last 64, those less than two windows older than
    the newest. So a signal up to one window late still finds all of its own window.
    """
    if ring:
        length = len(ring)
        if at >= _unpack(ring, length - 8)[0] and (not within or _unpack(ring)[0] > at - within):
            # The usual case: the newest of a window that has them all.
            return length // 8 + 1, ring[-8 * (MAX_OCCURRENCES - 1) :] + _pack(at)
    times = times_of(ring)
    place = bisect_right(times, at)
    ordinal = place - bisect_right(times, at - within, 0, place) + 1 if within else len(times) + 1
    times.insert(place, at)
    first = bisect_right(times, times[-1] - 2 * within) if within else 0
    if first or len(times) > MAX_OCCURRENCES:
        del times[: max(first, len(times) - MAX_OCCURRENCES)]
    return ordinal, packed(times)


def merged_rings(ours: list[bytes] | None, theirs: list[bytes] | None) -> list[bytes] | None:
    """Per ring the last occurrences of both."""
    if not theirs or not ours:
        return ours or theirs
    rings = []
    for index in range(max(len(ours), len(theirs))):
        times = array("q")
        for one in (ours, theirs):
            times.extend(times_of(one[index]) if index < len(one) else ())
        rings.append(packed(array("q", sorted(times)[-MAX_OCCURRENCES:])))
    return rings


def packed(times: "array[int]") -> bytes:
    """The ring of times."""
    if sys.byteorder == "big":
        times.byteswap()
    return times.tobytes()


def times_of(ring: bytes) -> "array[int]":
    """The times of a ring, in ms; its bytes are little-endian."""
    times = array("q", ring)
    if sys.byteorder == "big":
        times.byteswap()
    return times
