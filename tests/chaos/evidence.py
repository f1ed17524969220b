"""What is left after a fault: what the producer knows, what the topics hold, what the tables hold."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import asyncpg
import msgspec

from leadstream.records.keys import TICK_KEY
from leadstream.scoring.rows import POSITION, read_position
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
    numbers = range(installation.partitions)
    live = {number: _written(log, installation, number) for number in numbers}
    return Evidence(
        app=installation.name,
        topic=names.signals,
        acknowledged=acknowledged,
        log={
            number: [
                SimulatedRecord(
                    message.offset(), message.timestamp()[1], message.key(), message.value(),
                    message.headers() or [],
                )
                for message in log.read(names.signals, partition=number)
            ]
            for number in numbers
        },
        live=live,
        tables=projected(dsn, schema),
        positions={number: read_position(live[number].rows[POSITION]).position for number in numbers},
    )  # fmt: skip


def _written(log: Log, installation: Installation, number: int) -> Written:
    names = installation.names
    rows = log.rows(names.changelog, number)
    rows.pop(GUARANTEE_ROW, None)
    outputs = {
        topic: [
            (message.key(), message.value(), message.headers() or [])
            for message in log.read(topic, partition=number)
        ]
        for topic in (names.actions, names.decisions, names.dead_letters)
    }
    return Written(
        rows=rows,
        scores=dict(log.rows(names.scores, number)),
        actions=outputs[names.actions],
        decisions=outputs[names.decisions],
        dead_letters=outputs[names.dead_letters],
        history=[
            entry
            for message in log.read(names.history, partition=number)
            for entry in msgspec.json.decode(message.value())["entries"]
        ],
    )


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
