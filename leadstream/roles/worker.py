"""The worker role: folds the signals topic."""

import asyncio
import gc
import time

import structlog

from leadstream.kafka.clients import producer, stop_quietly
from leadstream.kafka.topics import TopicNames
from leadstream.operations import metrics
from leadstream.roles.role import Role, prepared, run_app, run_role
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.partition.rows import (
    DamagedRow,
    ModelMismatch,
    NewerEngine,
    OtherPartitions,
    check_keys,
)
from leadstream.settings import Settings
from leadstream.stream.app import ScorerApp
from leadstream.stream.clock import run_clock
from leadstream.stream.errors import OtherLog, Refused
from leadstream.stream.model_topic import ModelTopic
from leadstream.stream.preflight import added, check_rights, check_topics_for_scoring, check_transactions
from leadstream.stream.same_log import SameLog
from leadstream.stream.task import PartitionTask
from leadstream.stream.transaction import AtLeastOnceLog, TransactionalLog

log = structlog.get_logger()


def tune_gc() -> None:
    """Let the cyclic garbage collector run seldom: the fold makes many small objects and no cycles.

    With Python's thresholds it took a third of the worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


class Worker(Role):
    """One process of the scoring group."""

    name = "worker"
    default_port = 9464
    registry = metrics.WORKER

    def __init__(
        self,
        settings: Settings,
        catalog: ModelCatalog,
        start_at: int | None,
        *,
        copied_log: bool = False,
    ) -> None:
        """`copied_log` as in `SameLog`."""
        super().__init__(settings)
        self._catalog = catalog
        self._start_at = start_at
        self._names = TopicNames(settings.topic_prefix, settings.app)
        self._same_log = SameLog(settings, self._names, copied=copied_log)
        self._partitions = 0
        self._app: ScorerApp | None = None
        self._progress: dict[int, tuple[int | None, float]] = {}

    async def prepare(self) -> None:
        """Check rights, topics and transactions, and learn which topics these are."""
        tune_gc()
        await check_rights(self._settings, self._names, "worker")
        self._partitions = await check_topics_for_scoring(self._settings, self._names, self._catalog)
        if self._settings.processing_guarantee == "exactly_once":
            await check_transactions(self._settings)
        await self._same_log.start()

    async def live(self, stop: asyncio.Event) -> None:
        """Fold until `stop` is set."""
        settings = self._settings
        self._app = ScorerApp(
            settings,
            self._names.signals,
            self._partitions,
            self._make_task,
            self._start_at,
            self._same_log,
            before_folding=ModelTopic(settings, self._names.models, self._catalog).tell,
        )
        ticks = producer(settings, enable_idempotence=settings.processing_guarantee == "exactly_once")
        try:
            if not await prepared(ticks.start(), stop):
                return
            clock = run_clock(self._tasks, ticks, self._names.signals)
            await run_app(self._app, stop, clock, self._observe(), self._same_log.watch())
        finally:
            await stop_quietly(ticks)

    async def close(self) -> None:
        """End the connection that watches the topics."""
        await self._same_log.stop()

    def _make_task(self, partition: int, app: ScorerApp) -> PartitionTask:
        settings = self._settings
        exactly_once = settings.processing_guarantee == "exactly_once"
        return PartitionTask(
            partition,
            state_log=(TransactionalLog if exactly_once else AtLeastOnceLog)(
                settings, self._names, partition
            ),
            feed=app,
            make_fold=lambda rows: self._make_fold(partition, rows),
            step_signals=settings.step_signals,
            step_deadline=settings.step_deadline_seconds,
            on_failure=app.fail,
        )

    def _make_fold(self, partition: int, rows: dict[bytes, bytes]) -> PartitionFold:
        try:
            fold = PartitionFold(
                app=self._settings.app,
                topic=self._names.signals,
                partition=partition,
                partitions=self._same_log.log.partitions,
                log=self._same_log.log,
                models=self._catalog,
                rows=rows,
                offset_guard=self._settings.processing_guarantee == "at_least_once",
            )
            if fold.stored is not None and not fold.stored.log.partitions:
                check_keys(rows, partition, self._same_log.log.partitions)
            return fold
        except OtherPartitions as error:
            raise OtherLog(
                f"{error}: partitions were added to {self._names.signals}",
                added(self._partitions, "the number that there were before"),
            ) from error
        except (DamagedRow, ModelMismatch, NewerEngine) as error:
            raise Refused(str(error)) from error

    def _tasks(self) -> list[PartitionTask]:
        return list(self._app.tasks.values()) if self._app is not None else []

    async def _observe(self) -> None:
        """Keep the gauges and the health check up to date."""
        topic = self._names.signals
        while True:
            now = time.monotonic()
            tasks = self._tasks()
            for task in tasks:
                durable, since = self._progress.get(task.partition, (None, now))
                moved = task.durable != durable or not task.has_work()
                self._progress[task.partition] = (task.durable, now if moved else since)
                if task.fold is not None:
                    label = str(task.partition)
                    lag = task.lag()
                    metrics.POSITION.labels(topic, label).set(task.durable or 0)
                    metrics.LAG_RECORDS.labels(topic, label).set(lag)
                    age = max(0.0, time.time() - task.fold.now / 1000) if lag and task.fold.now else 0.0
                    metrics.LAG_SECONDS.labels(topic, label).set(age)
                    metrics.STATE_ROWS.labels(label).set(len(task.fold))
            opening = [now - task.opening_since for task in tasks if task.opened_at is None]
            metrics.OPEN.set(len(tasks) - len(opening))
            metrics.OPENING_SECONDS.set(max(opening, default=0.0))
            await asyncio.sleep(1.0)

    def unhealthy(self) -> str | None:
        """Steps must advance while there is work."""
        limit = self._settings.step_deadline_seconds
        now = time.monotonic()
        stuck = [
            task.partition
            for task in self._tasks()
            if now - self._progress.get(task.partition, (0, now))[1] > limit
        ]
        return f"no step for {limit:g} s although there is work in partitions {stuck}" if stuck else None

    def unready(self) -> str | None:
        """All assigned partitions must be open and restored."""
        problem = "not in the group yet" if self._app is None else self._app.unready()
        if problem is not None:
            return problem
        opening = [task.partition for task in self._tasks() if task.opened_at is None]
        return f"restoring partitions {opening}" if opening else None


def run_worker(
    settings: Settings, catalog: ModelCatalog, start_at: int | None = None, *, copied_log: bool = False
) -> int:
    """Run the worker until SIGTERM or SIGINT; returns the exit code of `role.run_role`."""
    return run_role(Worker(settings, catalog, start_at, copied_log=copied_log))
