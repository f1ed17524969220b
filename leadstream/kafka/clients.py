"""Kafka clients, made from the settings in one place."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from leadstream.backoff import Backoff
from leadstream.kafka import fetched
from leadstream.kafka.aiokafka_clients import AdministrationClient, collect_transaction_error
from leadstream.settings import Settings

fetched.install()
MAX_REQUEST_BYTES = 4_194_304
"""The largest record that LeadStream writes is a dead letter; topics that hold them allow this size."""


def connection(settings: Settings) -> dict[str, Any]:
    """The arguments that every aiokafka client takes: address and security."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        password = settings.kafka_password
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca_file)
    return options


def reader(settings: Settings, **options: Any) -> AIOKafkaConsumer:
    """A consumer outside any group that sees committed records only and never resets by itself."""
    defaults: dict[str, Any] = {
        "isolation_level": "read_committed",
        "auto_offset_reset": "none",
        "enable_auto_commit": False,
        "max_partition_fetch_bytes": 8_388_608,
        "fetch_max_bytes": 33_554_432,
        "fetch_max_wait_ms": 100,
    }
    return AIOKafkaConsumer(**connection(settings), **{**defaults, **options})


def producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """A producer that waits for all in-sync replicas."""
    defaults: dict[str, Any] = {"acks": "all", "max_request_size": MAX_REQUEST_BYTES}
    return AIOKafkaProducer(**connection(settings), **{**defaults, **options})


@asynccontextmanager
async def administration(settings: Settings) -> AsyncIterator[AdministrationClient]:
    """A started administration client, which waits up to 15 s while the cluster lists no broker."""
    client = AdministrationClient(**connection(settings))
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def group_coordinator(client: AdministrationClient, group: str) -> int:
    """The id of the broker that coordinates a group; waits while there is none."""
    backoff = Backoff(0.2, 1.0)
    while True:
        try:
            found: int = await client.find_coordinator(group)
            return found
        except GroupCoordinatorNotAvailableError:
            # A new cluster makes the topic of offsets when it is first asked.
            await asyncio.sleep(backoff.next())


async def stop_quietly(opened: AIOKafkaProducer) -> None:
    """Stop a producer whatever state it is in, without waiting for what it can't deliver."""
    try:
        async with asyncio.timeout(2):
            await opened.stop()
    except (KafkaError, TimeoutError):
        # The connection is of no more use; the broker ends the transaction.
        await opened.client.close()
    collect_transaction_error(opened)
