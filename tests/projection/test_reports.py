"""The reports: every number by hand."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.durations import HOUR

from .made import (
    DAY,
    NOW,
    Database,
    accumulator,
    crossed,
    entry,
    history,
    requested,
    run,
    skipped,
    snapshot,
)
from .shell import command, told

STAYS = {"kernel": "none", "half_life": 0}


def clock() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


TODAY = clock()
"""Reports look back from the server's now."""


def lead(offset: int, name: str, total: float, band: str, **changes: Any) -> Any:
    factors = (accumulator(points=total, **STAYS),)
    return snapshot(offset, name, total=total, score=max(0, min(int(total), 100)), band=band,
                    accumulators=factors, **changes)  # fmt: skip


def ago(hours: float) -> int:
    return TODAY - int(hours * HOUR)


@pytest.fixture
def filled(database: Database) -> Database:
    """Five leads of acme, and one of another tenant that must never show."""
    leads = [
        ("a", 90.5, "hot"),
        ("b", 60.0, "warm"),
        ("c", 20.0, "cold"),
        ("d", -5.0, "cold"),
        ("e", 130.0, "hot"),
    ]
    owners = {"a": "Ann", "b": "Ann", "e": "Bob"}
    records = [lead(n, *values, owner=owners.get(values[0], "")) for n, values in enumerate(leads)]
    run(database.fill("t.scores", [*records, lead(5, "x", 77.0, "warm", tenant="other", owner="Ann")]))
    noted = {"type": "lead.updated", "outcome": "noted", "points": 0.0}
    entries = [
        # Outside the 30 days: not in the period, but the first signal of b.
        entry(0, "b", now=ago(40 * 24), points=60.0, before=0.0, after=60.0),
        entry(1, "a", now=ago(200), points=50.5, before=0.0, after=50.5),
        entry(2, "a", now=ago(190), points=40.0, before=50.5, after=90.5, type="email.replied"),
        entry(3, "e", now=ago(100), points=100.0, before=0.0, after=100.0, type="email.replied"),
        entry(4, "e", now=ago(99), points=30.0, before=100.0, after=130.0),
        entry(5, "d", now=ago(98), points=-25.0, before=20.0, after=-5.0, type="email.bounced"),
        entry(6, "a", now=ago(80), type="status.changed", data={"to": "won"}, points=0.0),
        entry(7, "d", now=ago(70), type="status.changed", data={"to": "customer"}, points=0.0),
        entry(8, "a", now=ago(60), **noted),
        entry(9, "e", now=ago(60), **noted),
        entry(10, "e", now=ago(50), **noted),
        entry(11, "b", now=ago(50), **noted),
        entry(12, "x", tenant="other", now=ago(50), **noted),
    ]
    run(database.fill("t.history", [history(0, *entries)]))
    return database


@pytest.mark.requirement("S3-21")
def test_the_distribution_over_bands(filled: Database) -> None:
    rows = told(filled, "distribution", "acme")
    assert [(row["band"], row["leads"], row["percent"], row["mean"], row["median"]) for row in rows] == [
        ("cold", 2, 40.0, 10.0, 10.0), ("warm", 1, 20.0, 60.0, 60.0), ("hot", 2, 40.0, 95.0, 95.0),
        ("all", 5, 100.0, 54.0, 60.0),
    ]  # fmt: skip
    assert (rows[-1]["lowest"], rows[-1]["highest"]) == (0, 100)


@pytest.mark.requirement("S3-21")
def test_movers_of_thirty_days(filled: Database) -> None:
    rows = told(filled, "movers", "acme")
    assert [(row["lead"], row["before"], row["now"], row["change"], row["signals"]) for row in rows] == [
        ("e", 0, 100, 130.0, 4), ("a", 0, 90, 90.5, 4), ("b", 10, 60, 49.75, 1), ("d", 20, 0, -25.0, 2),
    ]  # fmt: skip
    assert len(told(filled, "movers", "acme", "--limit", "1")) == 1


@pytest.mark.requirement("S3-21")
def test_how_many_rose_fell_and_stayed_in_thirty_days(filled: Database) -> None:
    # a, b and e rose, d fell, c has no signal and does not fade.
    assert told(filled, "movers", "acme", "--counts") == [
        {"direction": "risen", "leads": 3, "percent": 60.0},
        {"direction": "fallen", "leads": 1, "percent": 20.0},
        {"direction": "unchanged", "leads": 1, "percent": 20.0},
    ]
    # Of the last hours nobody has a signal, and nothing fades.
    assert [row["percent"] for row in told(filled, "movers", "acme", "--counts", "--days", "1")] == [
        0,
        0,
        100,
    ]
    printed = command(filled, "report", "movers", "acme", "--no-plot").stdout
    assert printed.index("risen") < printed.index("Movers of acme")


