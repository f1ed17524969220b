"""Which broker and which PostgreSQL: an address in the environment beats what would be started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from leadstream.devstack.apache import ApacheKafka
from leadstream.devstack.broker import KafkaAddress
from leadstream.devstack.database import Postgres
from leadstream.devstack.docker import DockerKafka
from leadstream.devstack.embedded import EmbeddedKafka
from leadstream.settings import Settings

KafkaKind = Literal["embedded", "apache", "docker"]

_KINDS = {"embedded": EmbeddedKafka, "apache": ApacheKafka, "docker": DockerKafka}


@contextmanager
def kafka(kind: KafkaKind | None = None, *, directory: Path) -> Iterator[KafkaAddress]:
    """A broker that answers, stopped at the end; its files are in `directory`/kafka.

    `LEADSTREAM_KAFKA_BOOTSTRAP` names one that is there already: nothing is started then, and the other
    settings say what it can do (`LEADSTREAM_PROCESSING_GUARANTEE=at_least_once`: no transactions;
    `LEADSTREAM_ALLOW_CREATE_TIME=true`: no LogAppendTime). Without `kind` the embedded one is taken.
    Raises `LocalStackError` when it can't be had.
    """
    external = external_kafka()
    if external is not None:
        yield external
        return
    with _KINDS[kind or "embedded"](directory / "kafka") as broker:
        yield broker.address


@contextmanager
def postgres(*, directory: Path) -> Iterator[str]:
    """The DSN of a PostgreSQL that answers, stopped at the end; its files are in `directory`/postgres.

    `LEADSTREAM_POSTGRES_DSN` names one that is there already. Raises `LocalStackError` when it can't be had.
    """
    external = external_postgres()
    if external is not None:
        yield external
        return
    with Postgres(directory / "postgres") as server:
        yield server.dsn


def external_kafka() -> KafkaAddress | None:
    """The broker that the environment names, if it does."""
    if not os.environ.get("LEADSTREAM_KAFKA_BOOTSTRAP"):
        return None
    settings = Settings()
    return KafkaAddress(
        settings.kafka_bootstrap,
        transactions=settings.processing_guarantee == "exactly_once",
        create_time_only=settings.allow_create_time,
    )


def external_postgres() -> str | None:
    """The DSN of the PostgreSQL that the environment names, if it does."""
    return os.environ.get("LEADSTREAM_POSTGRES_DSN") or None
