"""What LeadStream takes for granted of private members of aiokafka's producer and administration client."""

import asyncio
import gc
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.record.memory_records import MemoryRecords

from leadstream.kafka.aiokafka_clients import (
    AdministrationClient,
    appender,
    collect_transaction_error,
    has_ended_itself,
    seal,
)

NOW = 1_767_000_000_000


def producer(**options: Any) -> AIOKafkaProducer:
    """One that is not started."""
    return AIOKafkaProducer(bootstrap_servers="127.0.0.1:1", **options)


def in_transaction() -> tuple[AIOKafkaProducer, TransactionManager]:
    opened = producer(transactional_id="one")
    transactions = opened._txn_manager
    transactions.set_pid_and_epoch(7, 0)
    transactions.begin_transaction()
    return opened, transactions


# Batches.


async def records_of(how: Callable[[Any], None]) -> tuple[list[tuple[Any, ...]], int]:
    """The records of a batch that is filled in some way, as a broker reads them, and how many it counts."""
    batch = producer().create_batch()
    how(batch)
    count = batch.record_count()
    found = [
        (record.offset, record.timestamp, record.key, record.value, list(record.headers))
        for record in MemoryRecords(bytes(batch._build())).next_batch()
    ]
    return found, count


def test_a_batch_that_the_appender_fills_is_as_the_public_method_makes_it() -> None:
    def straight(batch: Any) -> None:
        append = appender(batch)
        append(0, NOW, b"a", b"1", [("name", b"x")])
        append(1, NOW, None, None, [])
        seal(batch, 2)

    def public(batch: Any) -> None:
        batch.append(timestamp=NOW, key=b"a", value=b"1", headers=[("name", b"x")])
        batch.append(timestamp=NOW, key=None, value=None, headers=[])
        batch.close()

    wanted = [(0, NOW, b"a", b"1", [("name", b"x")]), (1, NOW, None, None, [])]
    assert asyncio.run(records_of(straight)) == (wanted, 2)
    assert asyncio.run(records_of(public)) == (wanted, 2)


def test_the_appender_refuses_what_a_batch_has_no_room_for_but_for_the_first_record() -> None:
    async def run() -> None:
        append = appender(producer(max_batch_size=200).create_batch())
        assert append(0, NOW, None, b"x" * 500, []) is not None
        assert append(1, NOW, None, b"x", []) is None

    asyncio.run(run())


def test_a_sealed_batch_takes_nothing_more() -> None:
    async def run() -> None:
        batch = producer().create_batch()
        appender(batch)(0, NOW, b"a", b"1", [])
        assert seal(batch, 1) is batch
        assert batch.append(timestamp=NOW, key=b"b", value=b"2", headers=[]) is None

    asyncio.run(run())


# Transactions.


def test_a_producer_has_ended_itself_at_a_fatal_error_only() -> None:
    async def run() -> None:
        assert not has_ended_itself(producer())
        opened, transactions = in_transaction()
        assert not has_ended_itself(opened)
        transactions.error_transaction(KafkaError("an abort would do"))
        assert not has_ended_itself(opened)
        transactions.fatal_error(KafkaError("nothing would do"))
        assert has_ended_itself(opened)
        collect_transaction_error(opened)

    asyncio.run(run())


@pytest.mark.parametrize("collected", [True, False])
def test_a_transaction_error_that_is_collected_is_not_logged_as_lost(collected: bool) -> None:
    logged: list[str] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: logged.append(what["message"]))
        opened, transactions = in_transaction()
        transactions.error_transaction(KafkaError("told by the sends"))
        if collected:
            collect_transaction_error(opened)
        del opened, transactions
        gc.collect()

    asyncio.run(run())
    assert any("never retrieved" in message for message in logged) is not collected


def test_a_producer_without_a_transaction_has_no_error_to_collect() -> None:
    async def run() -> None:
        for opened in (producer(), producer(transactional_id="one")):
            collect_transaction_error(opened)

    asyncio.run(run())


# Administration.


class Sent(Exception):
    pass


class Recording(AdministrationClient):
    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        raise Sent


PLACE = TopicPartition("one", 0)
REQUESTS: dict[str, Callable[[AdministrationClient], Awaitable[Any]]] = {
    "describe_topics": lambda client: client.describe_topics(None),
    "describe_cluster": lambda client: client.describe_cluster(),
    "describe_configs": lambda client: client.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, "one")]
    ),
    "find_coordinator": lambda client: client.find_coordinator("group"),
    "describe_consumer_groups": lambda client: client.describe_consumer_groups(["group"], 1),
    "list_consumer_group_offsets": lambda client: client.list_consumer_group_offsets("group", 1, [PLACE]),
    "request": lambda client: client.request(MetadataRequest([])),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_goes_through_the_method_that_waits(name: str) -> None:
    async def run() -> None:
        client = Recording(bootstrap_servers="127.0.0.1:1")
        with pytest.raises(Sent):
            await REQUESTS[name](client)
        await client.close()

    asyncio.run(run())


def test_the_method_that_waits_has_the_signature_of_aiokafkas() -> None:
    for kind in (AIOKafkaAdminClient, AdministrationClient):
        assert list(inspect.signature(kind._send_request).parameters) == ["self", "request", "node_id"]
