"""The clock of the log: a tick for each partition where a lead falls due while no signal comes."""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from leadstream.operations import metrics
from leadstream.records.keys import TICK_KEY
from leadstream.stream.task import PartitionTask

log = structlog.get_logger()

INTERVAL = 1.0
"""Seconds between two ticks of a partition, at least."""


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


async def run_clock(
    tasks: Callable[[], Iterable[PartitionTask]], producer: AIOKafkaProducer, topic: str
) -> None:
    """Append ticks until cancelled. A tick too many is harmless, one that is lost is sent again."""
    while True:
        started = time.monotonic()
        for partition in due(tasks(), int(time.time() * 1000)):
            try:
                await producer.send_and_wait(topic, value=b"{}", key=TICK_KEY, partition=partition)
            except KafkaError as error:
                log.warning("no tick", partition=partition, reason=repr(error))
            else:
                metrics.TICKS.inc()
        await asyncio.sleep(max(0.0, INTERVAL - (time.monotonic() - started)))
