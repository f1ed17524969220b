"""The Faust app of the worker: group membership and packs in, tasks out."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import faust
import structlog
from aiokafka import TopicPartition
from faust.auth import Credentials
from faust.types import TP

from leadstream.kafka.clients import connection
from leadstream.operations import metrics
from leadstream.scoring.partition.rows import PositionRow
from leadstream.settings import Settings
from leadstream.stream.errors import LogTruncated, Refused
from leadstream.stream.packs import Pack, PackConsumer, PackConsumerThread, PackTransport
from leadstream.stream.preflight import TIMESTAMPS_REMEDY
from leadstream.stream.same_log import RETENTION_REMEDY, SameLog
from leadstream.stream.task import PartitionTask

log = structlog.get_logger()

DRAIN_SECONDS = 3.0
"""What the step under way may take to be committed when the process stops."""
LOG_APPEND_TIME = 1
"""The timestamp type of a record whose time the broker set."""


def credentials(settings: Settings) -> Credentials | None:
    """How Faust's own producer logs in, which it starts and LeadStream does not use: as all clients do."""
    options = connection(settings)
    context = options.get("ssl_context")
    if "sasl_mechanism" not in options:
        return None if context is None else faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=options["sasl_plain_username"],
        password=options["sasl_plain_password"],
        mechanism=options["sasl_mechanism"],
        ssl_context=context,
    )


class PackApp(faust.App):
    """A Faust app whose agents get packs. Subclasses own what is behind the packs.

    Faust's tables, web server, leader election and acknowledgements are off; offsets that it commits are
    for lag tools only and come from `committable`.
    """

    role: str
    """By its name on the command line."""

    def __init__(self, group: str, settings: Settings) -> None:
        self.settings = settings
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        self._final: Mapping[TP, int] = {}
        self.joined = False
        """Whether the group has assigned anything, or nothing, to this process yet."""
        super().__init__(
            group,
            broker=f"kafka://{settings.kafka_bootstrap.replace(',', ';')}",
            broker_credentials=credentials(settings),
            store="memory://",
            key_serializer="raw",
            value_serializer="raw",
            autodiscover=False,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=False,
            broker_commit_interval=1.0,
            broker_session_timeout=settings.session_timeout_ms / 1000,
            # A slow partition is held by its task long before; the buffer counts packs.
            stream_buffer_maxsize=64,
            loghandlers=[],
            logging_config={"version": 1, "disable_existing_loggers": False},
        )
        self.on_partitions_assigned.connect(self._tasks_assigned)
        self.on_partitions_revoked.connect(self._tasks_revoked)

    def _create_directories(self) -> None:
        """None: what Faust would keep in the working folder is in Kafka here."""

    def _new_transport(self) -> PackTransport:
        return PackTransport(self.conf.broker_consumer, self, loop=self.loop)

    @property
    def thread(self) -> PackConsumerThread:
        """The thread that fetches."""
        consumer: PackConsumer = self.consumer
        return consumer.thread

    def unready(self) -> str | None:
        """What keeps this process from its part in the group; None if nothing does."""
        if not self.joined:
            return "not in the group yet"
        if not self.thread.coordinated:
            return "the group's coordinator does not answer: is Kafka up?"
        return None

    async def seek_to(self, tp: TopicPartition, offset: int) -> int:
        """Fetch a partition from an offset on; returns the epoch of the packs to come."""
        epoch: int = await self.thread.call_thread(self.thread.open_at, tp, offset)
        return epoch

    async def beginning(self, tp: TopicPartition) -> int:
        """The offset at which a partition's log starts."""
        offset: int = await self.thread.call_thread(self.thread.beginning, tp)
        return offset

    def fail(self, error: BaseException) -> None:
        """End the process with this error; the first one counts."""
        if self.failure is None:
            self.failure = error
        self.failed.set()

    def _crash(self, reason: BaseException) -> None:
        # Faust calls this, not `crash`, for an error in any of its services, and from any thread.
        with contextlib.suppress(RuntimeError):  # the loop may be closed already
            self.loop.call_soon_threadsafe(self.fail, reason)
        super()._crash(reason)

    async def on_stop(self) -> None:
        """Drain before the group is left: when it stops, Faust reports no revocation."""
        reached = await self.drain()
        if self.failure is None:
            # The consumer's thread would not answer any more after a crash.
            self._final = reached
        await super().on_stop()

    def committable(self) -> Mapping[TP, int]:
        """What may be committed to the group, per partition; at the end, what the drain reached."""
        return self._final or self.durable_positions()

    async def drain(self) -> Mapping[TP, int]:
        """Finish and commit what is folded, then close everything; returns the positions reached."""
        raise NotImplementedError

    def durable_positions(self) -> Mapping[TP, int]:
        """Up to where each partition is done for good."""
        raise NotImplementedError

    async def _tasks_assigned(self, app: Any, assigned: set[TP], **_: Any) -> None:
        raise NotImplementedError

    async def _tasks_revoked(self, app: Any, revoked: set[TP], **_: Any) -> None:
        raise NotImplementedError


