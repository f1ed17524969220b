"""What the command line, the demo and the doctor read from the tables."""

import asyncpg
import pytest

from leadstream.projection import queries
from leadstream.projection.queries import reading
from leadstream.records.models import ModelThreshold

from .made import (
    NOW,
    Database,
    Record,
    accumulator,
    band_changed,
    crossed,
    entry,
    history,
    model,
    requested,
    run,
    skipped,
    snapshot,
)


async def asked(database: Database, question: str, *values: object, **named: object) -> object:
    async with reading(database.dsn, database.schema) as tables:
        return await getattr(tables, question)(*values, **named)


@pytest.mark.requirement("S2-12")
def test_lists_sort_by_the_exact_total(database: Database) -> None:
    totals = {"a": 100.5, "b": 130.0, "c": 12.0, "d": 130.0}
    records = [
        snapshot(
            offset,
            lead,
            total=total,
            score=min(int(total), 100),
            accumulators=(accumulator(points=total, kernel="none", half_life=0),),
        )
        for offset, (lead, total) in enumerate(totals.items())
    ]
    run(database.fill("t.scores", [*records, snapshot(4, "z", tenant="other", total=999.0)]))
    rows = run(asked(database, "top", "acme", 3))
    assert [(row.lead, row.score) for row in rows] == [("b", 100), ("d", 100), ("a", 100)]


def test_a_lead_is_read_as_it_was_written(database: Database) -> None:
    factors = (accumulator(mass=1 / 3), accumulator("bounce", points=-20.0))
    run(database.fill("t.scores", [snapshot(0, accumulators=factors, last_activity=None)]))
    row = run(asked(database, "lead", "acme", "l1"))
    assert row.accumulators == factors
    assert (row.updated, row.total, row.score, row.band) == (NOW, 81.25, 81, "hot")
    assert (row.last_activity, row.suppressed) == (None, ("email",))
    assert run(asked(database, "lead", "acme", "l2")) is None


def test_bands_are_counted_from_the_lowest(database: Database) -> None:
    leads = [("a", 90.0, "hot"), ("b", 20.0, "cold"), ("c", 60.0, "warm"), ("d", 10.0, "cold")]
    records = [snapshot(n, lead, total=total, band=band) for n, (lead, total, band) in enumerate(leads)]
    run(database.fill("t.scores", [*records, snapshot(4, tenant="other", total=55.0, band="warm")]))
    assert list(run(asked(database, "bands")).items()) == [("cold", 2), ("warm", 2), ("hot", 1)]
    assert list(run(asked(database, "bands", "acme")).items()) == [("cold", 2), ("warm", 1), ("hot", 1)]
    assert run(asked(database, "tenants")) == ["acme", "other"]


@pytest.mark.requirement("S0-10")
def test_the_latest_actions_name_their_signals(database: Database) -> None:
    later = "2026-01-01T00:00:00.001Z"
    records = [
        crossed(0, "c1", 50),
        crossed(1, "c2", 80),
        requested(2, "a1", do="soft-nurture", channel="email", threshold=50),
        requested(3, "a2"),
        band_changed(4, "b1", at=later),
        crossed(5, "c3", 80, direction="down", cause="decay", signal=None, at=later),
        requested(6, "a3", lead="l2", at=later),
    ]
    run(database.fill("t.actions", records))
    latest = run(asked(database, "latest", limit=2))
    assert [(action.id, action.signal_type, action.signal) for action in latest] == [
        ("a3", "form.submitted", "s7"),
        ("a2", "form.submitted", "s7"),
    ]
    assert [share.factor for share in latest[0].factors] == ["form.submitted.organic"]
    of_lead = run(asked(database, "actions", "acme", "l1"))
    assert [action.id for action in of_lead] == ["c3", "b1", "a2", "a1", "c2", "c1"]
    assert (of_lead[0].cause, of_lead[0].signal, of_lead[0].threshold) == ("decay", None, 80.0)
    # 80 was left again.
    assert run(asked(database, "passed", "acme", "l1")) == {50.0}
    assert run(asked(database, "passed", "acme", "l2")) == set()


def test_thresholds_are_those_of_the_model_that_scored(database: Database) -> None:
    """The tenant's own before that of all, whether or not another version is in force by now."""
    own = model(0, thresholds=(ModelThreshold(30, 2),))
    run(database.fill("t.models", [own, model(1, "2"), model(2, tenant=""), model(3, "3", tenant="")]))
    leads = [snapshot(0), snapshot(1, "l2", version="3"), snapshot(2, "l3", version="4")]
    run(database.fill("t.scores", [*leads, snapshot(3, "x", tenant="other")]))

    def thresholds(tenant: str, lead: str) -> object:
        return run(asked(database, "thresholds", run(asked(database, "lead", tenant, lead))))

    of_all = (ModelThreshold(50), ModelThreshold(80, 5))
    assert thresholds("acme", "l1") == (ModelThreshold(30, 2),)
    assert thresholds("acme", "l2") == of_all
    assert thresholds("acme", "l3") is None
    assert thresholds("other", "x") == of_all


