"""The timers of a partition's leads: a heap that trails the states and never misses one."""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace


class Timers:
    """Due instants by time, then key.

    The states say when their leads are due; the heap has, for each that is, an entry no later than that.
    So a lead that falls due later than before, as most do with a signal, needs no change here: the entry
    is put right when it comes up.
    """

    def __init__(self, due_of: Callable[[bytes], int], entries: Iterable[tuple[int, bytes]]) -> None:
        """`due_of` is the present due instant of a key, 0 for none; `entries` has every key that has one."""
        self._due_of = due_of
        self.heap: list[tuple[int, bytes]] = []
        self.rebuild(entries)

    def moved(self, key: bytes, before: int, due: int) -> None:
        """A lead due at `before` (0: not at all) is now due at `due`."""
        if due and (not before or due < before):
            heappush(self.heap, (due, key))

    def fired(self, key: bytes, due: int) -> None:
        """The lead that was due first has fired and is now due at `due`, 0 for not at all."""
        if due:
            heapreplace(self.heap, (due, key))
        else:
            heappop(self.heap)

    def rebuild(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Forgets all entries but these, as at the start: what signals left behind is gone."""
        self.heap[:] = entries
        heapify(self.heap)

    def first(self) -> tuple[int, bytes] | None:
        """The lead that is due first, and when; None if none is."""
        heap = self.heap
        while heap:
            entry = heap[0]
            due = self._due_of(entry[1])
            if due == entry[0]:
                return entry
            heappop(heap)
            if due and due > entry[0]:
                heappush(heap, (due, entry[1]))
            # An entry later than its lead is due has an earlier one beside it.
        return None
