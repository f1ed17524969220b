"""The way from lead to customer: by hand, and against counting in Python."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

import pytest

from leadstream.records.outputs import SignalRef
from leadstream.records.times import rfc3339, to_ms
from tests.support.durations import HOUR

from .made import Database, band_changed, crossed, entry, history, run, stage_changed
from .shell import command, told

TODAY = int(datetime.now(UTC).timestamp() * 1000)
"""Reports look back from the server's now."""


def ago(hours: float) -> int:
    return TODAY - int(hours * HOUR)


def first(place: int, lead: str, hours: float, **changes: Any) -> Any:
    return entry(place, lead, now=ago(hours), before=0.0, **changes)


def status(place: int, lead: str, hours: float, to: str) -> Any:
    return entry(place, lead, now=ago(hours), type="status.changed", data={"to": to})


def up(offset: int, lead: str, hours: float, threshold: float = 50, **changes: Any) -> Any:
    return crossed(offset, f"c{offset}", threshold, lead=lead, at=rfc3339(ago(hours)), **changes)


@pytest.fixture
def filled(database: Database) -> Database:
    """Of 30 days a, d, e and f; b came before, and x is another tenant's."""
    won = SignalRef("s9", "status.changed", rfc3339(ago(70)), "crm", {"to": "won"})
    run(database.fill("t.history", [history(
        0,
        first(0, "b", 40 * 24), entry(1, "b", now=ago(50)),
        first(2, "a", 200), status(3, "a", 80, "won"), status(4, "a", 60, "won"),
        first(5, "e", 100), status(6, "e", 96, "customer"),
        first(7, "d", 98), status(8, "d", 70, "customer"),
        first(9, "f", 90), status(10, "f", 70, "won"),
        first(11, "x", 50, tenant="other"),
        # Known for longer than history goes back: its first signal there found points.
        entry(12, "old", now=ago(90), before=12.5), status(13, "old", 80, "won"),
    )]))  # fmt: skip
    run(database.fill("t.actions", [
        up(0, "a", 200), up(1, "a", 190, 80), up(2, "e", 94), up(3, "d", 97, direction="down"),
        up(4, "c", 97, 25), up(5, "x", 50, tenant="other"), up(6, "old", 85),
        # The conversion of f itself brings it over: it was not qualified before.
        up(7, "f", 70, signal=won),
        stage_changed(8, "g1", lead="a", stage="mql", at=rfc3339(ago(150))),
        stage_changed(9, "g2", lead="e", stage="sql", at=rfc3339(ago(97))),
        stage_changed(10, "g3", lead="d", stage="mql", direction="down", at=rfc3339(ago(97))),
        band_changed(11, "b1", lead="d", band="hot", at=rfc3339(ago(96))),
    ]))  # fmt: skip
    return database


def leads(rows: list[dict[str, Any]]) -> list[int]:
    return [row["leads"] for row in rows]


@pytest.mark.requirement("S2-20")
@pytest.mark.requirement("S4-15")
def test_rates_and_times_from_lead_to_customer(filled: Database) -> None:
    came, qualified, converted, otherwise = told(filled, "funnel", "acme", "--days", "30")
    assert (came["step"], came["leads"], came["percent_of_leads"], came["rate"]) == ("lead", 4, 100.0, None)
    assert (qualified["rate"], qualified["leads"], qualified["percent_of_step_before"]) == (
        "lead-to-qualified", 2, 50.0,
    )  # fmt: skip
    # a at once, e after 6 h.
    assert qualified["median_hours"] == pytest.approx(3.0, abs=1e-3)
    assert (converted["rate"], converted["leads"], converted["percent_of_step_before"]) == (
        "qualified-to-converted", 1, 50.0,
    )  # fmt: skip
    assert converted["median_hours"] == pytest.approx(120.0, abs=1e-3)
    # f was won, and neither qualified otherwise; d was not won but a customer.
    assert (otherwise["leads"], otherwise["percent_of_step_before"]) == (1, 50.0)
    assert otherwise["median_hours"] == pytest.approx(20.0, abs=1e-3)


def test_who_qualifies_after_converting_was_not_qualified_before(filled: Database) -> None:
    # e is a customer 2 h before it crosses 50.
    rows = told(filled, "funnel", "acme", "--days", "30", "--converted", "customer")
    assert leads(rows) == [4, 2, 0, 2]
    assert rows[1]["median_hours"] == pytest.approx(10.0, abs=1e-3)  # a after 0 h, f by being won after 20 h


