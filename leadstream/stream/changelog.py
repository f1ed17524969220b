"""The changelog of the lead table: restoring a partition's rows."""

from collections.abc import Callable

from aiokafka import TopicPartition

from leadstream.kafka.clients import reader
from leadstream.records.step import Unreadable
from leadstream.settings import Settings
from leadstream.stream.errors import Refused

Progress = Callable[[int, float], None]
"""Called with the records read since the last call and the part of the changelog that is read, 0 to 1."""


async def restore_rows(
    settings: Settings, topic: str, partition: int, progress: Progress
) -> dict[bytes, bytes]:
    """The latest committed row of each key in one changelog partition.

    Reads until the position reaches the high watermark of a fetch response: a broker's answer to
    ListOffsets may be short of the end (the embedded one's is). Raises Refused at what can't be read: it may
    be state.
    """
    rows: dict[bytes, bytes] = {}
    tp = TopicPartition(topic, partition)
    consumer = reader(settings)
    await consumer.start()
    try:
        consumer.assign([tp])
        first = (await consumer.beginning_offsets([tp]))[tp]
        consumer.seek(tp, first)
        while True:
            fetched = await consumer.getmany(tp, timeout_ms=200, max_records=10_000)
            records = fetched.get(tp, ())
            for record in records:
                if isinstance(record, Unreadable):
                    raise Refused(unreadable_row(topic, partition, record))
                if record.value is None:
                    rows.pop(record.key, None)
                else:
                    rows[record.key] = record.value
            end = consumer.highwater(tp)
            position = await consumer.position(tp)
            if end is not None:
                progress(len(records), (position - first) / (end - first) if end > first else 1.0)
                if position >= end:
                    return rows
    finally:
        await consumer.stop()


def unreadable_row(topic: str, partition: int, found: Unreadable) -> str:
    """What a changelog with something unreadable means, and what to do."""
    last = "" if found.last == found.offset else f" to {found.last}"
    return (
        f"{topic}-{partition} can't be read at offset {found.offset}{last}: {found.detail}; it may be the "
        "state of leads, so nothing goes on without it: find out what writes there, and restore the topic "
        "from a copy"
    )
