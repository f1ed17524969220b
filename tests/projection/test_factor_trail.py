"""`lead_score_factors`: what each factor contributed at each crossing, change and trigger of a lead."""

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from leadstream.projection.migrate import migrate
from leadstream.projection.months import retain
from leadstream.records.outputs import FactorShare

from .earlier import copy_rows, migrate_to
from .made import Database, Record, band_changed, crossed, fired, requested, run, skipped, stage_changed
from .test_migrate import columns, indexes

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
SHARES = (
    FactorShare("email.replied", 60.5, 3, 1_767_225_595_000, 7, "engagement"),
    FactorShare("fit.size", 30.75, 1, 1_767_225_500_000, 2, "fit"),
    FactorShare("cap:fit", -10.0, category="fit"),
)
ROWS = "SELECT * FROM lead_score_factors ORDER BY created_on, evaluation, item"


def trail(database: Database) -> list[dict[str, Any]]:
    rows = run(database.rows(ROWS))
    return [{**row, "details": json.loads(row["details"])} for row in rows]


@pytest.mark.requirement("S2-10")
def test_it_has_its_columns(database: Database) -> None:
    found = columns(database, "lead_score_factors")
    assert list(found.items())[:8] == [
        ("tenant_id", "text"), ("lead_id", "text"), ("model_version", "text"),
        ("factor_key", "varchar(100)"), ("factor_category", "text"), ("points", "integer"),
        ("details", "jsonb"), ("created_on", "timestamptz"),
    ]  # fmt: skip


@pytest.mark.requirement("S2-10")
def test_each_factor_of_a_crossing_is_a_row_with_its_evidence(database: Database) -> None:
    run(database.fill("t.actions", [crossed(0, "c1", factors=SHARES)]))
    rows = trail(database)
    assert [
        (row["tenant_id"], row["lead_id"], row["model_version"], row["factor_key"], row["factor_category"])
        for row in rows
    ] == [
        ("acme", "l1", "tenx/1", "email.replied", "engagement"), ("acme", "l1", "tenx/1", "fit.size", "fit"),
        ("acme", "l1", "tenx/1", "cap:fit", "fit"),
    ]  # fmt: skip
    # A half goes to the even number; the exact points add up to the total.
    assert [row["points"] for row in rows] == [60, 31, -10]
    assert sum(row["details"]["points"] for row in rows) == 81.25
    assert {row["created_on"] for row in rows} == {JANUARY}
    assert rows[0]["details"] == {
        "factor": "email.replied", "points": 60.5, "count": 3, "last_at": 1_767_225_595_000, "offset": 7,
        "record_id": "c1", "type": "lead.threshold.crossed", "cause": "signal", "total_before": 45.0,
        "total_after": 81.25, "signal_id": "s7", "signal_type": "form.submitted",
    }  # fmt: skip


@pytest.mark.requirement("S2-10")
@pytest.mark.parametrize("made", [crossed, band_changed, stage_changed, fired])
def test_all_kinds_of_changes_fill_it(database: Database, made: Any) -> None:
    run(database.fill("t.actions", [made(0, "r1", factors=SHARES)]))
    assert [row["details"]["record_id"] for row in trail(database)] == ["r1"] * 3


def test_one_evaluation_is_kept_once_however_the_log_is_cut(database: Database, unique: str) -> None:
    """Two crossings, an action, a change of band and one of stage of one signal; then one of another."""
    later = {"at": "2026-01-01T00:00:00.001Z", "total_before": 81.25, "total_after": 90.0}
    records = [
        crossed(0, "c1", 50, factors=SHARES), crossed(1, "c2", factors=SHARES),
        requested(2, "a1", factors=SHARES), band_changed(3, "b1", factors=SHARES),
        stage_changed(4, "s1", factors=SHARES), crossed(5, "c3", 90, factors=SHARES, **later),
    ]  # fmt: skip
    for record in records:
        run(database.fill("t.actions", [record]))
    rows = trail(database)
    assert [row["details"]["record_id"] for row in rows] == ["c1"] * 3 + ["c3"] * 3
    # At once, in halves, and once more over what is there.
    run(database.fill("t.actions", records[:3], partition=1))
    run(database.fill("t.actions", records[3:], partition=1))
    assert trail(database) == rows
    other = Database(database.dsn, f"{unique[:30]}_other")
    run(migrate_to(other.dsn, other.schema, "head"))
    run(other.fill("t.actions", records))
    assert trail(other) == rows


def test_two_signals_of_one_millisecond_are_two_evaluations(database: Database) -> None:
    second = {"total_before": 81.25, "total_after": 95.0}
    run(
        database.fill(
            "t.actions", [crossed(0, "c1", factors=SHARES), crossed(1, "c2", 90, factors=SHARES, **second)]
        )
    )
    assert len({row["evaluation"] for row in trail(database)}) == 2
    run(
        database.fill(
            "t.actions", [crossed(2, "c3", factors=SHARES, lead="l2"), crossed(3, "c4", tenant="other")]
        )
    )
    assert len({row["evaluation"] for row in trail(database)}) == 4


