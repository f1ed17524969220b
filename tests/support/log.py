"""The log as an independent client sees it: librdkafka, not the client that LeadStream uses."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from tests.support.waiting import until

Headers = list[tuple[str, bytes]]
STARTING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
"""What a group's coordinator answers while it starts."""


class Sent(NamedTuple):
    """A record to send; without a partition its key decides, by murmur2."""

    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers | None = None
    timestamp: int | None = None


class Log:
    """The topics of one broker."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def read(self, topic: str, *, partition: int | None = None, committed: bool = True) -> list[Message]:
        """All records of a topic up to its present (stable) end, partition by partition in their order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "reader",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "isolation.level": "read_committed" if committed else "read_uncommitted",
            }
        )
        try:
            count = len(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
            wanted = range(count) if partition is None else [partition]
            begins = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=20)[0]
                for number in wanted
            }
            consumer.assign([TopicPartition(topic, number, begin) for number, begin in begins.items()])
            found: dict[int, list[Message]] = {number: [] for number in wanted}
            open_ = set(wanted)
            deadline = time.monotonic() + 60
            while open_:
                assert time.monotonic() < deadline, f"{topic}: partitions {open_} have no end"
                for message in consumer.consume(10_000, timeout=0.1):
                    error = message.error()
                    if error is None:
                        found[message.partition()].append(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        open_.discard(message.partition())
                    else:
                        raise AssertionError(f"{topic}: {error}")
            return [message for number in wanted for message in found[number]]
        finally:
            consumer.close()

    def rows(self, topic: str, partition: int | None = None) -> dict[bytes, bytes]:
        """The latest record of each key of a compacted topic, tombstones left out."""
        rows: dict[bytes, bytes] = {}
        for message in self.read(topic, partition=partition):
            if message.value() is None:
                rows.pop(message.key(), None)
            else:
                rows[message.key()] = message.value()
        return rows

    def end(self, topic: str, partition: int = 0) -> int:
        """The high watermark, transaction markers included."""
        return self._watermarks(topic, partition)[1]

    def stable_end(self, topic: str, partition: int = 0) -> int:
        """The last stable offset: before the end while a transaction is open."""
        return self._watermarks(topic, partition, "read_committed")[1]

    def beginning(self, topic: str, partition: int = 0) -> int:
        """The offset at which the log of a partition starts."""
        return self._watermarks(topic, partition)[0]

    def committed(self, group: str, topic: str, partition: int = 0) -> int | None:
        """What the group has committed; None if nothing, or while its coordinator is just starting."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group})
        try:
            [found] = consumer.committed([TopicPartition(topic, partition)], timeout=20)
            return found.offset if found.offset >= 0 else None
        except KafkaException as error:
            if error.args[0].code() in STARTING:
                return None
            raise
        finally:
            consumer.close()

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Sets the group's committed offset; the group must have no member."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group})
        try:
            consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
        finally:
            consumer.close()

    def send(self, topic: str, records: Iterable[Sent]) -> None:
        """Sends records and waits until all are acknowledged."""
        producer = self.producer()
        _produce(producer, topic, records)
        flush(producer)

    def producer(self, **more: object) -> Producer:
        """A producer like those of others: murmur2, acknowledged by all replicas."""
        return Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "message.max.bytes": 17_000_000,
                "acks": "all",
                **more,
            }
        )

    @contextmanager
    def transactional(self, identity: str, timeout_ms: int = 60_000) -> Iterator[Producer]:
        """A producer with the transactional id; what it leaves open stays so until the broker's timeout."""
        settings = {"transaction.timeout.ms": timeout_ms, "message.timeout.ms": timeout_ms}
        producer = self.producer(**{"transactional.id": identity, **settings})
        producer.init_transactions(20)
        yield producer

    def send_in_transaction(
        self, identity: str, topic: str, records: Iterable[Sent], *, commit: bool = True
    ) -> None:
        """Sends records in one transaction, committed or aborted."""
        with self.transactional(identity) as producer:
            producer.begin_transaction()
            _produce(producer, topic, records)
            flush(producer)
            if commit:
                producer.commit_transaction(20)
            else:
                producer.abort_transaction(20)

    def grow(self, topic: str, partitions: int) -> None:
        """Adds partitions to a topic, up to a number, and waits until brokers and producers know them."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        [done] = admin.create_partitions([NewPartitions(topic, partitions)]).values()
        done.result(20)
        until(
            lambda: len(admin.list_topics(topic, timeout=20).topics[topic].partitions) == partitions,
            f"{topic} has {partitions} partitions",
        )

    def make_anew(self, topic: str, partitions: int, **config: str) -> None:
        """Deletes a topic and makes one of the same name."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        [done] = admin.delete_topics([topic]).values()
        done.result(20)
        until(lambda: topic not in admin.list_topics(timeout=20).topics, f"{topic} is gone")
        settings = {name.replace("_", "."): value for name, value in config.items()}
        [made] = admin.create_topics([NewTopic(topic, partitions, 1, config=settings)]).values()
        made.result(20)
        until(lambda: topic in admin.list_topics(timeout=20).topics, f"{topic} is back")

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Deletes the records before an offset, as retention would."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        [done] = admin.delete_records([TopicPartition(topic, partition, offset)]).values()
        assert done.result(20).low_watermark == offset

    def _watermarks(self, topic: str, partition: int, isolation: str = "read_uncommitted") -> tuple[int, int]:
        consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "reader", "isolation.level": isolation}
        )
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
            return low, high
        finally:
            consumer.close()


def flush(producer: Producer) -> None:
    """Waits until everything is acknowledged."""
    left = producer.flush(30)
    assert not left, f"{left} records were not acknowledged"


def send(
    producer: Producer, topic: str, record: Sent, told: Callable[[KafkaError | None, Message], None]
) -> None:
    """Hands a record to a producer; `told` is called with its fate."""
    options = {
        name: value
        for name, value in (("partition", record.partition), ("timestamp", record.timestamp))
        if value is not None
    }
    producer.produce(topic, record.value, record.key, headers=record.headers, on_delivery=told, **options)
    producer.poll(0)


def _produce(producer: Producer, topic: str, records: Iterable[Sent]) -> None:
    for record in records:
        send(producer, topic, record, _check)


def _check(error: KafkaError | None, message: Message) -> None:
    assert error is None, f"{message.topic()}: {error}"