def test_a_change_that_does_not_show_is_none(database: Database) -> None:
    stays = accumulator("fit", points=20.9, **STAYS)
    fades = accumulator(points=0.8, t_ref=TODAY - 28 * DAY)
    run(database.fill("t.scores", [snapshot(0, at=TODAY - 28 * DAY, accumulators=(stays, fades))]))
    # 21.3 two weeks ago and 21.1 now: both are shown as 21.
    assert [row["leads"] for row in told(database, "movers", "acme", "--counts", "--days", "14")] == [0, 0, 1]
    assert len(told(database, "movers", "acme", "--days", "14")) == 1


def test_a_lead_without_signals_moves_by_fading(database: Database) -> None:
    # From now, not from when this file was read: the points fade by 0.01 in a quarter of an hour, and the
    # tests before this one may take that.
    begin = clock()
    factors = (accumulator(points=80.0, t_ref=begin - 28 * DAY),)
    run(database.fill("t.scores", [snapshot(0, at=begin - 28 * DAY, accumulators=factors)]))
    # Two weeks ago it had halved once, now twice.
    [row] = told(database, "movers", "acme", "--days", "14")
    assert (row["before"], row["now"], row["signals"]) in ((40, 20, 0), (40, 19, 0), (39, 19, 0))
    # It faded further while the report was made, and the server's clock may be another one.
    faded = 2 ** ((begin - clock()) / (14 * DAY))
    assert -20.0 - 0.01 <= row["change"] <= -20.0 * faded + 0.01


def test_a_cap_holds_what_moves(database: Database) -> None:
    # 80 two weeks ago and 40 now, of which 50 and 40 count.
    factors = (accumulator(points=160.0, t_ref=TODAY - 28 * DAY, category="intent"),)
    capped = {"accumulators": factors, "caps": {"intent": (0.0, 50.0)}}
    run(database.fill("t.scores", [snapshot(0, at=TODAY - 28 * DAY, total=50.0, **capped)]))
    [row] = told(database, "movers", "acme", "--days", "14")
    # An hour between this file's TODAY and the server's now is 0.08 points.
    assert row["change"] == pytest.approx(-10.0, abs=0.2)
    [band, every] = told(database, "distribution", "acme")
    assert every["leads"] == band["leads"] == 1
    assert every["mean"] in (39.0, 40.0)


@pytest.mark.requirement("S3-21")
def test_the_actions_that_score_most(filled: Database) -> None:
    rows = told(filled, "top-actions", "acme", "--limit", "3")
    assert rows == [
        {"signal": "email.replied", "signals": 2, "leads": 2, "points": 140.0, "points_each": 70.0},
        {"signal": "form.submitted", "signals": 2, "leads": 2, "points": 80.5, "points_each": 40.25},
        {"signal": "lead.updated", "signals": 4, "leads": 3, "points": 0.0, "points_each": 0.0},
    ]


@pytest.mark.requirement("S2-13")
def test_owners_and_how_their_leads_stand(filled: Database) -> None:
    rows = told(filled, "owners", "acme")
    assert rows == [
        {"owner": "(nobody)", "leads": 2, "mean": 10.0, "highest": 20, "bands": {"cold": 2}},
        {"owner": "Ann", "leads": 2, "mean": 75.0, "highest": 90, "bands": {"hot": 1, "warm": 1}},
        {"owner": "Bob", "leads": 1, "mean": 100.0, "highest": 100, "bands": {"hot": 1}},
    ]
    owned = run(filled.rows("SELECT lead_id, owner FROM lead_owners WHERE tenant_id = 'acme' ORDER BY 1"))
    assert [tuple(row.values()) for row in owned] == [("a", "Ann"), ("b", "Ann"), ("e", "Bob")]


def test_stages_and_the_bands_in_them(database: Database) -> None:
    leads = [
        lead(0, "a", 90.0, "hot", stage="decision"), lead(1, "b", 30.0, "cold", stage="decision"),
        lead(2, "c", 60.0, "warm", stage="decision"), lead(3, "d", 10.0, "cold"),
        lead(4, "x", 99.0, "hot", stage="decision", tenant="other"),
    ]  # fmt: skip
    run(database.fill("t.scores", leads))
    bands = {"cold": 1, "hot": 1, "warm": 1}
    assert told(database, "stages", "acme") == [
        {"stage": "(none)", "leads": 1, "percent": 25.0, "mean": 10.0, "median": 10.0, "highest": 10,
         "bands": {"cold": 1}},
        {"stage": "decision", "leads": 3, "percent": 75.0, "mean": 60.0, "median": 60.0, "highest": 90,
         "bands": bands},
    ]  # fmt: skip


