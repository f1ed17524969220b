"""Tables of another version than the projector's, while it runs."""

import asyncio

import asyncpg
import pytest

from leadstream.projection.errors import SchemaMismatch
from tests.projection.made import Database, run, snapshot

BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
AHEAD = "UPDATE alembic_version SET version_num = '9999'"


async def connected(database: Database) -> asyncpg.Connection:
    return await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE leads ADD COLUMN nickname text",
        # Each row would break the constraint: none of them is to blame.
        "ALTER TABLE leads ADD COLUMN nickname text NOT NULL",
        "ALTER TABLE leads RENAME COLUMN stage TO phase",
    ],
)
def test_a_later_version_that_migrates_ends_the_earlier_one(database: Database, change: str) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        assert await store.position("t.scores", 0) is None
        migrating = await connected(database)
        await migrating.execute(f"{change}; {AHEAD}")
        with pytest.raises(SchemaMismatch, match=r"9999.*run the newer version"):
            await store.apply("t.scores", 0, 0, 2, [snapshot(0), snapshot(1, "b")])
        for table in ("leads", "projection_dead_letters", "projection_positions"):
            assert await migrating.fetch(f"SELECT * FROM {table}") == []
        await migrating.close()
        await store.close()

    run(scenario())


def test_a_step_that_waited_for_the_migration_is_undone(database: Database) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        await store.apply("t.scores", 0, 0, 1, [snapshot(0)])
        migrating = await connected(database)
        async with migrating.transaction():
            await migrating.execute(f"ALTER TABLE leads ADD COLUMN nickname text; {AHEAD}")
            step = asyncio.create_task(store.apply("t.scores", 0, 1, 2, [snapshot(1, "b")]))
            waits = 0
            while not waits:
                await asyncio.sleep(0.01)
                waits = await migrating.fetchval(BLOCKED)
        with pytest.raises(SchemaMismatch, match="9999"):
            await step
        assert await store.position("t.scores", 0) == 1
        assert len(await migrating.fetch("SELECT * FROM leads")) == 1
        await migrating.close()
        await store.close()

    run(scenario())


@pytest.mark.parametrize(
    ("revision", "remedy"), [("0012", "leadstream db migrate"), ("0001", "leadstream db rebuild")]
)
def test_tables_of_an_earlier_version_name_the_remedy(database: Database, revision: str, remedy: str) -> None:
    """As after a failover to a standby that did not get the migration."""

    async def scenario() -> None:
        store = database.store()
        await store.open()
        behind = await connected(database)
        await behind.execute("UPDATE alembic_version SET version_num = $1", revision)
        with pytest.raises(SchemaMismatch, match=rf"at revision {revision}.*{remedy}"):
            await store.apply("t.scores", 0, 0, 1, [snapshot(0)])
        assert await behind.fetch("SELECT * FROM leads") == []
        await behind.close()
        await store.close()

    run(scenario())
