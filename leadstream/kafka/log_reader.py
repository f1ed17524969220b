"""Reading topics from their beginning to where they end now."""

from collections.abc import AsyncIterator, Callable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from leadstream.kafka.clients import reader
from leadstream.settings import Settings

POLL_MS = 200
PACK = 4000

Progress = Callable[[int, int, int, int], None]
"""Called with the partition and three offsets of it: where it begins, the position, and the end."""


async def read_topic(
    settings: Settings,
    topic: str,
    partitions: Sequence[int],
    *,
    progress: Progress | None = None,
) -> AsyncIterator[list[ConsumerRecord]]:
    """The committed records of a topic in packs, partition after partition in the order given, each up to
    the end that it has when its turn comes.

    The end is the last stable offset of the first fetch response: what the broker answers to ListOffsets may
    be short of it (the embedded one's answer is), and behind an open transaction nothing can be read.
    """
    consumer = reader(settings)
    await consumer.start()
    try:
        for partition in partitions:
            tp = TopicPartition(topic, partition)
            consumer.assign([tp])
            first = (await consumer.beginning_offsets([tp]))[tp]
            consumer.seek(tp, first)
            end = None
            while True:
                fetched = await consumer.getmany(tp, timeout_ms=POLL_MS, max_records=PACK)
                position = await consumer.position(tp)
                if end is None:
                    end = stable_end(consumer, tp)
                records = [record for record in fetched.get(tp, ()) if end is None or record.offset < end]
                if records:
                    yield records
                if end is not None:
                    if progress is not None:
                        progress(partition, first, min(position, end), end)
                    if position >= end:
                        break
    finally:
        await consumer.stop()


async def bounds(
    settings: Settings, places: Sequence[TopicPartition]
) -> dict[TopicPartition, tuple[int, int]]:
    """Where partitions begin, and up to where committed records of them can be read now."""
    async with reader(settings) as consumer:
        consumer.assign(places)
        return await _bounds(consumer, places)


async def read_tail(
    settings: Settings, places: Sequence[TopicPartition], count: int
) -> AsyncIterator[list[ConsumerRecord]]:
    """The committed records among the last `count` offsets of each partition, in packs."""
    async with reader(settings) as consumer:
        consumer.assign(places)
        ends = await _bounds(consumer, places)
        for place, (begin, end) in ends.items():
            consumer.seek(place, max(begin, end - count))
        left = set(places)
        while left:
            for place in list(left):
                if await consumer.position(place) >= ends[place][1]:
                    left.remove(place)
                    consumer.pause(place)
            if left:
                for records in (await consumer.getmany(timeout_ms=POLL_MS, max_records=PACK)).values():
                    yield records


async def _bounds(
    consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]
) -> dict[TopicPartition, tuple[int, int]]:
    begins = await consumer.beginning_offsets(places)
    # Near the end; a fetch response has the exact one.
    for place, offset in (await consumer.end_offsets(places)).items():
        consumer.seek(place, offset)
    while waiting := [place for place in places if stable_end(consumer, place) is None]:
        await consumer.getmany(*waiting, timeout_ms=POLL_MS, max_records=PACK)
    return {place: (begins[place], stable_end(consumer, place) or 0) for place in places}


async def read_record(settings: Settings, topic: str, partition: int, offset: int) -> ConsumerRecord | None:
    """One committed record; None if there is none at that offset."""
    consumer = reader(settings)
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        consumer.seek(tp, offset)
        while True:
            fetched = await consumer.getmany(tp, timeout_ms=POLL_MS, max_records=1)
            for record in fetched.get(tp, ()):
                return record if record.offset == offset else None
            end = stable_end(consumer, tp)
            if end is not None and await consumer.position(tp) >= end:
                return None
    except OffsetOutOfRangeError:
        return None
    finally:
        await consumer.stop()


def stable_end(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int | None:
    """The offset up to which committed records can be read, as of the last fetch response; None before it."""
    stable = consumer.last_stable_offset(tp)
    # The embedded broker has no transactions and answers -1.
    end: int | None = stable if stable is not None and stable >= 0 else consumer.highwater(tp)
    return end
