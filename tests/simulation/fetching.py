"""A simulated consumer: what it fetches becomes packs, which reach their task after a while, or not."""

import asyncio
from collections.abc import Callable
from functools import partial

from leadstream.stream.packs import Pack
from tests.simulation.kafka import Partition
from tests.simulation.process import Process

REST_SECONDS = 0.04
"""From one fetch of a partition to the next, at least."""


class Cursor:
    """Where the consumer of a process stands in one partition. Nothing is fetched before the first seek."""

    def __init__(
        self,
        process: Process,
        partition: Partition,
        deliver: Callable[[Pack], None],
        slowness: Callable[[], float],
    ) -> None:
        self._process = process
        self._partition = partition
        self._deliver = deliver
        self._slowness = slowness
        self._epoch = 0
        self._position = 0
        self._is_open = False
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._pack_offsets = process.random.choice((2, 6, 30))
        self._always_full = process.random.random() < 0.5
        self._behind = False

    def seek(self, offset: int) -> int:
        """Fetches from there on; returns the epoch of the packs to come."""
        self._epoch += 1
        self._position = offset
        self._is_open = True
        self._paused = False
        self._soon()
        return self._epoch

    def close(self) -> None:
        """Fetches no more until the next seek."""
        self._is_open = False

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._soon()

    def _soon(self) -> None:
        if self._timer is None and self._process.alive:
            delay = REST_SECONDS + self._process.faults.latency() + self._slowness()
            self._timer = self._process.loop.call_later(delay, self._fetch)

    def _fetch(self) -> None:
        self._timer = None
        process = self._process
        if not process.alive or not self._is_open or self._paused:
            return
        if process.frozen_until > process.loop.time():
            self._timer = process.loop.call_at(process.frozen_until + 0.001, self._fetch)
            return
        begin = self._position
        size = self._pack_offsets if self._always_full else process.random.randint(1, self._pack_offsets)
        records, end = self._partition.read(begin, size)
        if end == begin:
            if not self._behind:
                self._behind = True
                self._partition.waiting.append(self._woken)
            return
        self._position = end
        partition = self._partition
        pack = Pack(partition.topic, partition.number, self._epoch, begin, end, partition.stable, records)
        self._send(pack)
        self._soon()

    def _woken(self) -> None:
        self._behind = False
        self._soon()

    def _send(self, pack: Pack) -> None:
        process = self._process
        # A gap shows by what comes after it.
        if pack.end < pack.stable and process.strikes("pack: lost"):
            return
        late = process.strikes("pack: late")
        self._arrive_in(0.001 if late is None else 0.05 + late.amount * 3, pack)
        again = process.strikes("pack: twice")
        if again is not None:
            self._arrive_in(0.002 + again.amount * 3, pack)

    def _arrive_in(self, seconds: float, pack: Pack) -> None:
        self._process.loop.call_later(seconds, partial(self._arrive, pack))

    def _arrive(self, pack: Pack) -> None:
        process = self._process
        if not process.alive:
            return
        if process.frozen_until > process.loop.time():
            process.loop.call_at(process.frozen_until + 0.001, self._arrive, pack)
            return
        if process.faults.trace is not None:
            place = f"{pack.topic}-{pack.partition} [{pack.begin}, {pack.end})"
            process.faults.trace(f"{process.name}: pack {place} of epoch {pack.epoch}")
        self._deliver(pack)
