"""Locks taken in another order, and other isolation: the step is undone as a whole and tried again."""

import asyncio

import asyncpg
import pytest

from leadstream.devstack import Postgres
from leadstream.projection.errors import PositionMismatch, StoreUnavailable
from leadstream.projection.migrate import migrate
from tests.projection.made import Database, run, snapshot

BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
STEP = [snapshot(2, "a", place=2, score=2), snapshot(3, "new", place=3)]


def test_a_deadlock_undoes_the_step_and_the_next_try_writes_it(database: Database) -> None:
    """The rival has a lead's row and wants the position's; the projector the other way round."""

    async def scenario() -> None:
        store = database.store()
        await store.open()
        await store.apply("t.scores", 0, 0, 2, [snapshot(0, "a"), snapshot(1, "b")])
        rival = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        # The projector looks for the deadlock first, and so is the one that is ended.
        await rival.execute("SET deadlock_timeout = '30s'")
        async with rival.transaction():
            await rival.execute("SELECT * FROM leads WHERE lead_id = 'a' FOR UPDATE")
            step = asyncio.create_task(store.apply("t.scores", 0, 2, 4, STEP))
            waits = 0
            while not waits:
                await asyncio.sleep(0.01)
                waits = await rival.fetchval(BLOCKED)
            wants = asyncio.create_task(rival.execute("SELECT * FROM projection_positions FOR UPDATE"))
            with pytest.raises(StoreUnavailable, match=r"40P01.*deadlock"):
                await step
            await wants
            rows = await database.rows("SELECT lead_id FROM leads ORDER BY 1")
            assert [row["lead_id"] for row in rows] == ["a", "b"]
        assert await store.position("t.scores", 0) == 2
        await store.apply("t.scores", 0, 2, 4, STEP)
        rows = await database.rows("SELECT lead_id, score_total FROM leads ORDER BY 1")
        assert [tuple(row.values()) for row in rows] == [("a", 2), ("b", 81), ("new", 81)]
        await rival.close()
        await store.close()

    run(scenario())


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_steps_do_not_depend_on_the_default_isolation(
    breakable: Postgres, unique: str, isolation: str
) -> None:
    """With another, rivals would fail with 40001 and the projector miss a migration."""
    database = Database(breakable.dsn, unique)

    async def scenario() -> None:
        admin = await asyncpg.connect(breakable.dsn)
        await admin.execute(f"ALTER DATABASE leadstream SET default_transaction_isolation = '{isolation}'")
        try:
            await migrate(database.dsn, database.schema)
            first, second = database.store(), database.store()
            await asyncio.gather(first.open(), second.open())
            for step in range(10):
                records = [snapshot(step, "a", place=step)]
                ends = await asyncio.gather(
                    *(one.apply("t.scores", 0, step, step + 1, records) for one in (first, second)),
                    return_exceptions=True,
                )
                failures = [end for end in ends if isinstance(end, BaseException)]
                assert [type(failure) for failure in failures] == [PositionMismatch]
            await asyncio.gather(first.close(), second.close())
        finally:
            await admin.execute("ALTER DATABASE leadstream RESET default_transaction_isolation")
            await admin.close()

    run(scenario())


def test_what_looks_like_an_error_of_the_data_and_is_of_no_row_buries_nothing(database: Database) -> None:
    """A commit that PostgreSQL refuses with an error of class 23, as a deferred constraint does; a full queue
    of notifications has one of class 54."""

    async def scenario() -> None:
        admin = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await admin.execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = 'program_limit_exceeded'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE OR INSERT ON projection_positions
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()
            """
        )
        store = database.store()
        await store.open()
        with pytest.raises(StoreUnavailable, match=r"54000.*not now"):
            await store.apply("t.scores", 0, 0, 2, [snapshot(0), snapshot(1, "b")])
        assert await database.rows("SELECT * FROM projection_dead_letters") == []
        await admin.execute("DROP TRIGGER refuse ON projection_positions")
        await store.apply("t.scores", 0, 0, 2, [snapshot(0), snapshot(1, "b")])
        assert len(await database.rows("SELECT * FROM leads")) == 2
        await admin.close()
        await store.close()

    run(scenario())
