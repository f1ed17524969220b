"""Months of history: rows find theirs, old ones go, and none is lost or doubled meanwhile."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from leadstream.projection import months
from leadstream.projection.errors import StoreUnavailable
from leadstream.projection.migrate import migrate
from leadstream.projection.months import month_of, retain

from .earlier import copy_rows, migrate_to
from .made import DAY, NOW, Database, entry, history, run, snapshot
from .test_ranking import fill

WHERE = """
SELECT tableoid::regclass::text AS part, source_offset FROM score_events ORDER BY source_offset
"""
FIRST_YEAR = -62_135_596_800_000
"""0001-01-01T00:00:00Z"""


def parts(database: Database) -> list[str]:
    return [row["part"].removeprefix("score_events_") for row in run(database.rows(WHERE))]


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.requirement("S3-24")
def test_every_row_is_in_its_month(database: Database) -> None:
    instants = [
        at("2026-01-31T23:59:59.999"), at("2026-02-01"), at("2025-12-15"), at("1999-12-31"), at("2100-01-01"),
        FIRST_YEAR, at("2024-02-29"),
    ]  # fmt: skip
    run(database.fill("t.history", [history(0, *(entry(n, now=now) for n, now in enumerate(instants)))]))
    assert parts(database) == ["2026_01", "2026_02", "2025_12", "other", "other", "other", "2024_02"]


def test_a_session_in_another_time_zone_makes_the_same_months(database: Database) -> None:
    run(database.rows("ALTER ROLE postgres IN DATABASE leadstream SET timezone = 'Pacific/Auckland'"))
    try:
        run(
            database.fill(
                "t.history", [history(0, entry(0, now=at("2026-03-01")), entry(1, now=at("2026-02-28")))]
            )
        )
    finally:
        run(database.rows("ALTER ROLE postgres IN DATABASE leadstream RESET timezone"))
    assert parts(database) == ["2026_03", "2026_02"]


def test_while_a_reader_holds_the_table_rows_wait_in_the_rest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a long report; once it is over, the rows move to their month."""
    monkeypatch.setattr(months, "RETRY_SECONDS", 0.0)

    async def scenario() -> list[list[str]]:
        store = database.store()
        await store.open()
        reader = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        found = []
        async with reader.transaction():
            await reader.fetch("SELECT * FROM score_events")
            await store.apply("t.history", 0, 0, 1, [history(0, entry(0))])
            found.append([row["part"] for row in await database.rows(WHERE)])
        await store.apply("t.history", 0, 1, 2, [history(1, entry(1))])
        found.append([row["part"] for row in await database.rows(WHERE)])
        await reader.close()
        await store.close()
        return found

    assert run(scenario()) == [["score_events_other"], ["score_events_2026_01"] * 2]


def test_many_projectors_make_the_same_months_at_once(database: Database) -> None:
    """Partitions of the topic side by side, each step with other months: no deadlock, no row lost."""

    async def scenario() -> None:
        stores = [database.store() for _ in range(3)]
        for store in stores:
            await store.open()

        async def project(number: int) -> None:
            rng = random.Random(number)
            for step in range(12):
                entries = [entry(step * 5 + n, now=NOW + rng.randrange(400) * DAY) for n in range(5)]
                records = [history(step, *entries, partition=number)]
                await stores[number % 3].apply("t.history", number, step, step + 1, records)

        await asyncio.gather(*(project(number) for number in range(6)))
        for store in stores:
            await store.close()
        [row] = await database.rows("SELECT count(*) FROM score_events")
        assert row["count"] == 6 * 12 * 5
        rows = await database.rows("SELECT count(*) FROM score_events_other")
        assert rows[0]["count"] == 0

    run(scenario())


