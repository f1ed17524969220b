"""What LeadStream takes for granted of private members of aiokafka's consumer, on the embedded broker."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.consumer import fetcher
from aiokafka.errors import ConsumerStoppedError

from leadstream.devstack import KafkaAddress
from leadstream.kafka import clients, fetched
from leadstream.kafka.aiokafka_fetching import (
    Fetching,
    PartitionRecords,
    confirmed_generation,
    is_assigned,
    is_coordinated,
)
from tests.support.waiting import until_async

PLACE = TopicPartition("log.signals", 3)


@pytest.fixture
def topic(embedded_kafka: KafkaAddress, unique: str) -> TopicPartition:
    """The first of two partitions of a topic, with three records."""

    async def write() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=embedded_kafka.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(unique, 2, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=embedded_kafka.bootstrap) as producer:
            for value in (b"a", b"b", b"c"):
                await producer.send_and_wait(unique, value, partition=0)

    asyncio.run(write())
    return TopicPartition(unique, 0)


@asynccontextmanager
async def reading(address: KafkaAddress, tp: TopicPartition) -> AsyncIterator[AIOKafkaConsumer]:
    async with AIOKafkaConsumer(
        bootstrap_servers=address.bootstrap, auto_offset_reset="none", enable_auto_commit=False
    ) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        yield consumer


async def taken(fetching: Fetching, tp: TopicPartition, most: int | None = None) -> list[Any]:
    """What is fetched next."""
    while not (found := await fetching.take([tp], most)):
        await asyncio.wait_for(fetching.arrival(), 20)
    return found[tp]


def tell(*_: Any) -> None:
    raise AssertionError("nothing is unreadable")


# The consumer and its group.


def test_a_partition_is_assigned_or_not() -> None:
    async def run() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
        assert not is_assigned(consumer, PLACE)
        consumer.assign([PLACE])
        assert is_assigned(consumer, PLACE)
        assert not is_assigned(consumer, TopicPartition(PLACE.topic, 4))
        await consumer.stop()

    asyncio.run(run())


def member(address: KafkaAddress, topic: str, group: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=address.bootstrap,
        group_id=group,
        auto_offset_reset="none",
        enable_auto_commit=False,
        heartbeat_interval_ms=200,
    )


def test_the_generation_is_that_of_a_member_whom_the_coordinator_confirms(
    embedded_kafka: KafkaAddress, topic: TopicPartition, unique: str
) -> None:
    async def run() -> None:
        async with member(embedded_kafka, topic.topic, unique) as consumer:
            await until_async(consumer.assignment, "the group has assigned")
            assert is_coordinated(consumer)
            first = await confirmed_generation(consumer)
            assert first is not None
            assert first >= 0
            assert await confirmed_generation(consumer) == first
            consumer._coordinator.reset_generation()
            assert await confirmed_generation(consumer) is None
            consumer._coordinator.coordinator_dead()
            assert not is_coordinated(consumer)

    asyncio.run(run())


def test_a_member_that_the_coordinator_does_not_know_is_not_confirmed(
    embedded_kafka: KafkaAddress, topic: TopicPartition, unique: str
) -> None:
    async def run() -> None:
        async with member(embedded_kafka, topic.topic, unique) as consumer:
            await until_async(consumer.assignment, "the group has assigned")
            consumer._coordinator.member_id = "nobody"
            assert await confirmed_generation(consumer) is None

    asyncio.run(run())


# The fetcher.


def test_what_is_taken_moves_the_position_by_just_that(
    embedded_kafka: KafkaAddress, topic: TopicPartition
) -> None:
    async def run() -> None:
        async with reading(embedded_kafka, topic) as consumer:
            fetching = Fetching(consumer)
            with fetching.polling():
                assert consumer._subscription.fetcher_idle_time == 0
                assignment = fetching.assignment()
                assert set(assignment.tps) == {topic}
                state = assignment.state_value(topic)
                await until_async(lambda: state.has_valid_position, "the position is known")
                assert state.position == 0
                two = await taken(fetching, topic, 2)
                assert [record.value for record in two] == [b"a", b"b"]
                assert state.position == 2
                [third] = await taken(fetching, topic)
                assert (third.value, state.position, state.highwater) == (b"c", 3, 3)
                assert await fetching.take([topic], None) == {}

    asyncio.run(run())


def test_records_are_handed_out_as_they_were_read_where_that_is_asked_for(
    embedded_kafka: KafkaAddress, topic: TopicPartition
) -> None:
    async def run() -> tuple[Any, Any]:
        async with reading(embedded_kafka, topic) as consumer:
            fetching = Fetching(consumer)
            [copied] = await taken(fetching, topic, 1)
            fetching.keep_as_read(topic, tell)
            fetching.keep_as_read(TopicPartition(topic.topic, 1), tell)
            consumer.seek(topic, 1)
            while not (found := await fetching.take([topic], 1)):
                await asyncio.wait_for(fetching.arrival(), 20)
                fetching.keep_as_read(topic, tell)
            return copied, found[topic][0]

    copied, read = asyncio.run(run())
    assert type(copied) is ConsumerRecord
    assert type(read) is not ConsumerRecord
    assert (read.offset, read.key, read.value, read.timestamp_type) == (1, None, b"b", 0)


def test_nothing_is_fetched_of_a_closed_consumer(embedded_kafka: KafkaAddress, topic: TopicPartition) -> None:
    async def run() -> None:
        async with reading(embedded_kafka, topic) as consumer:
            fetching = Fetching(consumer)
            assert len(await taken(fetching, topic)) > 0
            assert not fetching.is_closed
        assert fetching.is_closed
        with pytest.raises(ConsumerStoppedError):
            Fetching(consumer)

    asyncio.run(run())


def test_a_consumer_whose_partitions_change_has_no_assignment(
    embedded_kafka: KafkaAddress, topic: TopicPartition
) -> None:
    async def run() -> None:
        async with AIOKafkaConsumer(bootstrap_servers=embedded_kafka.bootstrap) as consumer:
            assert topic.topic in await consumer.topics()
            assert Fetching(consumer).assignment() is None
        async with AIOKafkaConsumer(topic.topic, bootstrap_servers=embedded_kafka.bootstrap) as consumer:
            assert topic.topic in await consumer.topics()
            assert set(Fetching(consumer).assignment().tps) == {topic, TopicPartition(topic.topic, 1)}
            consumer._subscription.begin_reassignment()
            assert Fetching(consumer).assignment() is None

    asyncio.run(run())


# The parser.


class Numbers(PartitionRecords):
    """Its records are the numbers from the position on, up to five."""

    def unpack(self) -> Iterator[Any]:
        while self.next_fetch_offset < 5:
            self.next_fetch_offset += 1
            yield self.next_fetch_offset - 1


def numbers(isolation: int, aborted: list[tuple[int, int]] | None = None) -> Numbers:
    return Numbers(PLACE, b"bytes", aborted, 3, None, None, True, isolation)


def test_the_fetcher_takes_the_parser_by_these_names_with_these_arguments() -> None:
    assert clients.fetched is fetched
    assert fetcher.PartitionRecords is fetched.ReadableRecords
    assert fetcher.MemoryRecords is fetched.FetchedBytes
    names = fetcher.Fetcher._proc_fetch_request.__code__.co_names
    assert {"MemoryRecords", "PartitionRecords", "has_next", "size_in_bytes"} <= set(names)
    assert list(inspect.signature(fetcher.PartitionRecords).parameters) == [
        "tp", "records", "aborted_transactions", "fetch_offset", "key_deserializer", "value_deserializer",
        "check_crcs", "isolation_level",
    ]  # fmt: skip


def test_the_iterator_gives_what_is_unpacked_and_knows_its_place() -> None:
    records = numbers(fetcher.READ_COMMITTED)
    assert (records.place, records.fetched, records.next_fetch_offset) == (PLACE, b"bytes", 3)
    assert list(records) == [3, 4]
    assert records.next_fetch_offset == 5


def test_the_isolation_level_says_whether_aborted_records_are_left_out() -> None:
    assert numbers(fetcher.READ_COMMITTED).is_committed_only
    assert not numbers(fetcher.READ_UNCOMMITTED).is_committed_only


def test_producers_are_aborted_from_their_first_offset_until_they_are_taken_out() -> None:
    records = numbers(fetcher.READ_COMMITTED, [(8, 30), (7, 10)])
    assert records.aborted_producers_at(9) == set()
    assert records.aborted_producers_at(10) == {7}
    records.aborted_producers_at(20).discard(7)
    assert records.aborted_producers_at(29) == set()
    assert records.aborted_producers_at(30) == {8}


def test_a_consumer_gets_a_record_of_its_own_unless_another_way_is_set() -> None:
    class Parsed:
        offset, timestamp, timestamp_type, checksum, key, value, headers = 3, 1, 0, None, b"k", b"v", ()

    made = numbers(fetcher.READ_COMMITTED).hand_out(PLACE, Parsed)
    assert type(made) is ConsumerRecord
    assert (made.topic, made.partition, made.offset, made.key, made.value) == (
        "log.signals",
        3,
        3,
        b"k",
        b"v",
    )