@pytest.mark.parametrize(
    ("levels", "qualified"),
    [
        (("80",), 1), (("threshold:50",), 2), (("60",), 1), (("stage:mql",), 1),
        (("stage:mql", "stage:sql"), 2), (("band:hot",), 1), (("band:hot", "50"), 3),
    ],
)  # fmt: skip
def test_what_qualifies(filled: Database, levels: Sequence[str], qualified: int) -> None:
    named = [part for level in levels for part in ("--qualified", level)]
    assert leads(told(filled, "funnel", "acme", "--days", "30", *named))[:2] == [4, qualified]


def test_the_time_that_is_looked_at(filled: Database) -> None:
    # a, and what became of it since.
    assert leads(told(filled, "funnel", "acme", "--days", "30", "--until", rfc3339(ago(150)))) == [1, 1, 1, 0]
    assert leads(told(filled, "funnel", "acme", "--days", "60")) == [5, 2, 1, 1]


def test_a_level_that_nobody_reached_is_named(filled: Database) -> None:
    result = command(filled, "report", "funnel", "acme", "--qualified", "stage:mqll", "--no-plot")
    assert result.exit_code == 0
    told_so = " ".join(result.stderr.split())
    assert told_so == (
        "no lead of acme has ever risen to stage:mqll; reached so far: 25, 50, 80, band:hot, "
        "stage:mql, stage:sql"
    )
    for wrong in ("hot", "stage:", "band:", "nan", "colour:red"):
        result = command(filled, "report", "funnel", "acme", "--qualified", wrong)
        assert (result.exit_code, "neither a threshold" in result.stderr) == (2, True)


@dataclass
class Way:
    """A lead made up: instants in epoch ms."""

    first: int
    crossed: list[int]
    won: list[int]

    @property
    def converted(self) -> int | None:
        return min(self.won, default=None)

    @property
    def qualified(self) -> int | None:
        found = min(self.crossed, default=None)
        return None if found is None or (self.converted is not None and self.converted < found) else found


def hours(pairs: list[tuple[int, int]]) -> float | None:
    return median((later - earlier) / HOUR for earlier, later in pairs) if pairs else None


def percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


@pytest.mark.requirement("S4-15")
def test_cohorts_are_those_of_counting(database: Database) -> None:
    """300 leads over half a year, by month of the first signal in UTC."""
    chance = random.Random(5)
    ways, entries, actions = [], [], []
    for number in range(300):
        lead, first_on = f"l{number}", ago(chance.uniform(0, 180 * 24))
        later = [min(first_on + int(chance.expovariate(1 / 200) * HOUR), TODAY) for _ in range(4)]
        way = Way(first_on, later[: chance.randint(0, 2)], later[2 : 2 + chance.randint(0, 2)])
        ways.append(way)
        entries.append(entry(len(entries), lead, now=first_on, before=0.0))
        for at in way.won:
            entries.append(entry(len(entries), lead, now=at, type="status.changed", data={"to": "won"}))
        for at in way.crossed:
            actions.append(crossed(len(actions), f"c{len(actions)}", 50, lead=lead, at=rfc3339(at)))
    run(database.fill("t.history", [history(0, *entries)]))
    run(database.fill("t.actions", actions))
    # The report counts months back from now, which may be another month than when the tests began.
    now = datetime.now(UTC)
    months = [(now.year * 12 + now.month - 1 - back) for back in range(3, -1, -1)]
    expected = []
    for month in months:
        begin, end = (to_ms(datetime(one // 12, one % 12 + 1, 1, tzinfo=UTC)) for one in (month, month + 1))
        cohort = [way for way in ways if begin <= way.first < end]
        ready = [way for way in cohort if way.qualified is not None]
        both = [way for way in ready if way.converted is not None]
        won = [way for way in cohort if way.converted is not None]
        if cohort:
            expected.append({
                "cohort": f"{month // 12}-{month % 12 + 1:02}-01", "leads": len(cohort),
                "qualified_leads": len(ready), "converted_leads": len(both),
                "converted_otherwise": len(won) - len(both),
                "lead_to_qualified": percent(len(ready), len(cohort)),
                "qualified_to_converted": percent(len(both), len(ready)),
                "lead_to_converted": percent(len(won), len(cohort)),
                "hours_to_qualified": hours([(way.first, way.qualified or 0) for way in ready]),
                "hours_to_converted": hours([(way.first, way.converted or 0) for way in won]),
            })  # fmt: skip
    rows = told(database, "cohorts", "acme", "--by", "month", "--last", "4")
    assert len(rows) >= 3
    for row, wanted in zip(rows, expected, strict=True):
        assert row == {
            name: pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
            for name, value in wanted.items()
        }
    # The funnel over all of it is their sum.
    way_of_all = told(database, "funnel", "acme", "--days", "200")
    everybody = [way for way in ways if way.qualified is not None]
    assert leads(way_of_all)[:3] == [
        300, len(everybody), len([way for way in everybody if way.converted is not None]),
    ]  # fmt: skip
