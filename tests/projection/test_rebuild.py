"""Tables made anew take the place of the live ones, with all that stood on them."""

import asyncio
import re

import asyncpg
import pytest

from leadstream.projection.access import grant
from leadstream.projection.destinations import Destination, put_destination
from leadstream.projection.errors import PositionMismatch
from leadstream.projection.rebuild import Rebuild, RebuildRefused

from .made import Database, accumulator, entry, history, run, snapshot
from .test_outbox import Crm, lead, removal

RIGHT = (accumulator(points=81.25),)


def replayed(database: Database, records: list[object] | None = None) -> Rebuild:
    """New tables from records of the topic of scores."""
    work = Rebuild(database.dsn, database.schema)
    run(work.begin())
    run(Database(database.dsn, work.made).fill("t.scores", records or [snapshot(0), snapshot(1, "l2")]))
    return work


def leads(database: Database, schema: str | None = None) -> list[tuple[str, int]]:
    table = f"{schema or database.schema}.leads"
    rows = run(database.rows(f"SELECT lead_id, score_total FROM {table} ORDER BY lead_id"))
    return [tuple(row.values()) for row in rows]


def test_what_was_spoiled_is_right_again(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0), snapshot(1, "l2")]))
    run(database.rows("UPDATE leads SET total = 3, score_total = 3 WHERE lead_id = 'l2'"))
    run(database.rows("DELETE FROM leads WHERE lead_id = 'l1'"))
    work = replayed(database)
    assert leads(database) == [("l2", 3)]
    difference, dead = run(work.check(2))
    assert (difference.added, difference.missing, difference.changed, dead) == (1, 0, 1, 0)
    run(work.switch())
    assert leads(database) == [("l1", 81), ("l2", 81)]
    assert leads(database, work.old) == [("l2", 3)]
    # Functions and views are those of the new tables.
    rows = run(database.rows("SELECT lead_id FROM top_leads('acme') ORDER BY 1"))
    assert [row["lead_id"] for row in rows] == ["l1", "l2"]
    assert len(run(database.rows("SELECT * FROM leads_now"))) == 2
    old = run(database.rows(f"SELECT lead_id FROM {work.old}.top_leads('acme')"))
    assert [row["lead_id"] for row in old] == ["l2"]
    # And the next month of history is made in them.
    run(database.fill("t.history", [history(0, entry(0))]))
    rows = run(database.rows("SELECT tableoid::regclass::text AS part FROM score_events"))
    assert [row["part"] for row in rows] == ["score_events_2026_01"]


def test_a_running_projector_goes_on_from_the_new_position(database: Database) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        records = [snapshot(n, f"l{n}", place=n) for n in range(6)]
        await store.apply("t.scores", 0, 0, 4, records[:4])
        work = Rebuild(database.dsn, database.schema)
        await work.begin()
        await Database(database.dsn, work.made).fill("t.scores", records[:3])
        await work.check(3)
        await work.switch()
        with pytest.raises(PositionMismatch) as caught:
            await store.apply("t.scores", 0, 4, 6, records[4:])
        assert caught.value.current == await store.position("t.scores", 0) == 3
        await store.apply("t.scores", 0, 3, 6, records[3:])
        await store.close()

    run(scenario())
    assert [name for name, _ in leads(database)] == [f"l{n}" for n in range(6)]


def test_readers_see_the_old_tables_or_the_new_and_never_none(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0)]))
    work = replayed(database)

    async def scenario() -> None:
        reader = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        seen: list[int] = []
        switching = asyncio.create_task(work.switch())
        while not switching.done() or seen[-1:] != [2]:
            seen.append(await reader.fetchval("SELECT count(*) FROM top_leads('acme')"))
        await switching
        assert set(seen) <= {1, 2}
        assert seen == sorted(seen)
        await reader.close()

    run(scenario())


def test_rights_destinations_and_tokens_stay(database: Database, unique: str) -> None:
    role = f"{unique}_reader"
    run(database.rows(f"CREATE ROLE {role} LOGIN"))
    run(grant(database.dsn, database.schema, role, "tenant_reader"))
    run(put_destination(database.dsn, database.schema, Destination("crm", "acme", "every_update")))
    records = [lead(0, "a", score=81), lead(1, "b", score=81), lead(2, "x", tenant="other", score=81)]
    run(database.fill("t.scores", records))
    crm = Crm(database)
    assert crm.catch_up() == ["a", "b"]
    work = replayed(database, records)
    run(work.check(3))
    run(work.switch())
    assert crm.catch_up() == []
    run(database.fill("t.scores", [lead(3, "a", score=4)]))
    assert crm.catch_up() == ["a"]
    plan = run(
        database.rows(
            "SELECT indexname FROM pg_indexes WHERE schemaname = $1 AND tablename = 'leads'", database.schema
        )
    )
    assert "leads_by_log" in {row["indexname"] for row in plan}

    async def scenario() -> None:
        reader = await asyncpg.connect(
            re.sub(r"//[^@/]*@", f"//{role}@", database.dsn), server_settings={"search_path": database.schema}
        )
        assert await reader.fetchval("SELECT count(*) FROM leads") == 0
        await reader.execute("SET leadstream.tenant = 'other'")
        assert await reader.fetchval("SELECT count(*) FROM leads") == 1
        await reader.close()

    run(scenario())
    run(database.rows(f"DROP OWNED BY {role}"))
    run(database.rows(f"DROP ROLE {role}"))


def test_removals_that_the_topic_has_forgotten_are_still_told(database: Database) -> None:
    run(put_destination(database.dsn, database.schema, Destination("crm", "acme", "every_update")))
    run(database.fill("t.scores", [lead(0, "a", score=81), lead(1, "b", score=81)]))
    crm = Crm(database)
    crm.catch_up()
    run(database.fill("t.scores", [removal(2, "a"), lead(3, "b", score=81)]))
    work = Rebuild(database.dsn, database.schema)
    run(work.begin())

    async def compacted() -> None:
        store = Database(database.dsn, work.made).store()
        await store.open()
        await store.apply("t.scores", 0, 3, 4, [lead(3, "b", score=81)])
        await store.close()

    run(compacted())
    run(work.check(1))
    run(work.switch())
    assert crm.catch_up() == ["a", "b"]
    assert list(crm.leads) == ["b"]


def test_tables_that_are_not_right_are_not_switched(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0)]))
    work = replayed(database, [snapshot(0, total=50.0, score=50, accumulators=RIGHT)])
    with pytest.raises(RebuildRefused, match=r"not those of their factors \(acme:l1\)"):
        run(work.check(1))
    work = replayed(database)
    with pytest.raises(RebuildRefused, match="has 2 leads, the topic has 3"):
        run(work.check(3))
    assert leads(database) == [("l1", 81)]


def test_the_tables_before_the_last_rebuild_are_not_dropped_unasked(database: Database) -> None:
    work = replayed(database)
    run(work.switch())
    with pytest.raises(RebuildRefused, match=f"DROP SCHEMA {work.old} CASCADE"):
        run(Rebuild(database.dsn, database.schema).begin())
    run(database.rows(f"DROP SCHEMA {work.old} CASCADE"))
    assert len(leads(database)) == 2
    again = replayed(database)
    run(again.switch())
    assert len(run(database.rows("SELECT * FROM leads_now"))) == 2
