"""The packs of one partition that wait for its task."""

import asyncio
from collections import deque
from collections.abc import Callable

from leadstream.operations import metrics
from leadstream.stream.packs import Pack

QUEUED_PACKS = 8
"""A partition with more packs waiting is held until half of them are taken."""


class PackQueue:
    """Packs in the order in which they were fetched.

    `pause` and `resume` stop and go on with the fetching of the partition. Packs of an epoch before the
    expected one were fetched before the last seek: they are dropped, as what that fetches is on its way.
    """

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self.stable = 0
        """The end of what readers may see, as the newest pack has it."""
        self._pause = pause
        self._resume = resume
        self._packs: deque[Pack] = deque()
        self._arrived = asyncio.Event()
        self._epoch = 0
        self._paused = False

    def __len__(self) -> int:
        return len(self._packs)

    def offer(self, pack: Pack) -> None:
        """Queue a fetched pack; holds the partition when enough wait."""
        if pack.epoch < self._epoch:
            metrics.STALE_PACKS.inc()
            return
        self._packs.append(pack)
        self.stable = pack.stable
        if len(self._packs) > QUEUED_PACKS and not self._paused:
            self._paused = True
            self._pause()
        self._arrived.set()

    def peek(self) -> Pack | None:
        """The next pack, which stays; None if none waits."""
        while self._packs and self._packs[0].epoch < self._epoch:
            self._pop()
            metrics.STALE_PACKS.inc()
        return self._packs[0] if self._packs else None

    def take(self) -> Pack | None:
        """The next pack; None if none waits. Releases a held partition when half of its packs are taken."""
        return None if self.peek() is None else self._pop()

    async def wait(self) -> None:
        """Returns at the next `offer` or `wake`."""
        self._arrived.clear()
        await self._arrived.wait()

    def wake(self) -> None:
        """End a `wait` without a pack."""
        self._arrived.set()

    def clear(self) -> None:
        """Drop all that waits, before a seek, which releases the partition by itself."""
        self._packs.clear()
        self._paused = False

    def expect(self, epoch: int) -> None:
        """From now on packs of an earlier epoch are dropped."""
        self._epoch = epoch

    def _pop(self) -> Pack:
        pack = self._packs.popleft()
        if self._paused and len(self._packs) <= QUEUED_PACKS // 2:
            self._paused = False
            self._resume()
        return pack
