"""aiokafka's producer and consumer on the simulated cluster, as far as the stream's code uses them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    NotEnoughReplicasError,
    ProducerFenced,
    RequestTimedOutError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from leadstream.records.step import Message
from tests.simulation.kafka import Entry, Kafka
from tests.simulation.process import CURRENT, Process

FETCH_OFFSETS = 40
"""The most offsets of one fetch of a changelog."""


def records_of(batch: BatchBuilder) -> list[Message]:
    """The records of a batch as a broker reads them."""
    found = []
    records = MemoryRecords(bytes(batch._build())).next_batch()
    for place, record in enumerate(records):
        assert record.offset == place, f"record {place} of a batch has the offset {record.offset}"
        found.append((record.key, record.value, list(record.headers)))
    assert len(found) == batch.record_count(), f"{len(found)} records, counted {batch.record_count()}"
    return found


class SimulatedProducer:
    """`AIOKafkaProducer`: batches go out together, soon after they are sent; each has its own answer."""

    _txn_manager = None

    def __init__(
        self,
        *,
        transactional_id: str | None = None,
        transaction_timeout_ms: int = 60_000,
        **_: Any,
    ) -> None:
        process = CURRENT.get()
        assert process is not None, "a producer belongs to a simulated process"
        self._process: Process = process
        self._kafka: Kafka = process.kafka
        self._identity = transactional_id
        self._timeout = transaction_timeout_ms / 1000
        self._epoch = 0
        self._queue: list[tuple[list[Message], str, int, asyncio.Future[None]]] = []
        self._under_way = 0
        self._idle = asyncio.Event()
        self._in_transaction = False
        self._written = False
        self.client = self

    async def start(self) -> None:
        if self._identity is None:
            return
        identity = self._identity

        def initialize() -> int | None:
            return self._kafka.open_producer(identity)

        while (epoch := await self._process.call("init", initialize)) is None:  # noqa: ASYNC110 - a retry
            await asyncio.sleep(0.02)
        self._epoch = epoch
        if self._process.strikes("init: fenced"):
            self._kafka.fence(identity)
            raise ProducerFenced

    async def stop(self) -> None:
        await self._process.call("close", lambda: None)

    async def close(self) -> None:
        """Of `client`: ends the connection."""

    # Sending.

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self._process.batch_bytes, 0, is_transactional=int(self._identity is not None))

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[None]:
        loop = self._process.loop
        future: asyncio.Future[None] = loop.create_future()
        self._queue.append((records_of(batch), topic, partition, future))
        if not self._under_way:
            self._under_way += 1
            self._idle.clear()
            loop.call_later(self._process.faults.latency(), self._flush)
        return future

    async def send_and_wait(
        self, topic: str, *, value: bytes | None, key: bytes | None, partition: int
    ) -> None:
        """One record, outside any transaction: a tick."""

        def write() -> None:
            if self._process.strikes("tick: refused"):
                raise NotEnoughReplicasError
            self._kafka.write(topic, partition, [(key, value, [])])
            if self._process.strikes("tick: answer lost"):
                raise RequestTimedOutError

        await self._process.call("tick", write)

    def _flush(self) -> None:
        process = self._process
        if not process.alive:
            return
        stalled = process.frozen_until - process.loop.time()
        if stalled <= 0 and (slow := process.strikes("send: slow")) is not None:
            stalled = 8 * slow.amount
        if stalled > 0:
            process.loop.call_later(stalled, self._flush)
            return
        while self._queue:
            if process.strikes("send: dies before"):
                process.kill()
                return
            messages, topic, partition, future = self._queue[0]
            error: KafkaError | None = None
            try:
                if process.strikes("send: refused"):
                    error = NotEnoughReplicasError()
                elif self._written and self._identity and process.strikes("send: too late"):
                    self._kafka.expire(self._identity)
                    continue
                elif not self._write(topic, partition, messages):
                    # The markers of the last transaction are on their way.
                    process.loop.call_later(0.02, self._flush)
                    return
                elif process.strikes("send: answer lost"):
                    error = RequestTimedOutError()
            except KafkaError as refused:
                error = refused
            self._queue.pop(0)
            if process.strikes("send: dies after"):
                process.kill()
                return
            if not future.done():
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(error)
        self._under_way = 0
        self._idle.set()

    def _write(self, topic: str, partition: int, messages: Sequence[Message]) -> bool:
        identity = self._identity
        if identity is None:
            self._kafka.write(topic, partition, messages)
            return True
        assert self._in_transaction, "a send of a transactional producer outside a transaction"
        done = self._kafka.write_in_transaction(
            identity, self._epoch, topic, partition, messages, self._timeout
        )
        self._written = self._written or done
        return done

    # Transactions.

    async def begin_transaction(self) -> None:
        assert not self._in_transaction, "a transaction in a transaction"
        self._in_transaction = True
        self._written = False

    async def commit_transaction(self) -> None:
        """Waits for all sends, whatever became of them, as aiokafka does, and commits what was written."""
        while self._under_way:
            await self._idle.wait()
        if self._written:
            hanging = self._process.strikes("commit: hangs")
            if hanging is not None:
                if hanging.amount < 0.5:
                    self._end(commit=True)
                await self._process.loop.create_future()
            await self._process.call("commit", self._commit, survives=True)
        self._in_transaction = False

    async def abort_transaction(self) -> None:
        while self._under_way:
            await self._idle.wait()

        def abort() -> None:
            if self._process.strikes("abort: failed"):
                raise KafkaConnectionError("the broker is away")
            self._end(commit=False)

        if self._written:
            await self._process.call("abort", abort)
        self._in_transaction = False

    def _commit(self) -> None:
        process = self._process
        if process.strikes("commit: refused"):
            raise KafkaConnectionError("the broker is away")
        self._end(commit=True, late=process.strikes("commit: late markers") is not None)
        if process.strikes("commit: answer lost"):
            raise RequestTimedOutError
        if process.strikes("commit: fenced, though done"):
            raise InvalidProducerEpoch

    def _end(self, *, commit: bool, late: bool = False) -> None:
        assert self._identity is not None
        self._kafka.end_transaction(self._identity, self._epoch, commit=commit, late=late)


class SimulatedConsumer:
    """`AIOKafkaConsumer` outside any group, of one partition at a time: how a changelog is restored."""

    def __init__(self, *, isolation_level: str = "read_uncommitted", **_: Any) -> None:
        process = CURRENT.get()
        assert process is not None, "a consumer belongs to a simulated process"
        self._process: Process = process
        self._kafka: Kafka = process.kafka
        self._committed = isolation_level == "read_committed"
        self._position = 0
        self._highwater: int | None = None

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        [self._place] = partitions
        self._highwater = None

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._process.call("restore.start", lambda: dict.fromkeys(partitions, 0))

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._position = offset

    async def getmany(
        self, place: TopicPartition, *, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Entry]]:
        return await self._process.call("restore.fetch", lambda: self._fetch(place, max_records))

    def _fetch(self, place: TopicPartition, max_records: int) -> dict[TopicPartition, list[Entry]]:
        process = self._process
        if process.strikes("restore.fetch: failed"):
            raise KafkaConnectionError("the broker is away")
        if process.strikes("restore.fetch: nothing"):
            return {}
        partition = self._kafka.partition(place.topic, place.partition)
        offsets = 1 if process.strikes("restore.fetch: one record") else FETCH_OFFSETS
        records, self._position = partition.read(
            self._position, min(offsets, max_records), committed=self._committed
        )
        self._highwater = partition.end
        return {place: records} if records else {}

    def highwater(self, place: TopicPartition) -> int | None:
        return self._highwater

    def last_stable_offset(self, place: TopicPartition) -> int | None:
        return self._highwater

    async def position(self, place: TopicPartition) -> int:
        return self._position
