"""Writing a step to the log: one transaction, or at least once where the broker has no transactions."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from leadstream.kafka.aiokafka_clients import appender, has_ended_itself, seal
from leadstream.kafka.clients import producer, stop_quietly
from leadstream.kafka.topics import BATCH_BYTES, TopicNames
from leadstream.operations import metrics
from leadstream.records.step import Headers, Message, Step
from leadstream.settings import Settings
from leadstream.stream.changelog import Progress, restore_rows
from leadstream.stream.errors import Fenced, Refused, StepFailed

GUARANTEE_ROW = b"\0guarantee"
"""The changelog's row that says under which guarantee the partition was written."""

_FENCED = (
    ProducerFenced,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
)


class StepLog:
    """The log as one partition's task writes it. Subclasses say what holds a step together."""

    guarantee: bytes

    def __init__(self, settings: Settings, names: TopicNames, partition: int) -> None:
        self._settings = settings
        self._names = names
        self.partition = partition
        self._producer: AIOKafkaProducer | None = None
        self._marked = False

    async def open(self) -> None:
        """Become the partition's writer; blocks until the broker answers. Raises Fenced."""
        await self.close()
        self._producer = self._new_producer()
        try:
            await self._producer.start()
        except _FENCED as error:
            raise Fenced(str(error)) from error

    async def restore(self, progress: Progress) -> dict[bytes, bytes]:
        """The partition's committed rows. Raises Refused if they were written under another guarantee."""
        rows = await restore_rows(self._settings, self._names.changelog, self.partition, progress)
        found = rows.pop(GUARANTEE_ROW, None)
        self._marked = found == self.guarantee
        if found == b"exactly_once" and not self._marked:
            raise Refused(
                f"{self._names.changelog}-{self.partition} was written exactly once: start with "
                "LEADSTREAM_PROCESSING_GUARANTEE=exactly_once"
            )
        return rows

    async def commit(self, step: Step) -> None:
        """Write the whole step. Raises Fenced if opening again mends it, or StepFailed."""
        assert self._producer is not None
        if not self._marked:
            step.changelog.append((GUARANTEE_ROW, self.guarantee))
        try:
            await self._write(self._producer, step)
        except KafkaError as error:
            if reason := why_lost(self._producer, error):
                raise Fenced(reason) from error
            raise StepFailed(
                f"partition {self.partition}: the step up to offset {step.position} was not written: "
                f"{error!r}"
            ) from error
        self._marked = True

    async def close(self) -> None:
        """Leave the log; what is not committed is aborted by the broker."""
        opened, self._producer = self._producer, None
        if opened is not None:
            # Shielded: a task that is cancelled here must not leave a producer behind.
            await asyncio.shield(asyncio.ensure_future(stop_quietly(opened)))

    def _new_producer(self) -> AIOKafkaProducer:
        raise NotImplementedError

    async def _write(self, opened: AIOKafkaProducer, step: Step) -> None:
        raise NotImplementedError

    def _outputs(self, step: Step) -> list[tuple[str, Iterable[Message]]]:
        names = self._names
        return [
            (names.actions, step.actions),
            (names.decisions, step.decisions),
            (names.scores, step.scores),
            (names.history, step.history),
            (names.dead_letters, step.dead_letters),
        ]

    async def _send_all(
        self, opened: AIOKafkaProducer, topics: Iterable[tuple[str, int, Iterable[Message]]]
    ) -> None:
        """Send and await every send: aiokafka would commit the rest of a transaction if one failed."""
        pending: list[asyncio.Future[Any]] = []
        for topic, partition, messages in topics:
            count = 0
            for batch in batches(opened, messages):
                count += batch.record_count()
                pending.append(await opened.send_batch(batch, topic, partition=partition))
            if count:
                metrics.STEP_RECORDS.labels(topic).inc(count)
        if pending:
            results = await asyncio.gather(*pending, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _send_forwards(self, opened: AIOKafkaProducer, step: Step) -> None:
        await self._send_all(
            opened,
            [(self._names.signals, partition, [message]) for partition, message in step.forwards],
        )


class TransactionalLog(StepLog):
    """Exactly once: a step is one transaction, and opening fences whoever had the partition before."""

    guarantee = b"exactly_once"

    def _new_producer(self) -> AIOKafkaProducer:
        return producer(
            self._settings,
            transactional_id=f"{self._settings.app}-scorer-{self.partition}",
            transaction_timeout_ms=self._settings.transaction_timeout_ms,
            max_batch_size=BATCH_BYTES,
        )

    async def _write(self, opened: AIOKafkaProducer, step: Step) -> None:
        await opened.begin_transaction()
        try:
            written = [(self._names.changelog, changelog_of(step)), *self._outputs(step)]
            await self._send_all(opened, [(topic, self.partition, messages) for topic, messages in written])
            # Last, as an open transaction holds up the readers of the partitions that they go to.
            await self._send_forwards(opened, step)
        except KafkaError as error:
            if why_lost(opened, error) is None:
                await opened.abort_transaction()
            raise
        started = time.perf_counter()
        await opened.commit_transaction()
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)


class AtLeastOnceLog(StepLog):
    """For brokers without transactions: outputs are confirmed first, then state and position together.

    A crash between the two repeats the outputs of the step, with the same ids.
    """

    guarantee = b"at_least_once"

    def _new_producer(self) -> AIOKafkaProducer:
        return producer(self._settings, max_batch_size=BATCH_BYTES)

    async def _write(self, opened: AIOKafkaProducer, step: Step) -> None:
        await self._send_all(
            opened, [(topic, self.partition, messages) for topic, messages in self._outputs(step)]
        )
        await self._send_forwards(opened, step)
        started = time.perf_counter()
        # The position row is the last: where the rows don't fit into one batch, a crash in between leaves
        # leads ahead of the position, and their offset guard drops what they have seen.
        await self._send_all(opened, [(self._names.changelog, self.partition, changelog_of(step))])
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - started)


def changelog_of(step: Step) -> Iterator[Message]:
    """The changed rows as messages."""
    headers: Headers = []
    return ((key, row, headers) for key, row in step.changelog)


def batches(opened: AIOKafkaProducer, messages: Iterable[Message]) -> Iterator[BatchBuilder]:
    """The messages in closed batches of at most the producer's batch size; one message may be larger."""
    now = int(time.time() * 1000)
    batch, count = opened.create_batch(), 0
    append = appender(batch)
    for key, value, headers in messages:
        if append(count, now, key, value, headers) is None:
            yield seal(batch, count)
            batch, count = opened.create_batch(), 0
            append = appender(batch)
            append(0, now, key, value, headers)
        count += 1
    if count:
        yield seal(batch, count)


def why_lost(opened: AIOKafkaProducer, error: KafkaError) -> str | None:
    """Why a producer that failed with this error takes nothing more, not even an abort; None if it does.

    Others have fenced it, or it has ended itself: aiokafka's does for any error that it does not know, a
    connection that breaks while it asks for its coordinator among them.
    """
    if isinstance(error, _FENCED):
        return repr(error)
    if has_ended_itself(opened):
        return f"its producer ended: {error.__cause__ or error!r}"
    return None
