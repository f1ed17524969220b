"""Why a lead has its score, and the scores by dimension, as the sources name their tables."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest

from leadstream.records.outputs import Contribution, Detail, FactorShare

from .made import DAY, NOW, Database, accumulator, crossed, entry, history, run, snapshot
from .test_migrate import columns

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
WHY = "SELECT * FROM lead_score_factors WHERE tenant_id = 'acme' AND lead_id = 'l1' ORDER BY factor_key"


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


@pytest.mark.requirement("S2-10")
def test_lead_score_factors_has_its_columns(database: Database) -> None:
    assert columns(database, "lead_score_factors") == {
        "tenant_id": "text", "lead_id": "text", "model_version": "text", "factor_key": "varchar(100)",
        "factor_category": "text", "points": "integer", "details": "jsonb", "created_on": "timestamptz",
    }  # fmt: skip


@pytest.mark.requirement("S2-10")
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


@pytest.mark.requirement("S2-11")
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
    assert list(columns(database, "contact_scores")) == [
        "id", "tenant_id", "contact_id", "scoring_model_id", "total_score", "engagement_score", "fit_score",
        "intent_score", "last_calculated_at", "last_activity_at", "previous_score", "owner",
    ]  # fmt: skip
    fill(database)
    first, second = run(database.rows("SELECT * FROM contact_scores ORDER BY contact_id"))
    assert (first["id"], first["contact_id"], first["scoring_model_id"]) == ("acme:l1:tenx", "l1", "tenx/1")
    assert (first["total_score"], first["intent_score"], first["fit_score"]) == (20, 25.0, 12.0)
    assert first["engagement_score"] == pytest.approx(0.4)
    assert (first["last_calculated_at"], first["previous_score"]) == (JANUARY, 10)
    assert first["last_activity_at"] == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (second["total_score"], second["fit_score"]) == (0, 0.0)
    unknown = (accumulator(kernel="sigmoid", category="fit", detail=Detail()),)
    run(database.fill("t.scores", [snapshot(2, "l3", accumulators=unknown)]))
    [row] = run(database.rows("SELECT total_score, fit_score FROM contact_scores WHERE contact_id = 'l3'"))
    assert tuple(row.values()) == (None, None)
