"""Any interleaving of steps, crashes, rivals and returns to earlier tables ends in the same tables."""

import asyncio
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.projection.destinations import Destination, put_destination
from leadstream.projection.errors import PositionMismatch, StoreUnavailable
from leadstream.projection.store import ProjectionStore
from tests.projection.made import Database, run
from tests.projection.test_outbox import Crm

from .running import TABLES, contents
from .written import Writer

KINDS = ("scores", "history", "actions", "decisions")
WRITTEN = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
DISTURBANCES = (
    "none",
    "none",
    "crash before the commit",
    "answer lost",
    "rival",
    "save",
    "go back",
    "reader",
)
ACTS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 1), st.integers(1, 12), st.sampled_from(DISTURBANCES)),
    max_size=14,
)
TERMINATE = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))
"""


class Projection:
    """A projector of two partitions, whose steps a test cuts and disturbs."""

    def __init__(
        self, database: Database, store: ProjectionStore, admin: asyncpg.Connection, seed: int
    ) -> None:
        self._store = store
        self._admin = admin
        self._crm = Crm(database)
        self._writers = [Writer(seed, number) for number in range(2)]
        for writer in self._writers:
            writer.fold(20)

    async def step(self, kind: str, partition: int, size: int, disturbance: str = "none") -> None:
        """The next records of a topic, as one step, and what goes wrong with it."""
        topic, records = f"t.{kind}", self._writers[partition].records[kind]
        begin = await self._store.position(topic, partition) or 0
        end = min(begin + size, len(records))
        step = (topic, partition, begin, end, records[begin:end])
        if disturbance == "crash before the commit":
            await self._cut(step)
        elif disturbance == "rival":
            ends = await asyncio.gather(
                self._store.apply(*step), self._store.apply(*step), return_exceptions=True
            )
            failures = [one for one in ends if isinstance(one, BaseException)]
            assert all(isinstance(one, PositionMismatch) for one in failures)
            assert len(failures) == (1 if end > begin else 0)
        else:
            await self._store.apply(*step)
            if disturbance == "answer lost" and end > begin:
                with pytest.raises(PositionMismatch) as caught:
                    await self._store.apply(*step)
                assert caught.value.current == end
        if disturbance == "save":
            await self.save()
        elif disturbance == "go back":
            await self._go_back()
        elif disturbance == "reader":
            await self.read()

    async def _cut(self, step: tuple[Any, ...]) -> None:
        transaction = self._admin.transaction()
        await transaction.start()
        await self._admin.execute(
            "LOCK TABLE projection_dead_letters, alembic_version IN ACCESS EXCLUSIVE MODE"
        )
        under_way = asyncio.create_task(self._store.apply(*step))
        ended = 0
        while not ended:
            assert not under_way.done()
            await asyncio.sleep(0.002)
            ended = await self._admin.fetchval(TERMINATE)
        with pytest.raises(StoreUnavailable):
            await under_way
        await transaction.rollback()

    async def save(self) -> None:
        for table in TABLES:
            await self._admin.execute(f"DROP TABLE IF EXISTS saved_{table}")
            await self._admin.execute(f"CREATE TABLE saved_{table} AS TABLE {table}")

    async def _go_back(self) -> None:
        async with self._admin.transaction():
            await self.empty()
            for table in TABLES:
                # Columns that PostgreSQL computes take no values.
                columns = await self._admin.fetchval(WRITTEN, table)
                await self._admin.execute(
                    f"INSERT INTO {table} ({columns}) SELECT {columns} FROM saved_{table}"
                )

    async def empty(self) -> None:
        await self._admin.execute(f"TRUNCATE {', '.join(TABLES)}")

    async def read(self) -> None:
        """The CRM reads what changed, unless the tables are behind its token."""
        try:
            while await self._crm.ask(self._admin):
                pass
        except asyncpg.ObjectNotInPrerequisiteStateError:
            pass

    def copied(self) -> list[tuple[str, int, int]]:
        """What the CRM has."""
        return sorted((lead, row["score_total"], row["log_offset"]) for lead, row in self._crm.leads.items())

    async def finish(self) -> None:
        for kind in KINDS:
            for partition in range(2):
                await self.step(kind, partition, 1000)
        await self.read()


def test_any_interleaving_ends_in_the_same_tables(database: Database) -> None:
    run(put_destination(database.dsn, database.schema, Destination("crm", "acme", "every_update")))

    @settings(max_examples=15, deadline=None, derandomize=True)
    @given(st.integers(0, 1000), ACTS)
    def examples(seed: int, acts: list[tuple[str, int, int, str]]) -> None:
        run(scenario(seed, acts))

    async def scenario(seed: int, acts: list[tuple[str, int, int, str]]) -> None:
        store = database.store()
        await store.open()
        admin = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        try:
            await told_alike(store, admin, seed, acts)
        finally:
            await admin.close()
            await store.close()

    async def told_alike(
        store: ProjectionStore, admin: Any, seed: int, acts: list[tuple[str, int, int, str]]
    ) -> None:
        calm = Projection(database, store, admin, seed)
        await calm.empty()
        await calm.save()
        await calm.finish()
        wanted = await contents(database)
        await calm.empty()
        disturbed = Projection(database, store, admin, seed)
        for act in acts:
            await disturbed.step(*act)
        await disturbed.finish()
        found = await contents(database)
        assert found == wanted
        rows = await admin.fetch("SELECT lead_id, score_total, log_offset FROM leads")
        assert disturbed.copied() == calm.copied() == sorted(tuple(row.values()) for row in rows)

    examples()
