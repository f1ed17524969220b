"""The contract of sinks, over PostgreSQL and the simulated tables."""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from leadstream.projection.sink import Sink
from leadstream.projection.tables import LEADS, SCORE_EVENTS
from tests.simulation import virtual_time
from tests.simulation.faults import Faults
from tests.simulation.kafka import Kafka
from tests.simulation.process import Process
from tests.simulation.store import SimulatedStore, Tables

from .made import Database
from .sink_contract import TOPICS, SinkContract


class TestPostgres(SinkContract):
    database: Database

    @pytest.fixture(autouse=True)
    def _empty(self, database: Database) -> None:
        self.database = database

    def sink(self) -> Sink:
        return self.database.store()

    async def events(self) -> list[int]:
        rows = await self.database.rows("SELECT source_offset FROM score_events")
        return [row["source_offset"] for row in rows]

    async def scores(self) -> dict[str, int]:
        rows = await self.database.rows("SELECT lead_id, score_total FROM leads")
        return {row["lead_id"]: row["score_total"] for row in rows}

    async def dead(self) -> list[tuple[int, int, str]]:
        rows = await self.database.rows("SELECT log_offset, item, reason FROM projection_dead_letters")
        return [(row["log_offset"], row["item"], row["reason"]) for row in rows]


class TestSimulated(SinkContract):
    tables: Tables

    @pytest.fixture(autouse=True)
    def _empty(self) -> None:
        self.tables = Tables(lambda: 0.0)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        virtual_time.run(work)

    def sink(self) -> Sink:
        loop = asyncio.get_running_loop()
        faults = Faults([], loop.time, Random(1))
        kafka = Kafka(lambda _: 0, loop.call_later)
        return SimulatedStore(Process("p", kafka, faults, Random(1)), self.tables, TOPICS)

    async def events(self) -> list[int]:
        place = SCORE_EVENTS.names.index("source_offset")
        return [row[place] for row in self.tables.rows["history"].values()]

    async def scores(self) -> dict[str, int]:
        lead, score = LEADS.names.index("lead_id"), LEADS.names.index("score_total")
        return {row[lead]: row[score] for row in self.tables.rows["scores"].values()}

    async def dead(self) -> list[tuple[int, int, str]]:
        return [(row.origin.record.offset, row.origin.item, row.reason) for row in self.tables.dead]
