"""Tables that are earlier ones all at once, as after a failover, with no error between."""

import asyncpg
import pytest

from leadstream.projection.errors import PositionMismatch
from tests.projection.made import DAY, NOW, Database, entry, history, run, snapshot


async def execute(database: Database, statement: str) -> None:
    connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def test_a_position_that_is_gone_is_no_new_partition(database: Database) -> None:
    """Without the row the tables would take any begin, and the records before it would be lost."""

    async def scenario() -> None:
        store, other = database.store(), database.store()
        await store.open()
        await other.open()
        await store.apply("t.scores", 0, 0, 3, [snapshot(0)])
        assert await other.position("t.scores", 0) == 3
        await execute(database, "DELETE FROM projection_positions; DELETE FROM leads")
        # One has written the partition, the other has read where it stands.
        for one in (store, other):
            with pytest.raises(PositionMismatch) as caught:
                await one.apply("t.scores", 0, 3, 4, [snapshot(3, "b")])
            assert caught.value.current is None
        assert await database.rows("SELECT * FROM leads") == []
        assert await store.position("t.scores", 0) is None
        await store.apply("t.scores", 0, 0, 3, [snapshot(0)])
        await store.apply("t.scores", 0, 3, 4, [snapshot(3, "b")])
        assert len(await database.rows("SELECT * FROM leads")) == 2
        await store.close()
        await other.close()

    run(scenario())


def test_a_month_that_is_gone_is_made_again(database: Database) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        february = history(0, entry(0, now=NOW + 40 * DAY))
        await store.apply("t.history", 0, 0, 1, [february])
        await execute(database, "DROP TABLE score_events_2026_02; DELETE FROM projection_positions")
        assert await store.position("t.history", 0) is None
        await store.apply("t.history", 0, 0, 1, [february])
        rows = await database.rows("SELECT tableoid::regclass::text AS month FROM score_events")
        assert [row["month"] for row in rows] == ["score_events_2026_02"]
        await store.close()

    run(scenario())
