"""The clock of the log: ticks where a lead falls due and no signal comes, sweeps where leads are to move."""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from leadstream.operations import metrics
from leadstream.records.control import SWEEP_KEY, Sweep, control_value
from leadstream.records.keys import TICK_KEY
from leadstream.stream.task import PartitionTask

log = structlog.get_logger()

INTERVAL = 1.0
"""Seconds between two ticks of a partition, at least."""
SWEEP_INTERVAL = 0.02
"""Seconds between two looks at where a sweep stands, while one goes on."""
LOST = 10.0
"""Seconds after which a sweep record that was not folded is sent again."""


def due(tasks: Iterable[PartitionTask], now: int) -> list[int]:
    """The open, caught-up partitions in which a lead is due at `now` (epoch milliseconds).

    One that lags needs no tick: the records that wait move its time.
    """
    found = []
    for task in tasks:
        if task.fold is None or task.opened_at is None or task.lag() or task.has_work():
            continue
        next_due = task.fold.next_due()
        if next_due is not None and next_due <= now:
            found.append(task.partition)
    return found


class Sweeper:
    """Which sweep records are to be sent: of each partition the next, once the one before it is folded."""

    def __init__(self) -> None:
        self._sent: dict[int, tuple[Sweep, float]] = {}
        self.pending = False
        """Whether a partition has leads to be moved."""

    def wanted(self, tasks: Iterable[PartitionTask], now: float) -> list[tuple[int, Sweep]]:
        """By partition the record to send at `now`, in seconds of a clock that only goes forward."""
        found = []
        self.pending = False
        for task in tasks:
            if task.fold is None or task.opened_at is None:
                continue
            sweep = task.fold.next_sweep()
            if sweep is None:
                continue
            self.pending = True
            sent, at = self._sent.get(task.partition, (None, 0.0))
            if sent != sweep or now - at > LOST:
                self._sent[task.partition] = (sweep, now)
                found.append((task.partition, sweep))
        return found


async def run_clock(
    tasks: Callable[[], Iterable[PartitionTask]], producer: AIOKafkaProducer, topic: str
) -> None:
    """Append ticks and sweeps until cancelled. One too many is harmless, one that is lost is sent again."""
    sweeper = Sweeper()
    ticked = -INTERVAL
    while True:
        started = time.monotonic()
        wanted = [
            (partition, SWEEP_KEY, control_value(sweep))
            for partition, sweep in sweeper.wanted(tasks(), started)
        ]
        if started - ticked >= INTERVAL:
            ticked = started
            now = int(time.time() * 1000)
            wanted += [(partition, TICK_KEY, b"{}") for partition in due(tasks(), now)]
        for partition, key, value in wanted:
            try:
                await producer.send_and_wait(topic, value=value, key=key, partition=partition)
            except KafkaError as error:
                log.warning(
                    "no control record", key=key[1:].decode(), partition=partition, reason=repr(error)
                )
            else:
                (metrics.TICKS if key == TICK_KEY else metrics.SWEEPS).inc()
        interval = SWEEP_INTERVAL if sweeper.pending else INTERVAL
        await asyncio.sleep(max(0.0, interval - (time.monotonic() - started)))
