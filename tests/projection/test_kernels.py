"""Every kernel, age table and cap: the tables say what the formula says, at any time."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.projection.migrate import migrate
from leadstream.projection.ranking import rank_of
from leadstream.records.outputs import Accumulator, Detail
from leadstream.scoring.decay.totals import sum_at

from . import formula
from .formula import leads
from .made import DAY, NOW, Database, accumulator, run

AHEAD = [
    0,
    1,
    59_999,
    DAY - 1,
    DAY,
    6 * DAY + 1,
    7 * DAY,
    29 * DAY,
    30 * DAY,
    61 * DAY,
    400 * DAY,
    30_000 * DAY,
]
"""From the row's instant, in ms."""
ASK = """
SELECT total_of($1::jsonb, $2::jsonb, at) AS total, rank_bound($3, $4, $5, at, at) AS bound
FROM unnest($6::float8[]) WITH ORDINALITY AS asked (at, number) ORDER BY number
"""


@pytest.fixture(scope="module")
def tables(postgres_dsn: str) -> Database:
    """One schema for all examples."""
    run(migrate(postgres_dsn, "kernels"))
    return Database(postgres_dsn, "kernels")


def asked(tables: Database, accumulators: Any, caps: Any, instants: list[int]) -> list[dict[str, Any]]:
    texts = [msgspec.json.encode(one).decode() for one in (accumulators, caps)]
    rank = rank_of(accumulators, NOW, 0.0, caps)
    return run(tables.rows(ASK, *texts, *rank, [float(at) for at in instants]))


@settings(max_examples=300, deadline=None)
@given(leads(), st.lists(st.integers(0, 300 * DAY), max_size=4))
def test_totals_are_those_of_the_formula_and_of_the_engine_and_never_over_their_bound(
    tables: Database, lead: Any, ahead: list[int]
) -> None:
    accumulators, caps = lead
    instants = [NOW + one for one in (*AHEAD, *ahead)]
    for at, row in zip(instants, asked(tables, accumulators, caps, instants), strict=True):
        total = formula.total(accumulators, caps, at)
        assert row["total"] == pytest.approx(total, rel=0, abs=1e-9), at - NOW
        # The engine keeps all of a linear factor in buckets.
        if not any(one.kernel == "linear" and one.mass for one in accumulators):
            assert sum_at(accumulators, at, caps) == pytest.approx(total, rel=0, abs=1e-9), at - NOW
        assert row["bound"] >= total - 1e-9, at - NOW


def at_days(tables: Database, one: Accumulator, days: list[float], caps: Any = None) -> list[float]:
    instants = [NOW + round(day * DAY) for day in days]
    return [row["total"] for row in asked(tables, (one,), caps or {}, instants)]


@pytest.mark.requirement("N-1")
def test_kernels_by_hand(tables: Database) -> None:
    # 30 points, gone in 10 days, one signal now and one of 4 days ago: 30 + 18.
    linear = accumulator(
        points=30.0, kernel="linear", half_life=10 * DAY, mass=0.0,
        detail=Detail(buckets=((NOW - 4 * DAY, 1.0), (NOW, 1.0))),
    )  # fmt: skip
    assert at_days(tables, linear, [0, 5, 8, 10, 99]) == pytest.approx([48, 18, 6, 0, 0], abs=1e-12)
    # 80 points, 5% of what is left for each 30 days without activity: 76 and 72.2, not 72.
    step = Detail(percent=5.0, active_at=NOW)
    idle = accumulator(points=80.0, kernel="inactivity_step", half_life=30 * DAY, detail=step)
    assert at_days(tables, idle, [0, 29.99, 30, 60]) == pytest.approx([80, 80, 76, 72.2], abs=1e-12)
    # The linear variant: 76, 72, and nothing after 20 steps; 10 points stay of it with a floor.
    step = Detail(percent=5.0, linear=True, floor=10.0, active_at=NOW)
    idle = msgspec.structs.replace(idle, detail=step)
    assert at_days(tables, idle, [30, 60, 90, 600]) == pytest.approx([76, 72, 68, 10], abs=1e-12)
    # -40 from 90 days without activity on.
    inactive = accumulator(points=-40.0, kernel="inactive", half_life=90 * DAY)
    assert at_days(tables, inactive, [0, 89.999, 90, 500]) == [0, 0, -40, -40]


