"""The projector role: the topics that the worker writes, into PostgreSQL.

The same machine as the worker with another store: packs in, one PostgreSQL transaction per step, the
position moved in it.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from random import Random
from typing import Any, Protocol

import structlog
from aiokafka import TopicPartition
from faust.types import TP

from leadstream.backoff import RANDOM, Backoff
from leadstream.kafka.topic_identity import TopicIdentity
from leadstream.kafka.topics import TopicNames, describe_topics
from leadstream.operations import metrics
from leadstream.projection.errors import (
    OTHER_TOPIC_REMEDY,
    OtherTopic,
    PositionMismatch,
    SchemaMismatch,
    StoreUnavailable,
)
from leadstream.projection.migrate import migrate
from leadstream.projection.sink import Sink
from leadstream.projection.store import ProjectionStore
from leadstream.records.outputs import Kind
from leadstream.records.step import LogRecord
from leadstream.roles.role import Role, run_app, run_role
from leadstream.settings import Settings
from leadstream.stream.app import PackApp
from leadstream.stream.errors import LogTruncated, OtherLog, Refused
from leadstream.stream.pack_queue import PackQueue
from leadstream.stream.packs import Pack
from leadstream.stream.preflight import check_present, check_rights, when_kafka_answers
from leadstream.stream.same_log import replaced
from leadstream.stream.topic_watch import TopicWatch

log = structlog.get_logger()

STEP_RECORDS = 20_000
"""The most records of one PostgreSQL transaction; packs that waited are applied together."""


class Fetching(Protocol):
    """What holds the fetching of a partition, and lets it go on."""

    def pause(self, tp: TopicPartition) -> None: ...
    def resume(self, tp: TopicPartition) -> None: ...


class Host(Protocol):
    """What a `ProjectionTask` knows of the app that it is one of."""

    @property
    def thread(self) -> Fetching: ...

    async def beginning(self, tp: TopicPartition) -> int:
        """The first offset that the partition still has."""
        ...

    async def seek_to(self, tp: TopicPartition, offset: int) -> int:
        """Fetches from the offset on; returns the epoch that its packs are marked with."""
        ...

    def fail(self, error: BaseException) -> None:
        """Ends the process with the error."""
        ...


class ProjectionTask:
    """Projects one partition of one topic. Backs off and goes on by itself while PostgreSQL is away."""

    def __init__(self, tp: TopicPartition, app: Host, sink: Sink, random: Random = RANDOM) -> None:
        """`random` is the source of the jitter of waits."""
        self.tp = tp
        self.position: int | None = None
        self.opening_since = time.monotonic()
        self.away: str | None = None
        """Why PostgreSQL does not accept what waits."""
        self._waiting_since: int | None = None
        self._app = app
        self._sink = sink
        self._random = random
        self._packs = PackQueue(lambda: app.thread.pause(tp), lambda: app.thread.resume(tp))
        self._runner = asyncio.create_task(self._run(), name=f"projection-{tp.topic}-{tp.partition}")

    def offer(self, pack: Pack) -> None:
        """Queue a fetched pack; holds the partition when enough wait."""
        self._packs.offer(pack)

    async def close(self) -> None:
        """End the task; a transaction under way is rolled back."""
        self._runner.cancel()
        await asyncio.wait([self._runner])

    def lag(self) -> int:
        """Offsets between the position and the end that readers may see."""
        return 0 if self.position is None else max(0, self._packs.stable - self.position)

    def waiting_since(self) -> int | None:
        """The time (epoch ms) of the oldest record that is fetched and not in the tables."""
        if self._waiting_since is not None:
            return self._waiting_since
        pack = self._packs.peek()
        return pack.records[0].timestamp if pack is not None and pack.records else None

    async def _run(self) -> None:
        backoff = Backoff(0.2, 5.0, random=self._random)
        try:
            while True:
                try:
                    await self._seek()
                    while True:
                        await self._step()
                        self.away = None
                        backoff.reset()
                except PositionMismatch as error:
                    metrics.STALE_PACKS.inc()
                    log.info("sought", topic=self.tp.topic, partition=self.tp.partition, reason=str(error))
                except StoreUnavailable as error:
                    self.away = str(error)
                    wait = backoff.next()
                    log.warning(
                        "postgresql is away",
                        retry_in=round(wait, 2),
                        topic=self.tp.topic,
                        partition=self.tp.partition,
                        reason=self.away,
                    )
                    await asyncio.sleep(wait)
        except asyncio.CancelledError:
            raise
        except (OtherTopic, SchemaMismatch) as error:
            self._app.fail(Refused(str(error)))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the process must end with it
            self._app.fail(error)

    async def _seek(self) -> None:
        stored = await self._sink.position(self.tp.topic, self.tp.partition)
        beginning = await self._app.beginning(self.tp)
        if stored is not None and stored < beginning:
            raise LogTruncated(
                f"{self.tp.topic}-{self.tp.partition} starts at {beginning}, but is projected up to {stored} "
                "only: the records between are gone",
                "raise the topic's retention and rebuild the tables",
            )
        begin = beginning if stored is None else stored
        if begin != self.position:
            # What failed is in the tables nevertheless, or is no longer what comes next.
            self._waiting_since = None
        if self._waiting_since is None:
            self.away = None
        self.position = begin
        self._packs.clear()
        self._packs.expect(await self._app.seek_to(self.tp, begin))

    async def _step(self) -> None:
        while (pack := self._packs.peek()) is None:
            await self._packs.wait()
        begin = self.position
        assert begin is not None
        end = begin
        records: list[LogRecord] = []
        if pack.begin != begin:
            raise PositionMismatch(self.tp.topic, self.tp.partition, pack.begin, begin)
        while pack is not None and pack.begin == end and len(records) < STEP_RECORDS:
            self._packs.take()
            records.extend(pack.records)
            end = pack.end
            pack = self._packs.peek()
        if records:
            self._waiting_since = records[0].timestamp
        started = time.perf_counter()
        applied = await self._sink.apply(self.tp.topic, self.tp.partition, begin, end, records)
        metrics.PROJECTION_SECONDS.observe(time.perf_counter() - started)
        metrics.PROJECTED.labels(self.tp.topic).inc(len(records))
        metrics.PROJECTION_DEAD_LETTERS.inc(applied.dead)
        self._waiting_since = None
        self.position = end


class ProjectorApp(PackApp):
    """One `ProjectionTask` for each assigned partition of the projected topics."""

    role = "projector"

    def __init__(self, settings: Settings, topics: Mapping[str, Kind], sink: Sink) -> None:
        self.tasks: dict[TopicPartition, ProjectionTask] = {}
        self._sink = sink
        super().__init__(f"{settings.app}-projector", settings)
        self._projected = frozenset(topics)
        channel = self.topic(*topics, key_type=bytes, value_type=bytes)
        self.agent(channel, name="projector")(self._route)

    async def _route(self, stream: Any) -> None:
        async for event in stream.noack().events():
            pack = event.message.value
            task = self.tasks.get(TopicPartition(pack.topic, pack.partition))
            if task is not None:
                task.offer(pack)
            await stream.ack(event)

    async def _tasks_assigned(self, app: Any, assigned: set[TP], **_: Any) -> None:
        for tp in sorted(assigned):
            if tp.topic in self._projected:
                key = TopicPartition(tp.topic, tp.partition)
                self.tasks[key] = ProjectionTask(key, self, self._sink)
        self.joined = True
        metrics.ASSIGNED.set(len(self.tasks))
        log.info("partitions assigned", count=len(self.tasks), generation=self.consumer_generation_id)

    async def _tasks_revoked(self, app: Any, revoked: set[TP], **_: Any) -> None:
        lost = list(self.tasks)
        await self.drain()
        metrics.ASSIGNED.set(0)
        for tp in lost:
            metrics.forget(*tp)

    def away(self) -> str | None:
        """Why PostgreSQL does not accept what one of the partitions writes; None if it accepts all."""
        return next((task.away for task in self.tasks.values() if task.away is not None), None)

    async def drain(self) -> Mapping[TP, int]:
        tasks = list(self.tasks.values())
        await asyncio.gather(*(task.close() for task in tasks))
        reached = self.durable_positions()
        self.tasks = {}
        return reached

    def durable_positions(self) -> Mapping[TP, int]:
        return {TP(*key): task.position for key, task in self.tasks.items() if task.position is not None}


class Tables(ProjectionStore):
    """PostgreSQL, its tables brought to this version first."""

    async def open(self) -> None:
        await migrate(self.dsn, self.schema)
        await super().open()


class Projector(Role):
    """One process of the projecting group."""

    name = "projector"
    default_port = 9465
    registry = metrics.PROJECTOR

    def __init__(self, settings: Settings, sink: Sink | None = None) -> None:
        """Projects into `sink`; without one into PostgreSQL, as the settings say."""
        super().__init__(settings)
        # Until PostgreSQL was asked; 0 would say that it is away.
        metrics.STORE_UP.set(math.nan)
        self._names = TopicNames(settings.topic_prefix, settings.app)
        self._topics = self._names.projected
        self._sink = sink or Tables(
            settings.postgres_dsn.get_secret_value(), settings.postgres_schema, self._topics
        )
        self._watch = TopicWatch(settings, list(self._topics))
        self._app: ProjectorApp | None = None
        self._away: str | None = None

    async def prepare(self) -> None:
        """Check rights and topics, learn which topics these are, and make the tables."""
        await check_rights(self._settings, self._names, "projector")
        wanted = list(self._topics)
        states = await when_kafka_answers(lambda: describe_topics(self._settings, wanted), "topics")
        check_present(wanted, states, self._names.models)
        await self._watch.start()
        self._sink.topic_ids = {topic: found.id for topic, found in self._watch.found.items()}
        backoff = Backoff(0.5, 10.0)
        while True:
            try:
                await self._sink.open()
            except StoreUnavailable as error:
                self._away = str(error)
                metrics.STORE_UP.set(0)
                wait = backoff.next()
                log.warning("postgresql is away", retry_in=round(wait, 2), reason=str(error))
            except SchemaMismatch as error:
                raise Refused(str(error)) from error
            else:
                self._away = None
                metrics.STORE_UP.set(1)
                return
            await asyncio.sleep(wait)

    async def live(self, stop: asyncio.Event) -> None:
        """Project until `stop` is set."""
        self._app = ProjectorApp(self._settings, self._topics, self._sink)
        await run_app(self._app, stop, self._observe(), self._watch.watch(judge))

    async def close(self) -> None:
        """End the connections."""
        await self._watch.stop()
        await self._sink.close()

    async def _observe(self) -> None:
        while True:
            now = time.monotonic()
            tasks = dict(self._app.tasks) if self._app is not None else {}
            for tp, task in tasks.items():
                label = str(tp.partition)
                lag = task.lag()
                metrics.POSITION.labels(tp.topic, label).set(task.position or 0)
                metrics.LAG_RECORDS.labels(tp.topic, label).set(lag)
                since = task.waiting_since()
                age = 0.0 if since is None else max(0.0, time.time() - since / 1000)
                metrics.LAG_SECONDS.labels(tp.topic, label).set(age)
            opening = [now - task.opening_since for task in tasks.values() if task.position is None]
            metrics.OPEN.set(len(tasks) - len(opening))
            metrics.OPENING_SECONDS.set(max(opening, default=0.0))
            if self._app is not None:
                metrics.STORE_UP.set(0 if self._app.away() else 1)
            await asyncio.sleep(1.0)

    def unhealthy(self) -> str | None:
        """A projector that waits for PostgreSQL is well: a restart would not help it."""
        return None

    def unready(self) -> str | None:
        """PostgreSQL must accept what is written, and every assigned partition have read its position."""
        if self._app is None:
            return self._away or "not in the group yet"
        problem = self._app.away() or self._app.unready()
        if problem is not None:
            return problem
        opening = sum(task.position is None for task in self._app.tasks.values())
        return f"{opening} partitions without a position yet" if opening else None


def judge(topic: str, before: TopicIdentity, now: TopicIdentity | None) -> OtherLog | None:
    """What is wrong with a topic that was one and is another now."""
    other = replaced(topic, before, now)
    return None if other is None else OtherLog(other, OTHER_TOPIC_REMEDY)


def run_projector(settings: Settings) -> int:
    """Run the projector until SIGTERM or SIGINT; returns the exit code of `role.run_role`."""
    return run_role(Projector(settings))
