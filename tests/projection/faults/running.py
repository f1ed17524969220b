"""A projector in the test's own process, on a real log and a PostgreSQL of the test's own."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import asyncpg

from leadstream.projection.migrate import migrate
from leadstream.projection.store import ProjectionStore
from leadstream.projection.tables import TARGETS
from leadstream.roles.projector import Projector
from tests.projection.made import Database, Record
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.waiting import until_async

TABLES = (
    *(table.name for table in TARGETS.values()),
    "lead_score_factors",
    "removed_leads",
    "projection_positions",
    "projection_dead_letters",
)
"""All that the projector writes."""


class RunningProjector:
    """Runs from `async with` on; at its end it is stopped as by SIGTERM, and an error of it is raised."""

    def __init__(self, installation: Installation, database: Database) -> None:
        options = {"postgres_dsn": database.dsn, "postgres_schema": database.schema}
        settings = Installation(
            installation.address, installation.name, installation.partitions, installation.options | options
        ).settings
        self.projector = Projector(settings)
        self._stop = asyncio.Event()
        self.running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.running = asyncio.create_task(self.projector.run(self._stop))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.running is not None
        self._stop.set()
        await asyncio.wait([self.running], timeout=10)
        assert self.running.done(), "the projector does not stop"
        if error is None:
            self.running.result()

    async def ended(self) -> BaseException | None:
        """What it ends with by itself."""
        assert self.running is not None
        await asyncio.wait([self.running], timeout=30)
        assert self.running.done(), "the projector does not end"
        error = self.running.exception()
        self.running = asyncio.create_task(asyncio.sleep(0))
        return error

    async def says(self, part: str, seconds: float = 30) -> str:
        """Waits until /readyz names this; returns all that it says."""
        await until_async(
            lambda: self._alive() and part in (self.projector.unready() or ""), f"/readyz: {part}", seconds
        )
        return self.projector.unready() or ""

    async def ready(self, seconds: float = 30) -> None:
        await until_async(
            lambda: self._alive() and self.projector.unready() is None, "the projector is ready", seconds
        )

    def _alive(self) -> bool:
        assert self.running is not None
        if self.running.done():
            self.running.result()
        return True


@dataclass(frozen=True)
class Stage:
    """An installation on the embedded broker, whose topics a test fills in the worker's place."""

    installation: Installation
    database: Database

    @property
    def topics(self) -> Mapping[str, str]:
        """The projected topics by what they hold."""
        return {kind: topic for topic, kind in self.installation.names.projected.items()}

    async def send(self, records: Mapping[str, Sequence[Sent]]) -> None:
        """Appends records, by what their topic holds."""
        log = Log(self.installation.bootstrap)
        for kind, sent in records.items():
            await asyncio.to_thread(log.send, self.topics[kind], sent)

    def run(self) -> RunningProjector:
        return RunningProjector(self.installation, self.database)

    async def projected(self, seconds: float = 30) -> None:
        """Waits until all that is in the log is in the tables, and the tables are as an undisturbed
        projection makes them from the same log."""
        wanted = await self._undisturbed()
        positions = wanted["projection_positions"]

        async def found() -> list[str]:
            try:
                return (await contents(self.database, ("projection_positions",)))["projection_positions"]
            except asyncpg.UndefinedTableError:  # the projector has not migrated yet
                return []

        deadline = asyncio.get_running_loop().time() + seconds
        while (there := await found()) != positions:
            assert asyncio.get_running_loop().time() < deadline, f"at {there}, not at {positions}"
            await asyncio.sleep(0.05)
        assert await contents(self.database) == wanted

    async def _undisturbed(self) -> dict[str, list[str]]:
        database = Database(self.database.dsn, f"{self.database.schema}_calm")
        await migrate(database.dsn, database.schema)
        store = ProjectionStore(database.dsn, database.schema, self.installation.names.projected)
        await store.open()
        log = Log(self.installation.bootstrap)
        for topic in self.installation.names.projected:
            for partition in range(self.installation.partitions):
                messages = await asyncio.to_thread(log.read, topic, partition=partition)
                records = [
                    Record(one.offset(), one.key(), one.value(), one.timestamp()[1]) for one in messages
                ]
                begin = await store.position(topic, partition) or 0
                if records[begin:]:
                    await store.apply(topic, partition, begin, len(records), records[begin:])
        await store.close()
        return await contents(database)


async def contents(database: Database, tables: Sequence[str] = TABLES) -> dict[str, list[str]]:
    """Every row of the tables, as text. Without `newest_on`, which may know the time of what is coalesced,
    and without the topic's id, which only a broker has."""
    columns = "(to_jsonb(t) - 'newest_on' - 'topic_id')::text AS row"
    found = {}
    for table in tables:
        rows = await database.rows(f"SELECT {columns} FROM {table} AS t")
        found[table] = sorted(row["row"] for row in rows)
    return found
