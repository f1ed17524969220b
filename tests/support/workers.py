"""A worker in the test's own process."""

import asyncio
from types import TracebackType
from typing import Self

from leadstream.roles.worker import Worker
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.stream.app import ScorerApp
from leadstream.stream.task import PartitionTask
from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.waiting import until_async


class RunningWorker:
    """Runs from `async with` on; at its end it is stopped as by SIGTERM, and an error of it is raised."""

    def __init__(
        self, installation: Installation, catalog: ModelCatalog, start_at: int | None = None
    ) -> None:
        self._installation = installation
        self._worker = Worker(installation.settings, catalog, start_at)
        self._stop = asyncio.Event()
        self.running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.running = asyncio.create_task(self._worker.run(self._stop))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.running is not None
        self._stop.set()
        await asyncio.wait([self.running], timeout=10)
        assert self.running.done(), "the worker does not stop"
        if error is None:
            self.running.result()

    @property
    def app(self) -> ScorerApp:
        app = self._worker._app
        assert app is not None
        return app

    def task(self, partition: int = 0) -> PartitionTask | None:
        """The task of a partition while it is assigned."""
        if self.running is not None and self.running.done():
            self.running.result()
        app = self._worker._app
        return None if app is None else app.tasks.get(partition)

    def durable(self, partition: int = 0) -> int | None:
        """The offset up to which a partition is folded and committed."""
        task = self.task(partition)
        return None if task is None else task.durable

    async def opened(self) -> None:
        """Waits until every partition is open and has its position in the changelog."""
        await until_async(
            lambda: all(
                (task := self.task(partition)) is not None
                and task.opened_at is not None
                and task.durable is not None
                for partition in range(self._installation.partitions)
            ),
            "all partitions are open",
        )

    async def at(self, *positions: int, seconds: float = 30) -> None:
        """Waits until each partition is folded and committed up to its position."""
        await until_async(
            lambda: [self.durable(partition) for partition in range(len(positions))] == list(positions),
            f"the partitions are at {positions}",
            seconds,
        )

    async def caught_up(self, log: Log, seconds: float = 30) -> None:
        """Waits until everything that is in the log now is folded and committed."""
        topic = self._installation.names.signals
        ends = [len_or_end(log, topic, partition) for partition in range(self._installation.partitions)]
        await until_async(
            lambda: all((self.durable(partition) or 0) >= end for partition, end in enumerate(ends)),
            f"the partitions are at {ends}",
            seconds,
        )


def len_or_end(log: Log, topic: str, partition: int) -> int:
    """The end of a partition, also where the broker's answer about it is wrong (the embedded one's)."""
    records = log.read(topic, partition=partition)
    return max(log.end(topic, partition), records[-1].offset() + 1 if records else 0)


async def end_of(worker: RunningWorker) -> BaseException | None:
    """Waits until the worker ends by itself; returns what with."""
    assert worker.running is not None
    await asyncio.wait([worker.running], timeout=30)
    assert worker.running.done(), "the worker does not end"
    return worker.running.exception()
