"""A simulated worker: the real tasks, log writer and clock, in a process of a simulated group."""

import asyncio
from collections.abc import Callable
from random import Random

from leadstream.kafka import clients
from leadstream.kafka.topics import TopicNames
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.partition.rows import POSITION, LogIdentity, PositionRow, mark_of, read_position
from leadstream.settings import Settings
from leadstream.stream.clock import run_clock
from leadstream.stream.errors import OtherLog, Refused
from leadstream.stream.packs import Pack
from leadstream.stream.task import PartitionTask
from leadstream.stream.transaction import TransactionalLog
from tests.simulation.faults import Faults
from tests.simulation.fetching import Cursor
from tests.simulation.group import Group
from tests.simulation.kafka import Kafka
from tests.simulation.process import Process

SETTINGS = Settings(
    app="simulated", topic_prefix="simulated", transaction_timeout_ms=4000, step_deadline_seconds=15.0
)
NAMES = TopicNames(SETTINGS.topic_prefix, SETTINGS.app)
COMMIT_SECONDS = 3.0
"""How often the group's offsets are committed, for lag tools."""


class Worker(Process):
    """A process of the scoring group. It is its tasks' `Feed`."""

    def __init__(
        self,
        name: str,
        *,
        kafka: Kafka,
        faults: Faults,
        random: Random,
        waits: Random,
        group: Group,
        partitions: int,
        catalog: ModelCatalog,
        slowness: Callable[[int], float],
        on_end: Callable[["Worker", BaseException | None], None],
        trace: Callable[[str], None],
    ) -> None:
        super().__init__(name, kafka, faults, random)
        self.partition_tasks: dict[int, PartitionTask] = {}
        self.failure: BaseException | None = None
        self._kept: dict[int, tuple[int, PartitionTask]] = {}
        self._group = group
        self._partitions = partitions
        self._catalog = catalog
        self._on_end = on_end
        self._trace = trace
        self._waits = waits
        self._generation = -1
        self._stopping = False
        self._deaf_until = 0.0
        self._failed = asyncio.Event()
        self._step_signals = random.choice((1, 5, 40))
        self._cursors = {
            number: Cursor(
                self,
                kafka.partition(NAMES.signals, number),
                self._route,
                lambda number=number: slowness(number),  # type: ignore[misc]
            )
            for number in range(partitions)
        }
        self.spawn(self._live())

    # Life.

    def died(self) -> None:
        self._group.lose(self)
        self._on_end(self, self.failure)

    def stop(self) -> None:
        """SIGTERM."""
        self._stopping = True
        self._failed.set()

    def fail(self, error: BaseException) -> None:
        """The process ends with this error; the first one counts."""
        self._trace(f"{self.name}: fails with {error!r}")
        if self.failure is None:
            self.failure = error
        self._failed.set()

    def cut_off(self, seconds: float) -> None:
        """The group hears nothing of the worker, nor the worker of the group."""
        self._deaf_until = self.loop.time() + seconds
        self._group.lose(self)
        self.loop.call_later(seconds, self._reconnect)

    def freeze(self, seconds: float) -> None:
        super().freeze(seconds)
        self._group.lose(self)
        self.loop.call_later(seconds, self._reconnect)

    def _reconnect(self) -> None:
        if self.alive and max(self._deaf_until, self.frozen_until) <= self.loop.time():
            self._group.hear(self)

    async def _live(self) -> None:
        ticks = clients.producer(SETTINGS, enable_idempotence=True)
        await ticks.start()
        background = [
            asyncio.ensure_future(run_clock(self.partition_tasks.values, ticks, NAMES.signals)),
            asyncio.ensure_future(self._commit_offsets()),
        ]
        member = asyncio.ensure_future(self._be_member())
        failed = asyncio.ensure_future(self._failed.wait())
        await asyncio.wait([member, failed, *background], return_when=asyncio.FIRST_COMPLETED)
        for one in (member, *background):
            if one.done() and not one.cancelled() and one.exception() is not None:
                self.fail(one.exception() or AssertionError())
            one.cancel()
        await self._drain()
        self._group.leave(self)
        self.kill()

    async def _be_member(self) -> None:
        while True:
            joined = await self.call("join", lambda: self._group.join(self))
            generation, partitions = await joined
            await self.wait()
            self._generation = generation
            changed = self._group.change(self)
            await self._assigned(partitions)
            await changed
            # By the next heartbeat; one that is cut off hears of nothing.
            await asyncio.sleep(self.random.random() * 0.5)
            while self._deaf_until > self.loop.time():  # noqa: ASYNC110 - it may be put off
                await asyncio.sleep(self._deaf_until - self.loop.time())
            await self.wait()
            await self._revoked()

    async def _assigned(self, partitions: list[int]) -> None:
        for cursor in self._cursors.values():
            cursor.close()
        kept, self._kept = self._kept, {}
        for partition in partitions:
            before, task = kept.pop(partition, (None, None))
            if task is not None and before is not None and self._generation != before + 1:
                await task.close()
                task = None
            task = task or self._make_task(partition)
            self.partition_tasks[partition] = task
            task.start()
        for left in kept.values():
            await left[1].close()

    async def _revoked(self) -> None:
        for cursor in self._cursors.values():
            cursor.close()
        tasks = dict(self.partition_tasks)
        self.partition_tasks.clear()
        kept = await asyncio.gather(*(task.suspend(3.0) for task in tasks.values()))
        self._kept = {
            partition: (self._generation, task)
            for (partition, task), keep in zip(tasks.items(), kept, strict=True)
            if keep
        }
        self._trace(f"{self.name}: revoked {sorted(tasks)}, kept {sorted(self._kept)}")

    async def _drain(self) -> None:
        tasks = list(self.partition_tasks.values())
        await asyncio.gather(*(task.suspend(4.0) for task in tasks))
        self.partition_tasks.clear()
        tasks += [kept[1] for kept in self._kept.values()]
        self._kept = {}
        await asyncio.gather(*(task.close() for task in tasks))

    async def _commit_offsets(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            for partition, task in self.partition_tasks.items():
                if task.durable is not None and self._group.confirms(self, self._generation):
                    self._group.committed[partition] = task.durable
                    self._audit(partition)

    def _audit(self, partition: int) -> None:
        """What a task calls durable is committed: nothing lies between the stored position and there."""
        task = self.partition_tasks.get(partition)
        durable = None if task is None else task.durable
        if durable is None or not self._group.confirms(self, self._generation):
            return
        stored = stored_position(self.kafka, partition) or 0
        between, _ = self.kafka.partition(NAMES.signals, partition).read(stored, durable - stored)
        if between:
            self.fail(AssertionError(f"partition {partition}: durable to {durable}, committed to {stored}"))

    # The tasks.

    def _make_task(self, partition: int) -> PartitionTask:
        return PartitionTask(
            partition,
            state_log=TransactionalLog(SETTINGS, NAMES, partition),
            feed=self,
            make_fold=lambda rows: make_fold(self._catalog, partition, self._partitions, rows),
            step_signals=self._step_signals,
            step_deadline=SETTINGS.step_deadline_seconds,
            on_failure=self.fail,
            random=self._waits,
        )

    def _route(self, pack: Pack) -> None:
        task = self.partition_tasks.get(pack.partition)
        if task is not None:
            task.offer(pack)
            # Soon, while a step may still be under way.
            self.loop.call_later(0.002, self._audit, pack.partition)

    async def generation(self) -> int | None:
        def confirmed() -> int | None:
            if self._deaf_until > self.loop.time() or self.strikes("heartbeat: not confirmed"):
                return None
            return self._generation if self._group.confirms(self, self._generation) else None

        return await self.call("heartbeat", confirmed)

    async def seek(self, partition: int, offset: int) -> int:
        return await self.call("seek", lambda: self._cursors[partition].seek(offset))

    async def begin(self, partition: int, stored: PositionRow | None) -> int:
        committed = await self.call("begin", lambda: self._group.committed.get(partition))
        if stored is None and committed is not None:
            raise Refused(f"{partition} has no stored position, but the group has committed {committed}")
        if stored is None:
            return 0
        log = self.kafka.partition(NAMES.signals, partition)
        before, _ = log.read(0, stored.position)
        # Of what readers see below the position, the last; the log never changes behind a position.
        if (mark_of(before[-1]) if before else None) != stored.last:
            raise OtherLog(f"{partition} was folded up to {stored.last}", f"it ends with {before[-1:]}")
        return stored.position

    def pause(self, partition: int) -> None:
        self._cursors[partition].pause()

    def resume(self, partition: int) -> None:
        self._cursors[partition].resume()


def stored_position(kafka: Kafka, partition: int) -> int | None:
    """The position of the last committed step of a partition."""
    for entry in reversed(kafka.partition(NAMES.changelog, partition).entries):
        if entry.is_visible and entry.key == POSITION and entry.value is not None:
            return read_position(entry.value).position
    return None


def make_fold(
    catalog: ModelCatalog, partition: int, partitions: int, rows: dict[bytes, bytes]
) -> PartitionFold:
    """The fold of a partition of the simulated signals topic."""
    return PartitionFold(
        app=SETTINGS.app,
        topic=NAMES.signals,
        partition=partition,
        partitions=partitions,
        models=catalog,
        rows=rows,
        log=LogIdentity("signals", "changelog", partitions),
    )
