"""A task with everything around it simulated, and what one straight fold of the same log writes."""

from collections.abc import Callable, Coroutine
from functools import cache
from random import Random
from typing import Any

import msgspec

from leadstream.models import load_catalog
from leadstream.records.keys import lead_key
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.stream.task import PartitionTask
from tests.simulation import virtual_time
from tests.support.simulated import (
    TOPIC,
    SimulatedFeed,
    SimulatedPartition,
    SimulatedRecord,
    SimulatedStateLog,
    Written,
)
from tests.support.waiting import until_async

STEP_SIGNALS = 50
DEADLINE = 60.0
START = 1_767_000_000_000


@cache
def catalog() -> ModelCatalog:
    return load_catalog("tenx", None)


def make_fold(rows: dict[bytes, bytes]) -> PartitionFold:
    return PartitionFold(app="simulated", topic=TOPIC, partition=0, partitions=1, models=catalog(), rows=rows)


def straight(partition: SimulatedPartition, end: int) -> Written:
    """What one fold of the log up to `end`, in one step, writes."""
    fold = make_fold({})
    records = [record for record in partition.records if record.offset < end]
    done = 0
    while done < len(records):
        done = fold.fold(records, done)
    written = Written()
    written.add(fold.take(end))
    return written


class Bench:
    """A process of the group with its one task."""

    def __init__(self, partition: SimulatedPartition, step_signals: int = STEP_SIGNALS) -> None:
        self.partition = partition
        self.log = SimulatedStateLog(partition)
        self.feed = SimulatedFeed(partition)
        self.failures: list[BaseException] = []
        self.task = PartitionTask(
            0,
            state_log=self.log,
            feed=self.feed,
            make_fold=make_fold,
            step_signals=step_signals,
            step_deadline=DEADLINE,
            on_failure=self.failures.append,
            random=Random(0),
        )

    async def opened(self) -> None:
        """Waits until the task is open and its first step, if it needs one, is committed."""
        await until_async(
            lambda: self.task.opened_at is not None and self.task.durable is not None, "the task is open"
        )

    async def folded(self, position: int) -> None:
        """Waits until everything up to `position` is committed."""
        await until_async(lambda: self.task.durable == position, f"position {position} is committed", 600)

    def feed_all(self, size: int = 10) -> None:
        """Delivers packs while there are any and the partition is not held."""
        while not self.feed.paused and (pack := self.feed.next_pack(size)):
            self.task.offer(pack)


def signal(offset: int, lead: str = "l1", **fields: Any) -> SimulatedRecord:
    """An organic form, worth 30, a second after the signal of the offset before."""
    at = START + offset * 1000
    body = {
        "id": f"s{offset}", "tenant": "acme", "lead": lead, "type": "form.submitted", "at": at,
        "data": {"channel": "organic"}, **fields,
    }  # fmt: skip
    return SimulatedRecord(offset, at, lead_key("acme", lead), msgspec.json.encode(body))


def signals(count: int, leads: int = 7) -> SimulatedPartition:
    return SimulatedPartition(signal(offset, f"l{offset % leads}") for offset in range(count))


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Runs an async test in virtual time."""

    def run() -> None:
        virtual_time.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__module__ = test.__module__
    return run


def value(metric: Any) -> float:
    found: float = metric._value.get()
    return found
