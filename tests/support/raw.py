"""Record batches made by hand, byte for byte, and a producer that sends them as they are.

Nothing here is taken from the code under test: numbers, fields and CRC are as Kafka's documentation has them.
"""

import asyncio
import gzip
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest

CREATE_TIME, LOG_APPEND, TRANSACTIONAL, CONTROL = 0, 0x08, 0x10, 0x20
GZIP = 1
Pair = tuple[bytes | None, bytes | None]

_TABLE = []
for _byte in range(256):
    _value = _byte
    for _ in range(8):
        _value = _value >> 1 ^ (0x82F63B78 if _value & 1 else 0)
    _TABLE.append(_value)


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli)."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def number(value: int) -> bytes:
    """A number as zigzag varint."""
    rest = (value << 1 ^ value >> 63) & 0xFFFF_FFFF_FFFF_FFFF
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def text(value: bytes | None) -> bytes:
    """Bytes with their length in front; None has the length -1."""
    return number(-1) if value is None else number(len(value)) + value


@dataclass
class Raw:
    """A record; `delta` is its offset behind the batch's first, by default its number. `body` replaces it
    all, `length` what it says of its length, `headers` may have any bytes as names."""

    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[Pair] = ()
    delta: int | None = None
    time: int = 0
    attributes: int = 0
    header_count: int | None = None
    tail: bytes = b""
    body: bytes | None = None
    length: int | None = None

    def encoded(self, index: int) -> bytes:
        body = self.body
        if body is None:
            delta = index if self.delta is None else self.delta
            count = len(self.headers) if self.header_count is None else self.header_count
            body = bytes([self.attributes]) + number(self.time) + number(delta)
            body += text(self.key) + text(self.value) + number(count)
            body += b"".join(text(name) + text(value) for name, value in self.headers) + self.tail
        return number(len(body) if self.length is None else self.length) + body


@dataclass
class Batch:
    """A batch; fields that are None follow from the records."""

    records: Sequence[Raw] = ()
    base: int = 0
    attributes: int = CREATE_TIME
    last_delta: int | None = None
    count: int | None = None
    first_timestamp: int = 1_767_000_000_000
    max_timestamp: int = 1_767_000_000_000
    producer: int = -1
    epoch: int = -1
    sequence: int = -1
    magic: int = 2
    crc: int | None = None
    payload: bytes | None = None

    def build(self) -> bytes:
        records = b"".join(record.encoded(index) for index, record in enumerate(self.records))
        payload = self.payload
        if payload is None:
            payload = gzip.compress(records) if self.attributes & 7 == GZIP else records
        size = len(self.records)
        covered = (
            struct.pack(
                ">hiqqqhii",
                self.attributes,
                size - 1 if self.last_delta is None else self.last_delta,
                self.first_timestamp,
                self.max_timestamp,
                self.producer,
                self.epoch,
                self.sequence,
                size if self.count is None else self.count,
            )
            + payload
        )
        crc = crc32c(covered) if self.crc is None else self.crc
        return struct.pack(">qiiBI", self.base, 9 + len(covered), -1, self.magic, crc) + covered


async def produce(
    bootstrap: str, topic: str, partition: int, batch: bytes, transactional_id: str | None = None
) -> int:
    """Sends a batch as it is and returns the offset that it got. Raises AssertionError if it is refused."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        client.add_topic(topic)
        await client.force_metadata_update()
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(transactional_id, -1, 10_000, [(topic, [(partition, batch)])])
        response = await client.send(leader, request)
        [(_, [(_, error, offset, *_)])] = response.topics
        assert error == 0, f"the broker refuses the batch: error {error}"
        return int(offset)
    finally:
        await client.close()


def send_raw(bootstrap: str, topic: str, batches: Iterable[bytes], partition: int = 0) -> list[int]:
    """Sends batches one after the other; the offsets that they got."""

    async def run() -> list[int]:
        return [await produce(bootstrap, topic, partition, batch) for batch in batches]

    return asyncio.run(run())


def send_raw_in_transaction(
    bootstrap: str, identity: str, topic: str, first: Raw, batch: Batch, *, commit: bool
) -> None:
    """Sends one record as producers do and then a batch as it is, in one transaction."""

    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=identity)
        await producer.start()
        try:
            await producer.begin_transaction()
            await producer.send_and_wait(topic, first.value, first.key, partition=0)
            state = producer._txn_manager
            batch.producer, batch.epoch, batch.sequence = state.producer_id, state.producer_epoch, 1
            batch.attributes |= TRANSACTIONAL
            await produce(bootstrap, topic, 0, batch.build(), identity)
            await (producer.commit_transaction() if commit else producer.abort_transaction())
        finally:
            await producer.stop()

    asyncio.run(run())
