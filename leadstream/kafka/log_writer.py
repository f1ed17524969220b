"""Sending many records to a topic, in batches, with every one acknowledged."""

import asyncio
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownError

from leadstream.kafka.clients import producer, stop_quietly
from leadstream.kafka.topics import SIGNAL_BYTES, key_partitions
from leadstream.settings import Settings

MAX_PENDING = 32
"""Batches sent and not yet acknowledged; `add` waits for the oldest when there are more."""
BATCH_BYTES = 262_144


class LogWriter:
    """An open topic to write to, idempotent where the broker can be.

    Records of one partition keep their order. Raises `TopicAbsent` when opened, `KafkaError` or
    `TimeoutError` (after the settings' step deadline) from `add` and `flush`; what is acknowledged by then
    is in `acknowledged`.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._open: dict[int, tuple[Any, int]] = {}
        self._pending: deque[tuple[asyncio.Future[Any], int]] = deque()
        self.partitions = 0
        """By how many partitions keys are placed."""
        self.acknowledged = 0

    async def __aenter__(self) -> Self:
        self.partitions = await key_partitions(self._settings, self._topic)
        try:
            self._producer = await self._started(enable_idempotence=True)
        except UnknownError:
            # What a broker without producer ids answers (the embedded one).
            self._producer = await self._started(enable_idempotence=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                await self.flush()
        finally:
            # After a failure what can't be delivered would be waited for.
            await stop_quietly(self._producer)

    async def add(
        self,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Adds a record; it is sent when its batch is full, or by `send`."""
        batch, count = self._open.get(partition, (None, 0))
        if batch is None or batch.append(key=key, value=value, timestamp=None, headers=list(headers)) is None:
            if batch is not None:
                await self._send(partition, batch, count)
            batch, count = self._producer.create_batch(), 0
            batch.append(key=key, value=value, timestamp=None, headers=list(headers))
        self._open[partition] = batch, count + 1

    async def send(self) -> None:
        """Sends all batches as they are, and does not wait for them."""
        opened, self._open = self._open, {}
        for partition, (batch, count) in opened.items():
            await self._send(partition, batch, count)

    async def flush(self) -> None:
        """Sends everything and waits until it is acknowledged."""
        await self.send()
        while self._pending:
            await self._acknowledge()

    async def _started(self, *, enable_idempotence: bool) -> AIOKafkaProducer:
        opened = producer(
            self._settings,
            enable_idempotence=enable_idempotence,
            max_batch_size=BATCH_BYTES,
            max_request_size=SIGNAL_BYTES,
        )
        try:
            await opened.start()
        except BaseException:
            await opened.stop()
            raise
        return opened

    async def _send(self, partition: int, batch: Any, count: int) -> None:
        batch.close()
        async with asyncio.timeout(self._settings.step_deadline_seconds):
            future = await self._producer.send_batch(batch, self._topic, partition=partition)
        self._pending.append((future, count))
        while len(self._pending) > MAX_PENDING:
            await self._acknowledge()

    async def _acknowledge(self) -> None:
        future, count = self._pending.popleft()
        async with asyncio.timeout(self._settings.step_deadline_seconds):
            await future
        self.acknowledged += count
