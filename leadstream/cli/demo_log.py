"""What the demo does with the log: sends signals into it, and asks how far it goes."""

from collections.abc import Callable, Iterable

from aiokafka import TopicPartition

from leadstream.kafka.clients import reader
from leadstream.kafka.log_reader import read_topic
from leadstream.kafka.log_writer import LogWriter
from leadstream.kafka.topics import TopicNames
from leadstream.records.keys import CONTROL_PREFIX, partition_of
from leadstream.settings import Settings
from leadstream.synthetic.generator import Generated

SHOW_EVERY = 500


async def send(settings: Settings, records: Iterable[Generated], show: Callable[[int], object]) -> None:
    """Sends records to the signals topic, each to its key's partition; `show` gets how many so far."""
    topic = TopicNames(settings.topic_prefix, settings.app).signals
    count = 0
    async with LogWriter(settings, topic) as writer:
        for count, record in enumerate(records, 1):
            await writer.add(partition_of(record.key, writer.partitions), record.key, record.value)
            if count % SHOW_EVERY == 0:
                show(count)
    show(count)


async def ends(settings: Settings, topics: Iterable[str], partitions: int) -> dict[tuple[str, int], int]:
    """By topic and partition, where the log ends now, open transactions included.

    A commit is acknowledged before its markers are written: for a moment the last stable offset is short of
    records that are committed already.
    """
    places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
    consumer = reader(settings)
    await consumer.start()
    try:
        consumer.assign(places)
        # A fetch response tells the end; this answer may be short of it on the embedded broker.
        for place, offset in (await consumer.end_offsets(places)).items():
            consumer.seek(place, offset)
        while waiting := [place for place in places if consumer.highwater(place) is None]:
            await consumer.getmany(*waiting, timeout_ms=200)
        return {(place.topic, place.partition): consumer.highwater(place) for place in places}
    finally:
        await consumer.stop()


async def leads_with_state(settings: Settings, partitions: int) -> int:
    """How many leads the changelog has a row of."""
    leads: set[bytes] = set()
    changelog = TopicNames(settings.topic_prefix, settings.app).changelog
    async for records in read_topic(settings, changelog, range(partitions)):
        leads.update(record.key for record in records if not record.key.startswith(CONTROL_PREFIX))
    return len(leads)
