"""The timers of a partition's leads: what trails the states and never misses one."""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

SPAN_BITS = 20
"""A span is 2**20 ms, about 17 minutes."""
NEVER = 2**63


class Timers:
    """Due instants by time, then key.

    The states say when their leads are due; this has, for each that is, an entry no later than that. So a
    lead that falls due later than before, as most do with a signal, needs no change here: the entry is put
    right when it comes up. Entries are kept by span of time, where a lead costs the reference to its key;
    those of the spans reached are in a heap, exactly ordered.
    """

    def __init__(self, due_of: Callable[[bytes], int]) -> None:
        """`due_of` is the present due instant (ms) of a key, 0 for none."""
        self._due_of = due_of
        self._near: list[tuple[int, bytes]] = []
        self._spans: list[int] = []
        """Heap of the spans that have entries."""
        self._far: dict[int, list[bytes]] = {}
        self._opened = -1
        """The last span whose entries are in `_near`."""
        self.count = 0
        """How many entries there are, outdated ones included."""
        self.soonest = NEVER
        """No lead is due before this instant; what comes up then may be outdated."""

    def add(self, key: bytes, due: int) -> None:
        """The lead of the key is due at `due`, which is earlier than any entry that it has."""
        span = due >> SPAN_BITS
        self.count += 1
        if span <= self._opened:
            heappush(self._near, (due, key))
            start = due
        else:
            start = span << SPAN_BITS
            found = self._far.get(span)
            if found is None:
                self._far[span] = [key]
                heappush(self._spans, span)
            else:
                found.append(key)
        if start < self.soonest:
            self.soonest = start

    def rebuild(self, entries: Iterable[tuple[bytes, int]]) -> None:
        """Takes these entries in place of all there are: what signals left behind is gone."""
        self._near, self._spans, self._far = [], [], {}
        self.count, self.soonest = 0, NEVER
        for key, due in entries:
            self.add(key, due)

    def first(self) -> tuple[int, bytes] | None:
        """The lead that is due first, and when; None if none is. It stays until `fired`."""
        near = self._near
        while True:
            if self._spans and (not near or self._spans[0] << SPAN_BITS <= near[0][0]):
                self._open()
            elif not near:
                self.soonest = NEVER
                return None
            else:
                entry, key = near[0]
                due = self._due_of(key)
                if due == entry:
                    self.soonest = due
                    return near[0]
                heappop(near)
                self.count -= 1
                if due > entry:
                    self.add(key, due)
                # An entry later than its lead is due has an earlier one beside it.

    def fired(self, due: int) -> None:
        """The first lead has fired, and is due at `due` next; 0 if it is not."""
        _, key = heappop(self._near)
        self.count -= 1
        if due:
            self.add(key, due)

    def _open(self) -> None:
        """Puts the leads of the next span where their order is kept."""
        span = self._opened = heappop(self._spans)
        end = (span + 1) << SPAN_BITS
        for key in self._far.pop(span):
            due = self._due_of(key)
            self.count -= 1
            if due >= end:
                self.add(key, due)
            elif due:
                self._near.append((due, key))
                self.count += 1
        heapify(self._near)
