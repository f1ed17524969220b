"""Why a lead has its score at this moment, and the scores by dimension."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest

from leadstream.records.outputs import Contribution, Detail, FactorShare

from .made import DAY, NOW, Database, accumulator, crossed, entry, history, run, snapshot
from .test_migrate import columns, indexes

JANUARY = datetime(2026, 1, 1, tzinfo=UTC)
STAYS = {"kernel": "none", "half_life": 0}
FACTORS = (
    accumulator("pricing", category="intent", points=10.0, mass=3.0, count=3, last_at=NOW - 5000, **STAYS),
    accumulator("open", category="engagement", points=1.0, mass=0.4, **STAYS),
    accumulator("size", category="fit", points=12.0, **STAYS),
    accumulator("bounce", points=-7.0, **STAYS),
    accumulator("idle", points=-10.0, kernel="inactive", half_life=30 * DAY, count=0, t_ref=NOW - 40 * DAY),
)
CAPS = {"intent": (0.0, 25.0), "fit": (0.0, 40.0)}
WHY = "SELECT * FROM lead_factors_now WHERE tenant_id = 'acme' AND lead_id = 'l1' ORDER BY factor_key"


def fill(database: Database) -> None:
    """The present total is 25 + 0.4 + 12 - 7 - 10 = 20.4."""
    lead = snapshot(0, accumulators=FACTORS, caps=CAPS, total=20.4, score=20, place=9)
    run(database.fill("t.scores", [lead, snapshot(1, "l2", accumulators=())]))

    def signal(place: int, **changes: Any) -> Any:
        return entry(place, now=NOW + place, contributions=(Contribution("pricing", 10.0),), **changes)

    entries = [
        entry(0, contributions=(Contribution("open", 1.0),)),
        entry(1, outcome="reset", now=NOW + 1, contributions=()),
        *[signal(n) for n in range(2, 9)],
        entry(9, now=NOW + 9, contributions=(Contribution("open", 0.4), Contribution("pricing", 10.0))),
        signal(10, lead="l2"),
    ]  # fmt: skip
    run(database.fill("t.history", [history(0, *entries)]))


@pytest.mark.requirement("S2-17")
@pytest.mark.requirement("N-8")
def test_why_a_lead_has_its_score_is_one_query(database: Database) -> None:
    fill(database)
    rows = {row["factor_key"]: row for row in run(database.rows(WHY))}
    points = {name: (row["factor_category"], row["points"]) for name, row in rows.items()}
    assert points == {
        "pricing": ("intent", 30), "cap:intent": ("intent", -5), "open": ("engagement", 0),
        "size": ("fit", 12), "bounce": ("", -7), "idle": ("", -10),
    }  # fmt: skip
    details = {name: msgspec.json.decode(row["details"]) for name, row in rows.items()}
    assert sum(one["points"] for one in details.values()) == pytest.approx(20.4, abs=1e-9)
    assert (details["pricing"]["count"], details["idle"]["last_at"]) == (3, None)
    # The last five since the reset, newest first, each with its place in score_events.
    signals = details["pricing"]["signals"]
    assert [one["signal_id"] for one in signals] == ["s9", "s8", "s7", "s6", "s5"]
    assert (signals[0]["points"], signals[0]["source_partition"], signals[0]["source_offset"]) == (10.0, 0, 9)
    assert [(one["signal_id"], one["event_type"]) for one in details["open"]["signals"]] == [
        ("s9", "form.submitted")
    ]
    assert details["size"]["signals"] == []
    assert {row["model_version"] for row in rows.values()} == {"tenx/1"}
    ms = {name: round(row["created_on"].timestamp() * 1000) for name, row in rows.items()}
    assert (ms["pricing"], ms["size"], ms["cap:intent"]) == (NOW + 9, NOW, NOW)
    assert run(database.rows(WHY.replace("'l1'", "'l2'"))) == []


def test_without_history_the_factors_are_explained_by_counts_alone(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0, accumulators=FACTORS)]))
    rows = {row["factor_key"]: row for row in run(database.rows(WHY))}
    details = msgspec.json.decode(rows["pricing"]["details"])
    assert (details["points"], details["count"], details["signals"]) == (30.0, 3, [])
    assert rows["pricing"]["created_on"] == datetime(2025, 12, 31, 23, 59, 55, tzinfo=UTC)


def test_what_pushed_it_over_is_one_query(database: Database) -> None:
    fill(database)
    shares = (FactorShare("pricing", 30.0, 3, NOW - 5000, 9), FactorShare("cap:intent", -5.0))
    run(database.fill("t.actions", [crossed(0, "c1", factors=shares, at="2026-01-01T00:00:01Z")]))
    query = """
    SELECT part ->> 'factor' AS factor, (part ->> 'points')::float8 AS points, event.signal_id
    FROM action_log AS crossing JOIN leads USING (tenant_id, lead_id)
    CROSS JOIN jsonb_array_elements(crossing.factors) AS part
    LEFT JOIN score_events AS event ON event.source_partition = leads.source_partition
        AND event.source_offset = (part ->> 'offset')::bigint AND event.created_at <= crossing.at
    WHERE crossing.id = 'c1'
    """
    rows = run(database.rows(query))
    assert [tuple(row.values()) for row in rows] == [("pricing", 30.0, "s9"), ("cap:intent", -5.0, None)]


def test_factors_of_a_lead_are_found_by_index(database: Database) -> None:
    """The index on (tenant_id, lead_id, created_at DESC) of score_events, and the key of leads."""
    fill(database)

    async def plan() -> str:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await connection.execute("SET enable_seqscan = off")
        rows = await connection.fetch(f"EXPLAIN {WHY} DESC".replace("factor_key", "created_on"))
        await connection.close()
        return "\n".join(row[0] for row in rows)

    found = run(plan())
    assert "Seq Scan" not in found
    assert "tenant_id_lead_id_created_at_idx" in found


@pytest.mark.requirement("S3-23")
def test_contact_scores_has_the_dimensions_under_their_caps(database: Database) -> None:
    assert columns(database, "contact_scores") == {
        "id": "text", "tenant_id": "text", "contact_id": "text", "scoring_model_id": "text",
        "total_score": "integer", "total": "double precision", "engagement_score": "double precision",
        "fit_score": "double precision", "intent_score": "double precision",
        "last_calculated_at": "timestamptz", "last_activity_at": "timestamptz", "previous_score": "integer",
        "owner": "text",
    }  # fmt: skip
    fill(database)
    first, second = run(database.rows("SELECT * FROM contact_scores ORDER BY contact_id"))
    assert (first["id"], first["contact_id"], first["scoring_model_id"]) == ("acme:l1:tenx", "l1", "tenx/1")
    assert (first["total_score"], first["total"]) == (20, 20.4)
    assert (first["intent_score"], first["fit_score"]) == (25.0, 12.0)
    assert first["engagement_score"] == pytest.approx(0.4)
    assert (first["last_calculated_at"], first["previous_score"]) == (JANUARY, 10)
    assert first["last_activity_at"] == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert second["fit_score"] == 0.0
    unknown = (accumulator(kernel="sigmoid", category="fit", detail=Detail()),)
    run(database.fill("t.scores", [snapshot(2, "l3", accumulators=unknown)]))
    [row] = run(database.rows("SELECT total_score, fit_score FROM contact_scores WHERE contact_id = 'l3'"))
    assert tuple(row.values()) == (81, None)


@pytest.mark.requirement("S3-23")
def test_all_of_a_row_of_contact_scores_is_of_its_own_instant(database: Database) -> None:
    """40 points of engagement, halved each day: last calculated long ago, they are still 40 there."""
    fading = (accumulator("open", category="engagement", points=40.0, half_life=DAY),)
    run(database.fill("t.scores", [snapshot(0, accumulators=fading, total=40.0, score=40)]))
    query = "SELECT total_score, total, engagement_score, last_calculated_at FROM contact_scores"
    [row] = run(database.rows(query))
    assert tuple(row.values()) == (40, 40.0, 40.0, JANUARY)
    [now] = run(database.rows("SELECT score_now FROM leads_now"))
    assert now["score_now"] == 0


@pytest.mark.requirement("S3-23")
def test_contact_scores_has_one_row_for_a_contact_and_model(database: Database) -> None:
    """Also where the model changes, where partitions do, and by the key of the table beneath."""
    run(database.fill("t.scores", [snapshot(0), snapshot(1, model="other", place=1)]))
    run(database.fill("t.scores", [snapshot(0, place=2)], partition=1))
    rows = run(database.rows("SELECT id, count(*) FROM contact_scores GROUP BY id"))
    assert [tuple(row.values()) for row in rows] == [("acme:l1:tenx", 1)]
    [definition] = [one for one in indexes(database, "leads") if "leads_pkey" in one]
    assert "UNIQUE" in definition
    assert definition.endswith("(tenant_id, lead_id)")


@pytest.mark.requirement("S3-23")
@pytest.mark.parametrize("order", ["total_score DESC", "total_score DESC, total DESC, contact_id"])
def test_contacts_by_score_come_from_an_index(database: Database, order: str) -> None:
    """20 of 5,000, none sorted; equal scores are in the order of their exact totals."""
    leads = [
        snapshot(n, f"l{n:04}", place=n, score=n % 100, total=n % 100 + n / 5000, accumulators=())
        for n in range(5000)
    ]
    run(database.fill("t.scores", leads))
    run(database.rows("ANALYZE leads"))
    query = (
        "SELECT contact_id, total_score FROM contact_scores WHERE tenant_id = 'acme' "
        f"ORDER BY {order} LIMIT 20"
    )
    plan = "\n".join(row["QUERY PLAN"] for row in run(database.rows(f"EXPLAIN {query}")))
    above, scan, _ = plan.partition("Index Scan using leads_by_score on leads")
    assert scan, plan
    # What stands below it is of one row each.
    assert "Sort" not in above, plan
    found = [row["contact_id"] for row in run(database.rows(query))]
    assert found == [f"l{n:04}" for n in range(4999, 2999, -100)]