def test_the_age_table_by_hand(tables: Database) -> None:
    ages = ((DAY, 2.0), (7 * DAY, 1.5), (30 * DAY, 1.0), (0, 0.5))
    fresh = accumulator(
        points=10.0, kernel="none", half_life=0, mass=1.0, t_ref=NOW - 40 * DAY,
        detail=Detail(((NOW, 1.0),), ages),
    )  # fmt: skip
    # 5 of the old one, and an age of exactly a day is the next step's.
    assert at_days(tables, fresh, [0, 1, 7, 30]) == [25, 20, 15, 10]
    halving = msgspec.structs.replace(fresh, kernel="exponential", half_life=DAY, mass=0.0)
    assert at_days(tables, halving, [0, 1, 2, 7]) == [20, 7.5, 3.75, 10 / 128]


def test_caps_by_hand(tables: Database) -> None:
    many = accumulator(category="engagement", points=30.0, half_life=DAY, mass=2.0)
    caps = {"engagement": (0.0, 25.0)}
    assert at_days(tables, many, [0, 1, 2], caps) == [25, 25, 15]
    fell = msgspec.structs.replace(many, points=-30.0)
    assert at_days(tables, fell, [0, 1, 2], caps) == [0, 0, 0]
    assert at_days(tables, fell, [0, 1, 2], {"engagement": (-35.0, 0.0)}) == [-35, -30, -15]
    assert at_days(tables, many, [0], {"fit": (0.0, 1.0)}) == [60]


def test_the_end_of_time(tables: Database) -> None:
    step = Detail(((NOW, 2.0),), ((DAY, 1.0), (0, 0.5)), 5.0, False, 3.0, NOW)
    lead = (
        accumulator(points=20.0, kernel="inactivity_step", half_life=DAY, mass=0.0, detail=step),
        accumulator(points=8.0, kernel="linear", half_life=DAY, detail=Detail()),
        accumulator(points=-1.0, kernel="inactive", half_life=DAY),
    )
    texts = msgspec.json.encode(lead).decode()
    query = "SELECT total_of($1::jsonb, '{}', 'Infinity') AS total"
    assert run(tables.rows(query, texts)) == [{"total": 2.0}]


def test_a_kernel_that_is_not_known_gives_no_total(tables: Database) -> None:
    lead = (accumulator(kernel="sigmoid", category="fit"), accumulator())
    for caps in ({}, {"fit": (0.0, 40.0)}):
        assert [row["total"] for row in asked(tables, lead, caps, [NOW])] == [None]
    detailed = accumulator(kernel="sigmoid", detail=Detail(buckets=((NOW, 1.0),)))
    assert [row["total"] for row in asked(tables, (detailed,), {}, [NOW])] == [None]


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([1e-300, 1e-99, 1e99, -1e-150]), st.sampled_from(["none", "exponential", "linear"]))
def test_masses_at_the_end_of_numbers_do_no_harm(tables: Database, mass: float, kernel: str) -> None:
    detail = Detail(((NOW, mass), (NOW - DAY, mass)), ((DAY, 1e-3), (0, 0.1)))
    half_life = 0 if kernel == "none" else DAY
    lead = (accumulator(points=1.0, kernel=kernel, half_life=half_life, mass=mass, detail=detail),)
    for row in asked(tables, lead, {}, [NOW + ahead for ahead in AHEAD]):
        assert row["total"] is not None


@pytest.mark.parametrize("broken", [
    accumulator(kernel="linear", half_life=0),
    accumulator(kernel="none", half_life=5),
    accumulator(t_ref=10**400),
    accumulator(detail=Detail(buckets=((10**400, 1.0),))),
    accumulator(detail=Detail(buckets=((NOW, 1e200),))),
    accumulator(detail=Detail(ages=((0, 1e-200),))),
    accumulator(kernel="inactivity_step", detail=Detail(percent=-5.0)),
    accumulator(kernel="inactivity_step", detail=Detail(percent=101.0)),
])  # fmt: skip
def test_what_postgresql_could_not_compute_has_no_rank(broken: Accumulator) -> None:
    with pytest.raises(ValueError, match=r"factor form\.submitted"):
        rank_of((broken,), NOW, 0.0)
    with pytest.raises(ValueError, match="cap of fit"):
        rank_of((accumulator(category="fit"),), NOW, 0.0, {"fit": (0.0, 1e300)})