def test_days_belong_to_months() -> None:
    for day in (date(1, 1, 1), date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)):
        assert month_of((day - date(1970, 1, 1)) // timedelta(days=1)) == day.replace(day=1)


@pytest.fixture
def year(database: Database) -> Database:
    """A row in the middle of each month of 2025, and two outside all months."""
    instants = [at(f"2025-{month:02}-15") for month in range(1, 13)] + [FIRST_YEAR, at("2150-01-01")]
    run(database.fill("t.history", [history(0, *(entry(n, now=now) for n, now in enumerate(instants)))]))
    return database


def test_months_before_those_kept_go(year: Database) -> None:
    now = datetime(2025, 12, 31, 23, 59, tzinfo=UTC)
    looked = run(retain(year.dsn, year.schema, 3, now=now, dry=True))
    assert len(parts(year)) == 14
    done = run(retain(year.dsn, year.schema, 3, now=now))
    assert looked == done
    assert (done.since, len(done.months), done.rows) == (date(2025, 9, 1), 8, 1)
    assert parts(year) == ["2025_09", "2025_10", "2025_11", "2025_12", "other"]
    again = run(retain(year.dsn, year.schema, 3, now=now))
    assert (again.months, again.rows) == ((), 0)
    # A replay brings a month back.
    run(year.fill("t.history", [history(1, entry(0, now=at("2025-01-15")))]))
    assert parts(year)[0] == "2025_01"


def test_keeping_no_month_keeps_the_present_one(year: Database) -> None:
    run(retain(year.dsn, year.schema, 0, now=datetime(2025, 6, 1, tzinfo=UTC)))
    assert parts(year)[0] == "2025_06"


def test_a_table_in_use_is_left_alone(year: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(months, "PATIENCE", "SET LOCAL lock_timeout = '50ms'")

    async def scenario() -> None:
        reader = await asyncpg.connect(year.dsn, server_settings={"search_path": year.schema})
        async with reader.transaction():
            await reader.fetch("SELECT * FROM score_events")
            with pytest.raises(StoreUnavailable, match="lock timeout"):
                await retain(year.dsn, year.schema, 0)
        await reader.close()

    run(scenario())
    assert len(parts(year)) == 14


def test_a_time_limit_leaves_other_months_alone(year: Database) -> None:
    rows = run(year.rows("EXPLAIN SELECT * FROM score_events WHERE created_at >= '2025-03-01Z' AND "
                         "created_at < '2025-04-01Z'"))  # fmt: skip
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "score_events_2025_03" in plan
    assert "score_events_2025_04" not in plan


def everything(database: Database, table: str) -> list[dict[str, Any]]:
    rows = run(database.rows(f"SELECT * FROM {table}"))
    return sorted(rows, key=lambda row: (row["tenant_id"], row["lead_id"], row["source_offset"]))


def test_tables_of_the_first_release_lose_nothing(database: Database, unique: str) -> None:
    """And rights stay."""
    fill(database, 5, leads=300)
    rng = random.Random(5)
    entries = [entry(n, f"l{n % 7}", now=NOW + rng.randrange(-300, 300) * DAY) for n in range(500)]
    entries += [entry(500, now=FIRST_YEAR)]
    run(database.fill("t.history", [history(0, *entries)]))
    earlier = Database(database.dsn, f"{unique[:30]}_before")
    run(migrate_to(earlier.dsn, earlier.schema, "0010"))
    for table in ("leads", "score_events", "projection_positions"):
        run(copy_rows(database.dsn, table, database.schema, earlier.schema))
    run(earlier.rows(f"CREATE ROLE {unique}"))
    run(earlier.rows(f"GRANT SELECT ON score_events TO {unique}"))
    run(earlier.rows("GRANT INSERT ON score_events TO PUBLIC"))
    run(migrate(earlier.dsn, earlier.schema))
    assert everything(earlier, "score_events") == everything(database, "score_events")
    assert everything(earlier, "leads") == everything(database, "leads")
    rights = "SELECT has_table_privilege($1, 'score_events', 'SELECT') AS read, " \
        "has_table_privilege($1, 'score_events', 'INSERT') AS write"  # fmt: skip
    assert run(earlier.rows(rights, unique)) == [{"read": True, "write": True}]
    run(earlier.rows(f"DROP OWNED BY {unique}"))
    run(earlier.rows(f"DROP ROLE {unique}"))
    # And the projector goes on where it was.
    run(earlier.fill("t.history", [history(1, entry(501))]))
    run(earlier.fill("t.scores", [snapshot(301, "new", place=400)]))
    assert len(parts(earlier)) == 502
