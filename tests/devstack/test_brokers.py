"""The brokers of the local stack answer, and come back after stop and kill."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from leadstream.devstack import ApacheKafka, EmbeddedKafka, KafkaAddress, LocalStackError, apache
from leadstream.devstack.processes import listens


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()


async def write(bootstrap: str, topic: str, *values: bytes, transactional_id: str | None = None) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", transactional_id=transactional_id, request_timeout_ms=5000
    )
    await producer.start()
    try:
        if transactional_id is not None:
            await producer.begin_transaction()
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)
        if transactional_id is not None:
            await producer.commit_transaction()
    finally:
        await producer.stop()


async def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        found: list[bytes] = []
        async with asyncio.timeout(20):
            while len(found) < count:
                found.append((await consumer.getone()).value)
        return found
    finally:
        await consumer.stop()


@pytest.mark.usefixtures("processes")
def test_the_embedded_broker_answers_and_restarts_empty_at_the_same_address(
    tmp_path: Path, unique: str
) -> None:
    with EmbeddedKafka(tmp_path) as broker:
        address = broker.address
        assert address.bootstrap == f"127.0.0.1:{broker.port}"
        assert (address.transactions, address.create_time_only) == (False, True)
        asyncio.run(create(address.bootstrap, unique))
        asyncio.run(write(address.bootstrap, unique, b"a", b"b"))
        assert asyncio.run(read(address.bootstrap, unique, 2)) == [b"a", b"b"]
        broker.stop()
        assert broker.pid is None
        assert not listens(broker.port)
        broker.start()
        assert broker.address == address
        asyncio.run(create(address.bootstrap, unique))
    assert broker.pid is None


@pytest.mark.kafka
@pytest.mark.skipif(not apache.available(), reason="needs java and mvn to start a broker of its own")
@pytest.mark.usefixtures("processes")
def test_apache_kafka_keeps_its_data_over_a_stop_and_a_kill(tmp_path: Path, unique: str) -> None:
    with ApacheKafka(tmp_path, heap="400m") as broker:
        address = broker.address
        asyncio.run(create(address.bootstrap, unique))
        asyncio.run(write(address.bootstrap, unique, b"a"))
        broker.stop()
        assert not listens(broker.port)
        broker.start()
        asyncio.run(write(address.bootstrap, unique, b"b"))
        broker.kill()
        assert broker.pid is None
        broker.start()
        assert broker.address == address
        assert asyncio.run(read(address.bootstrap, unique, 2)) == [b"a", b"b"]


@pytest.mark.kafka
def test_apache_kafka_has_transactions(apache_kafka: KafkaAddress, unique: str) -> None:
    assert apache_kafka.transactions
    asyncio.run(create(apache_kafka.bootstrap, unique))
    asyncio.run(write(apache_kafka.bootstrap, unique, b"a", b"b", transactional_id=unique))
    assert asyncio.run(read(apache_kafka.bootstrap, unique, 2)) == [b"a", b"b"]


@pytest.mark.kafka
@pytest.mark.skipif(not apache.available(), reason="needs java and mvn to start a broker of its own")
@pytest.mark.usefixtures("processes")
def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    with ApacheKafka(tmp_path, heap="400m") as broker:
        broker.stop()
        settings = tmp_path / "data" / "meta.properties"
        settings.write_text(settings.read_text().replace("node.id=1", "node.id=7"))
        with pytest.raises(LocalStackError, match=r"(?s)Apache Kafka ended with code 1.*kafka\.log.*node.id"):
            broker.start()
        assert broker.pid is None


def test_topics_are_not_made_by_writing_to_them(apache_kafka: KafkaAddress, unique: str) -> None:
    with pytest.raises(KafkaError):
        asyncio.run(write(apache_kafka.bootstrap, unique, b"a"))