@pytest.mark.requirement("S0-12")
def test_withheld_actions_are_counted_by_reason(database: Database) -> None:
    records = [skipped(0, "d1"), skipped(1, "d2"), skipped(2, "d3", reason="repeated")]
    run(database.fill("t.decisions", records))
    assert run(asked(database, "skipped")) == [
        ("voice-lead-qualifier", "no_phone", 2),
        ("voice-lead-qualifier", "repeated", 1),
    ]


def test_a_factor_is_what_came_since_the_last_reset(database: Database) -> None:
    reset = entry(3, type="email.unsubscribed", contributions=(), outcome="reset", data={})
    entries = [entry(1), entry(2), reset, entry(4, at=NOW - 10), entry(5, at=NOW - 99), entry(6, "l2")]
    run(database.fill("t.history", [history(0, *entries)]))
    found = run(asked(database, "factors", "acme", "l1"))
    assert list(found) == ["form.submitted.organic"]
    factor = found["form.submitted.organic"]
    # The last is the newest by its own time.
    assert (factor.came, factor.signal, factor.type, factor.at) == (60.0, "s4", "form.submitted", NOW - 10)


@pytest.mark.requirement("S0-15")
def test_the_last_signal_of_each_type_and_source(database: Database) -> None:
    entries = [
        entry(1, now=NOW),
        entry(2, now=NOW + 5),
        entry(3, now=NOW + 1, source="ads"),
        entry(4, now=NOW + 2, type="email.opened"),
    ]
    run(database.fill("t.history", [history(0, *entries)]))
    assert run(asked(database, "last_signals")) == [
        ("email.opened", "site", NOW + 2),
        ("form.submitted", "ads", NOW + 1),
        ("form.submitted", "site", NOW + 5),
    ]


def test_how_far_the_tables_follow_the_log(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0), Record(1, b"acme:x", b"{", NOW + 7)], partition=1))
    run(database.fill("t.scores", [snapshot(0)], partition=0))
    assert run(asked(database, "positions")) == {("t.scores", 0): 1, ("t.scores", 1): 2}
    assert run(asked(database, "dead_letters")) == [("t.scores", "not_json", 1, NOW + 7)]


def test_leads_are_found_by_a_slip_of_the_hand(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(n, f"lead-{n:03}") for n in range(20)]))
    assert "lead-007" in run(asked(database, "nearest", "acme", "lead-0071"))
    assert run(asked(database, "nearest", "acme", "completely other")) == []


MANY = """
INSERT INTO leads
    SELECT 'acme', 'lead-' || n, 0, 'cold', '1', now(), n, 'tenx', NULL, NULL, '{}', '[]', 0, n, false,
        0, 0, n, n, n, '', '{}'
    FROM generate_series(1, 20000) AS n;
INSERT INTO score_events
    SELECT 0, n, 'acme', 'lead-' || n % 2000, 's', 't' || n % 5, '{}', 0, 'web', now(), now(), 0, 0, 0, 0, 0,
        '[]', 'scored', false, false, '{}'
    FROM generate_series(1, 20000) AS n;
INSERT INTO action_log (id, type, tenant_id, lead_id, at, cause, direction, threshold, total_before,
        total_after, score, band, stage, model, log_partition, log_offset, altered)
    SELECT 'a' || n, 'lead.threshold.crossed', 'acme', 'lead-' || n % 2000, now() + n * interval '1 s',
        'signal', 'up', n % 3, 0, 0, 0, 'cold', '', 'tenx', 0, n, false
    FROM generate_series(1, 20000) AS n;
ANALYZE leads, score_events, action_log;
"""


def test_indexes_carry_the_questions(database: Database) -> None:
    """With many rows, no question about one lead or the latest few reads a table from end to end."""

    async def plans() -> list[str]:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await connection.execute(MANY)
        asked = [
            (queries.LEAD, ["acme", "lead-7"]),
            (queries.TOP, ["acme", 10]),
            (queries.TENANTS, []),
            (queries.NEIGHBOURS, ["acme", "lead-7x"]),
            (queries.FACTORS, ["acme", "lead-7"]),
            (queries.ACTIONS_OF_LEAD, ["acme", "lead-7", 10, None, None]),
            (queries.ACTIONS_OF_TYPE, ["lead.threshold.crossed", 10]),
            (queries.PASSED, ["acme", "lead-7"]),
            (queries.LAST_SIGNALS, []),
        ]
        found = []
        for query, values in asked:
            rows = await connection.fetch(f"EXPLAIN {query}", *values)
            found.append("\n".join(row[0] for row in rows))
        await connection.close()
        return found

    for plan in run(plans()):
        assert "Seq Scan" not in plan, plan
