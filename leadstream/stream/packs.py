"""Packs: what a consumer fetched of one partition, with the exact range of the log that it covers.

Faust's consumer hands out records one by one and judges progress by their offsets. Transaction markers and
aborted records take offsets too and are never handed out, so a gap in the offsets may be harmless or a lost
range. A pack shows which: it begins where the one before it ended, or at the target of the last seek, and
ends at the fetch position behind it.

These classes replace the fetching half of Faust's aiokafka transport. They override internals of Faust 0.15,
which is pinned; tests/stream/test_faust.py fails when an upgrade changes one. Those of aiokafka are in
leadstream.kafka.aiokafka_fetching.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage, Message
from mode.threads import WorkerThread

from leadstream.errors import LeadStreamError
from leadstream.kafka.aiokafka_fetching import Fetching, confirmed_generation, is_assigned, is_coordinated
from leadstream.kafka.clients import connection
from leadstream.records.step import LogRecord
from leadstream.settings import Settings

log = structlog.get_logger()
LEAVE_SECONDS = 1.0
"""What the last commit of offsets may take, and what leaving the group may: both are done in milliseconds
while Kafka answers, and never end while it does not."""


class PositionLost(LeadStreamError):
    """The fetch position moved without a seek: nothing read from here on can be trusted."""


@dataclass(slots=True)
class Pack:
    """Records of one partition in [begin, end) of its log.

    `epoch` counts the seeks of the partition: a pack with an older one was fetched before the last seek.
    `stable` is the end of what a reader of committed records may see.
    """

    topic: str
    partition: int
    epoch: int
    begin: int
    end: int
    stable: int
    records: Sequence[LogRecord]


class _Thread(WorkerThread):
    """A thread that neither keeps the process alive nor holds up the loop that stops it."""

    def __init__(self, service: "PackConsumerThread", **options: Any) -> None:
        super().__init__(service, **options)
        self.name = "consumer"
        self.daemon = True

    def stop(self) -> None:
        self.is_stopped.wait(LEAVE_SECONDS)


class PackConsumerThread(driver.AIOKafkaConsumerThread):
    """Fetches packs, in the thread of the aiokafka consumer.

    Only partitions that a task has opened with `open_at` are fetched: an assignment does not say where to
    begin. Holding a partition keeps its records in aiokafka's buffer.
    """

    Worker = _Thread

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ends: dict[TopicPartition, int] = {}
        self._epochs: Counter[TopicPartition] = Counter()
        self._paused: set[TopicPartition] = set()
        self._changed = asyncio.Event()
        self._sequence = 0

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> AIOKafkaConsumer:
        settings: Settings = self.app.settings
        self._assignor = self.app.assignor
        return AIOKafkaConsumer(
            **connection(settings),
            group_id=self.app.conf.id,
            client_id=self.app.conf.id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_poll_records=settings.max_poll_records,
            max_poll_interval_ms=300_000,
            max_partition_fetch_bytes=settings.fetch_bytes,
            # One request at a time is under way per broker: a long wait for idle partitions would hold up
            # the busy ones.
            fetch_max_wait_ms=50,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=max(200, settings.session_timeout_ms // 6),
            rebalance_timeout_ms=60_000,
        )

    async def open_at(self, tp: TopicPartition, offset: int) -> int:
        """Seek and let the partition be fetched from there; returns the epoch of the packs to come.

        In the consumer's thread only (`call_thread`): a seek from another thread breaks aiokafka. Does
        nothing for a partition that is not assigned any more.
        """
        consumer = self._ensure_consumer()
        self._epochs[tp] += 1
        if is_assigned(consumer, tp):
            consumer.seek(tp, offset)
            self._ends[tp] = offset
            self._paused.discard(tp)
            self._changed.set()
        return self._epochs[tp]

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self._ends.clear()
        self._paused.clear()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        # A seek that was asked for before the rebalance may have been carried out in the middle of it.
        self._ends.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_thread_stop(self) -> None:
        # Leaves the group, which takes no time, or for ever while Kafka is away: then its session expires.
        # aiokafka lets a request that it cancels here cancel the whole stop.
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await super().on_thread_stop()

    def set_shutdown(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nothing waits for it
            super().set_shutdown()

    async def stop(self) -> None:
        # It does not end while a request of its start waits for a broker that does not answer.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * LEAVE_SECONDS):
                await super().stop()

    def pause(self, tp: TopicPartition) -> None:
        """Fetch no more of a partition until it is released. From any thread."""
        self._paused.add(tp)

    def resume(self, tp: TopicPartition) -> None:
        """Fetch a held partition again. From any thread."""
        self._paused.discard(tp)
        self.thread_loop.call_soon_threadsafe(self._changed.set)

    @property
    def coordinated(self) -> bool:
        """Whether the group's coordinator is known: it is not while Kafka is away. From any thread."""
        consumer = self._consumer
        return consumer is not None and is_coordinated(consumer)

    async def heartbeat(self) -> int | None:
        """The generation of the group if the group's coordinator confirms this member in it, else None."""
        return await confirmed_generation(self._ensure_consumer())

    async def committed(self, tp: TopicPartition) -> int | None:
        """The group's committed offset of a partition."""
        return cast("int | None", await self._ensure_consumer().committed(tp))

    async def beginning(self, tp: TopicPartition) -> int:
        """The offset at which the partition's log starts."""
        return cast(int, (await self._ensure_consumer().beginning_offsets([tp]))[tp])

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is Faust's
        max_records: int | None = None,
    ) -> dict[TP, list[Any]]:
        if not self.consumer.flow_active:
            return {}
        fetching = Fetching(consumer)
        with fetching.polling():
            packs = await self._drain(fetching, active_partitions, max_records)
            if packs or fetching.is_closed:
                return packs
            self._changed.clear()
            fetched = fetching.arrival()
            changed = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait([fetched, changed], timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
                if not fetched.done():
                    fetched.cancel()
            return await self._drain(fetching, active_partitions, max_records)

    async def _drain(
        self, fetching: Fetching, active: set[TP], max_records: int | None
    ) -> dict[TP, list[Any]]:
        assignment = fetching.assignment()
        if assignment is None:
            return {}
        before = {}
        for tp in list(self._ends):
            if tp in active and tp not in self._paused and tp in assignment.tps:
                state = assignment.state_value(tp)
                if state.has_valid_position:
                    before[tp] = state.position
                    fetching.keep_as_read(tp, _tell)
        if not before:
            return {}
        # It does not give up the loop, as no reassignment is under way: positions before and after it frame
        # exactly what it returns.
        fetched = await fetching.take(before, max_records)
        packs: dict[TP, list[Any]] = {}
        for tp, position in before.items():
            begin = self._ends[tp]
            state = assignment.state_value(tp)
            end = state.position
            if position != begin:
                raise PositionLost(
                    f"{tp.topic}-{tp.partition} is at {position}, last read or sought to {begin}"
                )
            if end == begin:
                continue
            self._ends[tp] = end
            stable = state.lso if state.lso is not None and state.lso >= 0 else state.highwater
            pack = Pack(
                tp.topic, tp.partition, self._epochs[tp], begin, end, stable or end, fetched.get(tp, ())
            )
            self._sequence += 1
            packs[TP(tp.topic, tp.partition)] = [(self._sequence, pack)]
        return packs

    # Positions are the tasks' business; Faust would move them to the group's committed offsets.

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return {}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        pass

    def seek(self, partition: TP, offset: int) -> None:
        pass


def _tell(tp: TopicPartition, event: str, offset: int, reason: str) -> None:
    log.warning(event, topic=tp.topic, partition=tp.partition, offset=offset, reason=reason)


class PackConsumer(driver.Consumer):
    """Faust's consumer over packs. Offsets to commit come from the tasks, through `app.committable`."""

    _thread: PackConsumerThread

    @property
    def thread(self) -> PackConsumerThread:
        """The thread that fetches."""
        return self._thread

    async def on_stop(self) -> None:
        # Commits what was reached, for lag tools only, or waits for ever while Kafka is away. Not by
        # `timeout`: Faust answers a cancellation of its wait for another commit with one more commit.
        committing = asyncio.ensure_future(super().on_stop())
        await asyncio.wait([committing], timeout=LEAVE_SECONDS)
        if committing.done():
            committing.result()
        else:
            committing.cancel()

    def _new_consumer_thread(self) -> PackConsumerThread:
        return PackConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        sequence, pack = record
        return ConsumerMessage(
            tp.topic, tp.partition, sequence, 0.0, 0, (), None, pack, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def ack(self, message: Message) -> bool:
        message.acked = True
        self._unacked_messages.discard(message)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        pass

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return iter(
            [tp for tp in self.app.committable() if topics is None or tp in topics or tp.topic in topics]
        )

    def _new_offset(self, tp: TP) -> int | None:
        return cast("int | None", self.app.committable().get(tp))


class PackTransport(driver.Transport):
    """Faust's aiokafka transport with packs."""

    Consumer = PackConsumer