class ScorerApp(PackApp):
    """The worker's app: one `PartitionTask` for each assigned partition of the signals topic.

    It is the tasks' `Feed` as well.
    """

    role = "worker"

    def __init__(
        self,
        settings: Settings,
        topic: str,
        partitions: int,
        make_task: Callable[[int, "ScorerApp"], PartitionTask],
        start_at: int | None,
        same_log: SameLog,
        before_folding: Callable[[], Awaitable[None]],
    ) -> None:
        """`partitions` is how many the topic had when this process started, `before_folding` is awaited each
        time that a partition is open and its rows fit the model."""
        self._before_folding = before_folding
        self._topic = topic
        self._partitions = partitions
        self._make_task = make_task
        self._start_at = start_at
        self._same_log = same_log
        self.tasks: dict[int, PartitionTask] = {}
        self._kept: dict[int, tuple[int, PartitionTask]] = {}
        super().__init__(settings.app, settings)
        signals = self.topic(topic, key_type=bytes, value_type=bytes)
        self.agent(signals, name="scorer")(self._route)

    async def _route(self, stream: Any) -> None:
        async for event in stream.noack().events():
            pack: Pack = event.message.value
            task = self.tasks.get(pack.partition)
            if task is not None:
                self._check_timestamps(pack)
                task.offer(pack)
            await stream.ack(event)

    def _check_timestamps(self, pack: Pack) -> None:
        # The embedded broker describes LogAppendTime and does not act on it: only records show it.
        first = pack.records[0] if pack.records and not self.settings.allow_create_time else None
        if first is not None and getattr(first, "timestamp_type", LOG_APPEND_TIME) != LOG_APPEND_TIME:
            self.fail(
                Refused(
                    f"{pack.topic}-{pack.partition} at offset {first.offset} has its producer's timestamp, "
                    f"not the broker's: a producer could set the clock of the log; {TIMESTAMPS_REMEDY}"
                )
            )

    # Feed

    async def generation(self) -> int | None:
        thread = self.thread
        confirmed: int | None = await thread.call_thread(thread.heartbeat)
        return confirmed

    async def seek(self, partition: int, offset: int) -> int:
        return await self.seek_to(TopicPartition(self._topic, partition), offset)

    async def begin(self, partition: int, stored: PositionRow | None) -> int:
        position = await self._begin(partition, stored)
        await self._before_folding()
        return position

    async def _begin(self, partition: int, stored: PositionRow | None) -> int:
        thread = self.thread
        tp = TopicPartition(self._topic, partition)
        beginning = await self.beginning(tp)
        if stored is not None:
            await self._same_log.check(partition, stored)
            if stored.position < beginning:
                raise LogTruncated(
                    f"{self._topic}-{partition} starts at {beginning}, but is folded up to {stored.position} "
                    "only: the records between are gone",
                    RETENTION_REMEDY,
                )
            return stored.position
        if self._start_at is not None:
            return max(self._start_at, beginning)
        committed = await thread.call_thread(thread.committed, tp)
        if beginning > 0 or committed is not None:
            raise Refused(
                f"{self._topic}-{partition} has no stored position, but its log starts at {beginning} "
                f"and the group {self.conf.id} has committed {committed}: state is missing; restore the "
                "changelog, or say with --start-at where a first start begins"
            )
        return 0

    def pause(self, partition: int) -> None:
        self.thread.pause(TopicPartition(self._topic, partition))

    def resume(self, partition: int) -> None:
        self.thread.resume(TopicPartition(self._topic, partition))

    # Group membership

    async def _tasks_assigned(self, app: Any, assigned: set[TP], **_: Any) -> None:
        mine = sorted(tp.partition for tp in assigned if tp.topic == self._topic)
        if mine and mine[-1] >= self._partitions:
            self.fail(self._same_log.grown(mine[-1] + 1))
            return
        if self.settings.processing_guarantee == "at_least_once" and len(mine) < self._partitions:
            self.fail(
                Refused(
                    f"assigned {len(mine)} of {self._partitions} partitions: at_least_once allows one worker "
                    f"in the group {self.conf.id}; stop the other, or use exactly_once"
                )
            )
            return
        generation = self.consumer_generation_id
        kept, self._kept = self._kept, {}
        for partition in mine:
            before, task = kept.pop(partition, (None, None))
            if task is not None and before is not None and generation != before + 1:
                await task.close()
                task = None
            task = task or self._make_task(partition, self)
            self.tasks[partition] = task
            task.start()
        for left in kept.values():
            await left[1].close()
        self.joined = True
        metrics.ASSIGNED.set(len(mine))
        log.info("partitions assigned", partitions=mine, generation=generation)

    async def _tasks_revoked(self, app: Any, revoked: set[TP], **_: Any) -> None:
        generation = self.consumer_generation_id
        tasks, self.tasks = self.tasks, {}
        deadline = self.settings.session_timeout_ms / 2000
        kept = await asyncio.gather(*(task.suspend(deadline) for task in tasks.values()))
        self._kept = {
            partition: (generation, task)
            for (partition, task), keep in zip(tasks.items(), kept, strict=True)
            if keep
        }
        metrics.ASSIGNED.set(0)
        for partition in tasks:
            metrics.forget(self._topic, partition)
        if tasks:
            log.info("partitions revoked", partitions=sorted(tasks), kept=sorted(self._kept))

    async def drain(self) -> Mapping[TP, int]:
        tasks = list(self.tasks.values())
        await asyncio.gather(*(task.suspend(DRAIN_SECONDS) for task in tasks))
        reached = self.durable_positions()
        self.tasks = {}
        tasks += [kept[1] for kept in self._kept.values()]
        self._kept = {}
        await asyncio.gather(*(task.close() for task in tasks))
        return reached

    def durable_positions(self) -> Mapping[TP, int]:
        return {
            TP(self._topic, partition): task.durable
            for partition, task in self.tasks.items()
            if task.durable is not None
        }
