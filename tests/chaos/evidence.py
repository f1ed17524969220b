"""What is left after a fault: what the producer knows, what the topics hold, what the tables hold."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg
import msgspec
from confluent_kafka import Message

from leadstream.records.keys import TICK_KEY
from leadstream.scoring.partition.rows import POSITION, read_position
from leadstream.stream.transaction import GUARANTEE_ROW
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.simulated import SimulatedRecord, Written

Place = tuple[int, int]
"""Partition and offset in the topic of signals."""


class Projected(NamedTuple):
    """What the tables hold, but for the leads: ids, places, and how many rows could not be stored."""

    actions: Counter[str]
    decisions: Counter[str]
    events: Counter[Place]
    dead: int


@dataclass
class Evidence:
    """What is there once everything is folded and projected. `live` is by partition."""

    app: str
    topic: str
    acknowledged: Sequence[Sent]
    log: dict[int, list[SimulatedRecord]]
    live: dict[int, Written]
    tables: Projected | None = None
    positions: dict[int, int] = field(default_factory=dict)
    """Up to where each partition is folded."""

    def signals(self) -> list[tuple[Place, SimulatedRecord]]:
        """All records but ticks, which LeadStream writes by itself, with their places."""
        return [
            ((number, record.offset), record)
            for number, records in self.log.items()
            for record in records
            if record.key != TICK_KEY
        ]


def gather(installation: Installation, acknowledged: Sequence[Sent], dsn: str, schema: str) -> Evidence:
    """Reads topics and tables, through clients that LeadStream does not use for them."""
    log, names = Log(installation.bootstrap), installation.names
    topics = {
        topic: by_partition(log.read(topic), installation.partitions)
        for topic in (
            names.signals, names.changelog, names.scores, names.actions, names.decisions, names.history,
            names.dead_letters,
        )
    }  # fmt: skip
    live = {
        number: Written(
            rows=latest(topics[names.changelog][number]),
            scores=dict(latest(topics[names.scores][number])),
            actions=[output(message) for message in topics[names.actions][number]],
            decisions=[output(message) for message in topics[names.decisions][number]],
            dead_letters=[output(message) for message in topics[names.dead_letters][number]],
            history=[
                entry
                for message in topics[names.history][number]
                for entry in msgspec.json.decode(message.value())["entries"]
            ],
        )
        for number in range(installation.partitions)
    }
    for written in live.values():
        written.rows.pop(GUARANTEE_ROW, None)
    return Evidence(
        app=installation.name,
        topic=names.signals,
        acknowledged=acknowledged,
        log={
            number: [
                SimulatedRecord(one.offset(), one.timestamp()[1], one.key(), one.value()) for one in messages
            ]
            for number, messages in topics[names.signals].items()
        },
        live=live,
        tables=projected(dsn, schema),
        positions={number: read_position(live[number].rows[POSITION]).position for number in live},
    )


def by_partition(messages: Iterable[Message], partitions: int) -> dict[int, list[Message]]:
    found: dict[int, list[Message]] = {number: [] for number in range(partitions)}
    for message in messages:
        found[message.partition()].append(message)
    return found


def latest(messages: Iterable[Message]) -> dict[bytes, bytes]:
    """The latest record of each key, tombstones left out."""
    rows: dict[bytes, bytes] = {message.key(): message.value() for message in messages}
    return {key: value for key, value in rows.items() if value is not None}


def output(message: Message) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    return message.key(), message.value(), message.headers() or []


def query(dsn: str, sql: str) -> list[Any]:
    """The rows of a query."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(dsn)
        try:
            rows: list[Any] = await connection.fetch(sql)
            return rows
        finally:
            await connection.close()

    return asyncio.run(ask())


def projected(dsn: str, schema: str) -> Projected:
    """What the tables of a schema hold."""
    events = query(dsn, f"SELECT source_partition, source_offset FROM {schema}.score_events")
    return Projected(
        actions=Counter(row["id"] for row in query(dsn, f"SELECT id FROM {schema}.action_log")),
        decisions=Counter(row["id"] for row in query(dsn, f"SELECT id FROM {schema}.decision_log")),
        events=Counter((row["source_partition"], row["source_offset"]) for row in events),
        dead=len(query(dsn, f"SELECT * FROM {schema}.projection_dead_letters")),
    )