def test_a_long_name_is_cut_and_stays_unlike_others(database: Database) -> None:
    long = ["f" * 100, "f" * 101, "f" * 102, "ä" * 4000]
    shares = tuple(FactorShare(name, 1.0) for name in long)
    run(database.fill("t.actions", [crossed(0, "c1", factors=shares)]))
    rows = trail(database)
    wanted = [long[0], *(f"{one[:83]}#{hashlib.sha256(one.encode()).hexdigest()[:16]}" for one in long[1:])]
    assert [row["factor_key"] for row in rows] == wanted
    assert [row["details"]["factor"] for row in rows] == long


def test_points_beyond_an_integer_are_kept_in_details(database: Database) -> None:
    shares = (FactorShare("a", 1e300), FactorShare("b", -1e15), FactorShare("c", 0.5), FactorShare("d", -1.5))
    run(database.fill("t.actions", [crossed(0, "c1", factors=shares)]))
    rows = trail(database)
    assert [row["points"] for row in rows] == [10**9, -(10**9), 0, -2]
    assert [row["details"]["points"] for row in rows] == pytest.approx([1e300, -1e15, 0.5, -1.5])


def test_who_has_no_factors_has_no_rows(database: Database) -> None:
    """Nor have actions of their own, requested or withheld, nor records of an earlier version."""
    run(database.fill("t.actions", [crossed(0, "c1", factors=()), band_changed(1, "b1"), requested(2, "a1")]))
    run(database.fill("t.decisions", [skipped(0, "d1")]))
    assert trail(database) == []


def test_a_record_that_cannot_be_stored_leaves_the_factors_of_others(database: Database) -> None:
    # An id that is too long for its index, however it is compressed.
    bad = crossed(1, random.Random(1).randbytes(6000).hex(), factors=SHARES)
    records = [crossed(0, "c1", factors=SHARES), bad, Record(2, b"acme:l1", b"{"),
               crossed(3, "c3", factors=SHARES, total_after=99.0)]  # fmt: skip
    run(database.fill("t.actions", records))
    dead = run(database.rows("SELECT log_offset FROM projection_dead_letters ORDER BY 1"))
    assert [row["log_offset"] for row in dead] == [1, 2]
    assert {row["details"]["record_id"] for row in trail(database)} == {"c1", "c3"}


@pytest.mark.requirement("S2-11")
def test_the_factors_of_a_lead_come_from_the_index(database: Database) -> None:
    assert any(
        definition.endswith("(tenant_id, lead_id, created_on DESC)")
        for definition in indexes(database, "lead_score_factors")
    )
    records = [
        crossed(n, f"c{n}", factors=SHARES, lead=f"l{n % 500}", total_after=float(n)) for n in range(5000)
    ]
    run(database.fill("t.actions", records))

    async def plan() -> str:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await connection.execute("ANALYZE lead_score_factors")
        rows = await connection.fetch(
            "EXPLAIN SELECT * FROM lead_score_factors WHERE tenant_id = 'acme' AND lead_id = 'l7' "
            "AND created_on >= '2026-01-01Z' AND created_on < '2026-02-01Z' ORDER BY created_on DESC LIMIT 20"
        )
        await connection.close()
        return "\n".join(row[0] for row in rows)

    found = run(plan())
    assert "tenant_id_lead_id_created_on_idx" in found, found
    assert "Seq Scan" not in found


MONTH = "SELECT DISTINCT tableoid::regclass::text AS part FROM lead_score_factors ORDER BY 1"


def test_it_is_kept_by_month_and_old_months_go(database: Database) -> None:
    for number, at in enumerate(("1999-12-31T23:59:59Z", "2026-01-31T23:59:59.999Z", "2026-02-01T00:00:00Z")):
        run(database.fill("t.actions", [crossed(number, f"c{number}", at=at)]))
    found = [row["part"].removeprefix("lead_score_factors_") for row in run(database.rows(MONTH))]
    assert found == ["2026_01", "2026_02", "other"]
    looked = run(retain(database.dsn, database.schema, 0, now=JANUARY + timedelta(days=40), dry=True))
    done = run(retain(database.dsn, database.schema, 0, now=JANUARY + timedelta(days=40)))
    assert looked == done
    assert (done.months, done.rows) == (("lead_score_factors_2026_01",), 1)
    assert [row["part"] for row in run(database.rows(MONTH))] == ["lead_score_factors_2026_02"]


def test_the_migration_fills_it_from_what_is_there(database: Database, unique: str) -> None:
    records = [crossed(0, "c1", factors=SHARES), crossed(1, "c2", factors=SHARES, at="2024-02-29T12:00:00Z"),
               requested(2, "a1", factors=SHARES)]  # fmt: skip
    run(database.fill("t.actions", records))
    earlier = Database(database.dsn, f"{unique[:30]}_before")
    run(migrate_to(earlier.dsn, earlier.schema, "0010"))
    run(copy_rows(database.dsn, "action_log", database.schema, earlier.schema))
    run(migrate(earlier.dsn, earlier.schema))
    assert trail(earlier) == trail(database)
    assert run(earlier.rows(MONTH)) == run(database.rows(MONTH))
