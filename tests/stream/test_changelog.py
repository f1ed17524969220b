"""A partition's rows are restored up to where its changelog really ends."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from leadstream.devstack import KafkaAddress
from leadstream.settings import Settings
from leadstream.stream.changelog import restore_rows
from tests.support.log import Log, Sent
from tests.support.waiting import until

from .conftest import Install


def restore(bootstrap: str, topic: str) -> tuple[dict[bytes, bytes], list[tuple[int, float]]]:
    """The rows of partition 0, and the progress that was told."""
    told: list[tuple[int, float]] = []
    rows = asyncio.run(
        restore_rows(
            Settings(kafka_bootstrap=bootstrap), topic, 0, lambda records, part: told.append((records, part))
        )
    )
    return rows, told


def write_batches(bootstrap: str, topic: str, batches: int, size: int) -> None:
    """Batches of `size` records each, as librdkafka would not promise to make them."""

    async def write() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        await producer.start()
        try:
            for number in range(batches):
                batch = producer.create_batch()
                for place in range(size):
                    batch.append(key=b"k%d" % (number * size + place), value=b"v%d" % number, timestamp=None)
                await (await producer.send_batch(batch, topic, partition=0))
        finally:
            await producer.stop()

    asyncio.run(write())


def test_all_rows_are_restored_up_to_the_high_watermark(install: Install, log: Log) -> None:
    topic = install().names.changelog
    write_batches(log.bootstrap, topic, 3, 300)
    log.send(topic, [Sent(b"k5", b"newer", 0), Sent(b"k6", None, 0), Sent(b"\0position", b"p", 0)])
    rows, told = restore(log.bootstrap, topic)
    expected = {b"k%d" % number: b"v%d" % (number // 300) for number in range(900)}
    expected[b"k5"], expected[b"\0position"] = b"newer", b"p"
    del expected[b"k6"]
    assert rows == expected
    assert sum(records for records, _ in told) == 903
    parts = [part for _, part in told]
    assert (parts, parts[-1]) == (sorted(parts), 1.0)


def test_an_empty_changelog_restores_nothing_at_once(install: Install, log: Log) -> None:
    assert restore(log.bootstrap, install().names.changelog) == ({}, [(0, 1.0)])


def test_the_embedded_brokers_list_of_offsets_is_short_of_the_end(
    embedded_kafka: KafkaAddress, install_embedded: Install
) -> None:
    """Why the high watermark of a fetch response is asked. When this fails, the broker has mended it."""
    topic = install_embedded().names.changelog
    write_batches(embedded_kafka.bootstrap, topic, 2, 300)
    admin = AdminClient({"bootstrap.servers": embedded_kafka.bootstrap})
    [latest] = admin.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()}).values()
    assert latest.result(20).offset == 301
    assert len(restore(embedded_kafka.bootstrap, topic)[0]) == 600


@pytest.mark.kafka
def test_markers_and_aborted_rows_at_the_end_do_not_keep_it_waiting(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.changelog
    apache_log.send_in_transaction(installation.name, topic, [Sent(b"a", b"1", 0), Sent(b"b", b"1", 0)])
    apache_log.send_in_transaction(installation.name, topic, [Sent(b"a", b"2", 0)], commit=False)
    rows, told = restore(apache_log.bootstrap, topic)
    assert rows == {b"a": b"1", b"b": b"1"}
    assert told[-1][1] == 1.0


@pytest.mark.kafka
def test_a_compacted_changelog_restores_the_same_rows(
    apache_kafka: KafkaAddress, apache_log: Log, unique: str
) -> None:
    admin = AdminClient({"bootstrap.servers": apache_kafka.bootstrap})
    # The cleaner looks for work every 15 s by default.
    backoff = ConfigEntry("log.cleaner.backoff.ms", "100", incremental_operation=AlterConfigOpType.SET)
    [done] = admin.incremental_alter_configs(
        [ConfigResource(ResourceType.BROKER, "1", incremental_configs=[backoff])]
    ).values()
    done.result(20)
    config = {
        "cleanup.policy": "compact",
        "segment.bytes": "1048576",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "0",
    }
    [done] = admin.create_topics([NewTopic(unique, 1, 1, config=config)]).values()
    done.result(20)
    padding = b"x" * 2000
    for turn in range(3):
        apache_log.send(unique, [Sent(b"k%d" % key, b"%d" % turn + padding, 0) for key in range(400)])
    apache_log.send(unique, [Sent(b"k%d" % key, None, 0) for key in range(100)])
    # More than a segment behind it, so that it is closed, as only closed segments are compacted.
    apache_log.send(unique, [Sent(b"end%d" % key, padding, 0) for key in range(600)])
    until(lambda: len(apache_log.read(unique)) < 1800, "the log is compacted", 60)
    rows, told = restore(apache_kafka.bootstrap, unique)
    assert rows == {
        **{b"k%d" % key: b"2" + padding for key in range(100, 400)},
        **{b"end%d" % key: padding for key in range(600)},
    }
    assert told[-1][1] == 1.0
