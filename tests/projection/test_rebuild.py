"""Tables made anew take the place of the live ones, with all that stood on them."""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import pytest

from leadstream.projection.access import grant
from leadstream.projection.destinations import Destination, put_destination
from leadstream.projection.errors import PositionMismatch
from leadstream.projection.migrate import schema_state
from leadstream.projection.rebuild import Difference, Rebuild, RebuildRefused

from .made import Database, Record, accumulator, entry, history, run, snapshot
from .test_outbox import Crm, lead, removal

RIGHT = (accumulator(points=81.25),)


@dataclass
class Steps:
    """A rebuild in steps of one event loop, as its connection belongs to one."""

    runner: asyncio.Runner
    tables: Rebuild

    @classmethod
    def of(cls, database: Database) -> "Steps":
        steps = cls(asyncio.Runner(), Rebuild(database.dsn, database.schema))
        try:
            steps.runner.run(steps.tables.__aenter__())
        except BaseException:
            steps.runner.close()
            raise
        OPENED.append(steps)
        return steps

    def begin(self) -> None:
        self.runner.run(self.tables.begin())

    def check(self, leads: int) -> tuple[Difference, int]:
        return self.runner.run(self.tables.check(leads))

    def switch(self) -> None:
        self.runner.run(self.tables.switch())

    def end(self) -> None:
        OPENED.remove(self)
        self.runner.run(self.tables.__aexit__())
        self.runner.close()


OPENED: list[Steps] = []


@pytest.fixture(autouse=True)
def ended() -> Iterator[None]:
    yield
    while OPENED:
        OPENED[-1].end()


def replayed(database: Database, records: list[object] | None = None) -> Steps:
    """New tables from records of the topic of scores."""
    steps = Steps.of(database)
    steps.begin()
    made = Database(database.dsn, steps.tables.made)
    run(made.fill("t.scores", records or [snapshot(0), snapshot(1, "l2")]))
    return steps


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
    difference, dead = work.check(2)
    assert (difference.added, difference.missing, difference.changed, dead) == (1, 0, 1, 0)
    work.switch()
    assert leads(database) == [("l1", 81), ("l2", 81)]
    assert leads(database, work.tables.old) == [("l2", 3)]
    # Functions and views are those of the new tables.
    rows = run(database.rows("SELECT lead_id FROM top_leads('acme') ORDER BY 1"))
    assert [row["lead_id"] for row in rows] == ["l1", "l2"]
    assert len(run(database.rows("SELECT * FROM leads_now"))) == 2
    old = run(database.rows(f"SELECT lead_id FROM {work.tables.old}.top_leads('acme')"))
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
        async with Rebuild(database.dsn, database.schema) as work:
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

    async def scenario() -> None:
        reader = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        seen: list[int] = []
        async with Rebuild(database.dsn, database.schema) as work:
            await work.begin()
            await Database(database.dsn, work.made).fill("t.scores", [snapshot(0), snapshot(1, "l2")])
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
    work.check(3)
    work.switch()
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
    work = Steps.of(database)
    work.begin()

    async def compacted() -> None:
        store = Database(database.dsn, work.tables.made).store()
        await store.open()
        await store.apply("t.scores", 0, 3, 4, [lead(3, "b", score=81)])
        await store.close()

    run(compacted())
    work.check(1)
    work.switch()
    assert crm.catch_up() == ["a", "b"]
    assert list(crm.leads) == ["b"]


def test_tables_that_are_not_right_are_not_switched(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0)]))
    work = replayed(database, [snapshot(0, total=50.0, score=50, accumulators=RIGHT)])
    with pytest.raises(RebuildRefused, match=r"not those of their factors \(acme:l1\)"):
        work.check(1)
    work.end()
    work = replayed(database)
    with pytest.raises(RebuildRefused, match="has 2 leads, the topic has 3"):
        work.check(3)
    assert leads(database) == [("l1", 81)]


def test_the_tables_before_the_last_rebuild_are_not_dropped_unasked(database: Database) -> None:
    work = replayed(database)
    work.switch()
    work.end()
    with pytest.raises(RebuildRefused, match=f"DROP SCHEMA {work.tables.old} CASCADE"):
        Steps.of(database).begin()
    OPENED[-1].end()
    run(database.rows(f"DROP SCHEMA {work.tables.old} CASCADE"))
    assert len(leads(database)) == 2
    again = replayed(database)
    again.switch()
    assert len(run(database.rows("SELECT * FROM leads_now"))) == 2


def test_a_second_rebuild_is_refused_while_the_first_is_under_way(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0)]))
    work = replayed(database)
    with pytest.raises(RebuildRefused, match=f"another rebuild of schema {database.schema} is under way"):
        Steps.of(database)
    work.check(2)
    work.switch()
    assert len(leads(database)) == 2
    work.end()
    Steps.of(database)
    # Another schema is nobody's business.
    Steps.of(Database(database.dsn, f"{database.schema[:30]}_other"))


def test_totals_under_caps_are_checked_with_their_caps(database: Database) -> None:
    factors = (accumulator(category="fit", points=81.25),)
    run(database.fill("t.scores", [snapshot(0)]))
    capped = snapshot(0, total=40.0, score=40, accumulators=factors, caps={"fit": (0.0, 40.0)}, stage="mql")
    work = replayed(database, [capped])
    difference, _ = work.check(1)
    assert difference.changed == 1
    work.switch()
    assert leads(database) == [("l1", 40)]


OLD = """
DROP VIEW leads_now, contact_scores, lead_factors_now, report_distribution, report_owners, report_stages,
    lead_owners CASCADE;
DROP FUNCTION report_movers, report_moved, band_at, score_at;
ALTER TABLE leads DROP COLUMN caps, DROP COLUMN stage, DROP COLUMN log_offset;
UPDATE alembic_version SET version_num = '{revision}'
"""


@pytest.mark.parametrize(
    ("revision", "lacks"),
    [("0005", ""), ("0001", "; DROP TABLE projection_timeline, crm_destinations, removed_leads")],
)
def test_tables_too_old_to_be_migrated_are_made_anew(database: Database, revision: str, lacks: str) -> None:
    """They lack columns, and the oldest whole tables."""
    run(database.fill("t.scores", [snapshot(0), snapshot(1, "gone"), Record(2, b"acme:gone", None)]))
    timeline = run(database.rows("SELECT id FROM projection_timeline"))

    async def age() -> None:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await connection.execute(OLD.format(revision=revision) + lacks)
        await connection.close()

    run(age())
    steps = replayed(database)
    difference, dead = steps.check(2)
    assert str(difference) == "against the live tables: 1 leads more, 0 fewer, scores not compared"
    assert dead == 0
    steps.switch()
    assert run(schema_state(database.dsn, database.schema)).pending == ()
    assert len(run(database.rows("SELECT * FROM leads_now"))) == 2
    kept = [] if lacks else ["gone"]
    assert [row["lead_id"] for row in run(database.rows("SELECT lead_id FROM removed_leads"))] == kept
    assert (run(database.rows("SELECT id FROM projection_timeline")) == timeline) == (not lacks)