@pytest.mark.requirement("S4-13")
def test_triggers_delays_and_outcomes(database: Database) -> None:
    at = "2026-01-01T02:00:00.000Z"
    run(database.fill("t.actions", [
        crossed(0, "c1"), requested(1, "a1"), crossed(2, "c2", lead="l2"), crossed(3, "c3", lead="l3"),
        # Put off until two hours after its crossing.
        requested(4, "a3", lead="l3", at=at, cause="timer", signal=None, crossing="c3"),
    ]))  # fmt: skip
    run(database.fill("t.decisions", [
        skipped(0, "d2", lead="l2", crossing="c2"),
        skipped(1, "d3", lead="l3", crossing="c3", reason="deferred", until=at),
    ]))  # fmt: skip
    # After the action of midnight, whose signal came five seconds before it: what is no answer of the lead,
    # then a reply an hour and a half after it.
    unanswered = ("email.sent", "lead.updated", "score.bumped")
    entries = [
        entry(0),
        *[entry(n, now=NOW + n, type=kind, outcome="noted") for n, kind in enumerate(unanswered, start=1)],
        entry(4, now=NOW + 4, outcome="flagged"),
        entry(5, now=NOW + HOUR, type="status.changed", data={"from": "prospect", "to": "lead"}),
        entry(6, now=NOW + 5_400_000, type="email.replied", points=25.0),
        entry(7, now=NOW + 6_000_000),
        entry(8, now=NOW + 30 * HOUR, type="status.changed", data={"from": "lead", "to": "won"}),
        entry(9, "l4", now=NOW + 1),
    ]
    run(database.fill("t.history", [history(0, *entries)]))
    query = """
    SELECT action_id, withheld, trigger_type, trigger_id, delay_seconds, waited_seconds, outcome_type,
        outcome_id, outcome_points, outcome_hours, status, status_hours
    FROM action_outcomes WHERE action = 'voice-lead-qualifier' ORDER BY action_id
    """
    trigger, none = ("form.submitted", "s7", 5.0), (None,) * 4
    assert [tuple(row.values()) for row in run(database.rows(query))] == [
        ("a1", None, *trigger, 0.0, "email.replied", "s6", 25.0, 1.5, "lead", 1.0),
        ("a3", None, None, None, None, 7200.0, *none, None, None),
        ("d2", "no_phone", *trigger, 0.0, *none, None, None),
        ("d3", "deferred", *trigger, 0.0, *none, None, None),
    ]
    # Delays of 5 s and of two hours.
    [row] = told(database, "outcomes", "acme", "--days", "36500")
    assert row == {
        "action": "voice-lead-qualifier", "requested": 2, "withheld": 2, "median_delay_seconds": 3602.5,
        "answered": 1, "percent_answered": 50.0, "median_hours_to_answer": 1.5, "converted_leads": 1,
        "reasons": {"deferred": 1, "no_phone": 1},
    }  # fmt: skip
    [row] = told(database, "outcomes", "acme", "--days", "36500", "--converted", "lost")
    assert row["converted_leads"] == 0


def test_reports_as_table_and_csv(filled: Database) -> None:
    table = command(filled, "report", "owners", "acme", "--no-plot")
    assert table.exit_code == 0
    assert "Owners at acme" in table.stdout
    assert "hot 1, warm 1" in table.stdout
    sheet = command(filled, "report", "owners", "acme", "--format", "csv")
    rows = list(csv.reader(io.StringIO(sheet.stdout)))
    assert rows[0] == ["owner", "leads", "mean", "highest", "bands"]
    assert rows[2] == ["Ann", "2", "75.0", "90", "hot 1, warm 1"]


def test_a_tenant_without_leads_has_empty_reports(database: Database) -> None:
    run(database.fill("t.actions", [requested(0, "c", tenant="early", lead="y")]))
    for name in ("distribution", "stages", "movers", "top-actions", "owners"):
        assert told(database, name, "early") == []
    assert [row["leads"] for row in told(database, "funnel", "early")] == [0, 0, 0, 0]


def test_names_from_signals_can_not_drive_the_terminal(database: Database) -> None:
    run(database.fill("t.scores", [lead(0, "\x1b[2J[red]", 5.0, "cold")]))
    run(database.fill("t.history", [history(0, entry(0, "\x1b[2J[red]", now=TODAY))]))
    shown = command(database, "report", "movers", "acme").stdout
    assert "\x1b" not in shown
    assert "[2J[red]" in shown


REPORTS = [
    "distribution", "stages", "movers", "top-actions", "funnel", "cohorts", "outcomes", "owners",
]  # fmt: skip


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_tenant_that_there_is_not_is_said(filled: Database, name: str, form: str) -> None:
    result = command(filled, "report", name, "acmee", "--format", form)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: no tenant acmee has leads; there are: acme, other\n"


def test_before_there_is_any_lead_a_report_says_so(database: Database) -> None:
    result = command(database, "report", "movers", "acme", "--counts")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: no tenant acme has leads; there are no leads at all yet\n"


def test_a_tenant_of_which_only_signals_or_actions_are_there_has_reports(database: Database) -> None:
    # The projector may be ahead in one topic.
    run(database.fill("t.history", [history(0, entry(0, "x", tenant="early", now=ago(1)))]))
    run(database.fill("t.actions", [crossed(0, "c", 50, tenant="late", lead="y")]))
    assert [row["signals"] for row in told(database, "top-actions", "early")] == [1]
    assert [row["leads"] for row in told(database, "movers", "late", "--counts")] == [0, 0, 0]
