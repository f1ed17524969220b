"""The best leads of a tenant at any time: right to the last place, without looking at all of them."""

import random
from datetime import UTC, datetime
from math import ceil, log2
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.projection.ranking import Rank, rank_of
from leadstream.records.outputs import Accumulator, Detail

from .made import DAY, NOW, Database, Record, accumulator, run, snapshot
from .many import DETAILED, WORLDS, records

FORTNIGHT = 14 * DAY
TOP = (
    "SELECT place, lead_id, total_now FROM top_leads('acme', $1, timestamptz 'epoch' + $2 * interval '1 ms')"
)
FULL = """
SELECT row_number() OVER (ORDER BY total DESC, lead_id) AS place, lead_id, total AS total_now FROM (
    SELECT lead_id, score_at(tenant_id, lead_id, timestamptz 'epoch' + $2 * interval '1 ms') AS total
    FROM leads WHERE tenant_id = 'acme' ORDER BY total DESC, lead_id LIMIT $1
) AS best ORDER BY place
"""
TOUCHED = """
SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0) AS read, coalesce(sum(seq_scan), 0) AS scans
FROM pg_stat_xact_user_tables WHERE schemaname = $1 AND relname = 'leads'
"""


def factors(rng: random.Random) -> tuple[Accumulator, ...]:
    """Of every kind: constant, fading, negative, mixed, none; many of them alike."""
    found = []
    for index in range(rng.choice([0, 1, 1, 2, 3, 4])):
        half_life = rng.choice([0, 0, FORTNIGHT, FORTNIGHT, FORTNIGHT, DAY, 60 * DAY])
        points = rng.choice([5.0, 10.0, 12.5, 40.0, -5.0, -20.0])
        mass = rng.choice([1.0, 1.0, 2.0, rng.random()])
        t_ref = NOW - rng.choice([0, 0, DAY, rng.randrange(30 * DAY)])
        kernel = "exponential" if half_life else "none"
        values = {"points": points, "kernel": kernel, "half_life": half_life, "mass": mass, "t_ref": t_ref}
        found.append(accumulator(f"f{index}", **values))
    return tuple(found)


def steps(rng: random.Random, at: int) -> tuple[Accumulator, ...]:
    """Factors as of `at` with age tables, steps of inactivity, ends, and what comes of inactivity."""
    ages = ((DAY, 2.0), (7 * DAY, 1.5), (0, 0.5))
    buckets = tuple(sorted((at - rng.randrange(20 * DAY), 1.0) for _ in range(rng.randrange(3))))
    idle = Detail((), (), 5.0, rng.random() < 0.5, rng.choice([0.0, 3.0]), at - rng.randrange(40 * DAY))
    found = [
        accumulator("idle", points=8.0, kernel="inactivity_step", half_life=5 * DAY, t_ref=at, detail=idle),
        accumulator("gone", points=-40.0, kernel="inactive", half_life=30 * DAY, t_ref=idle.active_at),
        accumulator(
            "ends", points=15.0, kernel="linear", half_life=9 * DAY, t_ref=at, detail=Detail(buckets)
        ),
        accumulator("ages", points=6.0, kernel="none", half_life=0, t_ref=at, detail=Detail(buckets, ages)),
        accumulator("aging", points=9.0, t_ref=at, mass=0.0, detail=Detail(buckets, ages)),
        accumulator("bounce", points=-9.0, t_ref=at),
        accumulator("fit", points=12.0, kernel="none", half_life=0, t_ref=at),
    ]
    found = [one for one in found if rng.random() < 0.4]
    return tuple(msgspec.structs.replace(one, category=rng.choice(["", "a", "b"])) for one in found)


CAPS = {"a": (0.0, 20.0), "b": (-10.0, 0.0)}


def fill(database: Database, seed: int, leads: int = 1500) -> None:
    rng = random.Random(seed)
    records = []
    for number in range(leads):
        at = NOW + rng.choice([0, 0, rng.randrange(5 * DAY)])
        records.append(
            snapshot(number, f"l{rng.randrange(10**6)}", at=at, accumulators=factors(rng), place=number)
        )
    run(database.fill("t.scores", [*records, snapshot(leads, "z", tenant="other", total=999.0)]))


@pytest.mark.requirement("N-16")
@pytest.mark.requirement("S2-12")
@pytest.mark.parametrize("seed", range(3))
def test_the_list_is_right_to_the_last_place_at_any_time(database: Database, seed: int) -> None:
    fill(database, seed)
    # Before, among and after the last changes of leads.
    for ahead in (-DAY, 0, 2 * DAY, 5 * DAY, 9 * DAY, 40 * DAY, 3000 * DAY):
        for most in (1, 10, 700, 2000):
            asked = most, float(NOW + ahead)
            assert run(database.rows(TOP, *asked)) == run(database.rows(FULL, *asked)), (ahead, most)


@pytest.mark.requirement("N-16")
@pytest.mark.parametrize("seed", range(3))
def test_caps_and_steps_do_not_disturb_the_list(database: Database, seed: int) -> None:
    """Beside leads of one half-life, whose places are exact."""
    rng = random.Random(seed)
    records = []
    for number in range(1200):
        at = NOW + rng.choice([0, rng.randrange(5 * DAY)])
        made = rng.choice([steps(rng, at), steps(rng, at), factors(rng)])
        caps = rng.choice([{}, CAPS])
        records.append(snapshot(number, f"l{rng.randrange(10**6)}", at=at, accumulators=made, caps=caps))
    run(database.fill("t.scores", records))
    assert run(database.rows("SELECT * FROM projection_dead_letters")) == []
    for ahead in (0, 2 * DAY, 5 * DAY, 9 * DAY, 40 * DAY, 3000 * DAY):
        for most in (1, 10, 700, 2000):
            asked = most, float(NOW + ahead)
            assert run(database.rows(TOP, *asked)) == run(database.rows(FULL, *asked)), (ahead, most)


def test_a_cap_out_of_reach_leaves_the_key_exact_and_a_cap_that_holds_is_a_constant() -> None:
    eighty = accumulator(points=80.0, category="a")
    key = NOW + FORTNIGHT * log2(80)
    assert rank_of([eighty], NOW, 80.0, {"a": (0.0, 100.0)}) == Rank(FORTNIGHT, 0.0, key)
    assert rank_of([eighty], NOW, 20.0, CAPS) == Rank(0, 0.0, 20.0)
    other = accumulator(points=80.0, category="")
    assert rank_of([eighty, other], NOW, 100.0, CAPS) == Rank(FORTNIGHT, 20.0, key)
    # The negative part may fade before the positive: then the cap holds.
    mixed = [eighty, accumulator(points=-70.0, category="a", half_life=DAY)]
    assert rank_of(mixed, NOW, 10.0, CAPS) == Rank(0, 0.0, 20.0)


def test_leads_overtake_each_other_as_they_fade(database: Database) -> None:
    # 60 that halve each day fall below 40 that halve in 14 days; 20 stay for ever.
    leads = {
        "fast": accumulator(points=60.0, half_life=DAY),
        "slow": accumulator(points=40.0),
        "stays": accumulator(points=20.0, kernel="none", half_life=0),
        "sinks": accumulator(points=-30.0),
    }
    records = [snapshot(n, lead, accumulators=(one,)) for n, (lead, one) in enumerate(leads.items())]
    run(database.fill("t.scores", records))

    def order(days: int) -> list[str]:
        return [row["lead_id"] for row in run(database.rows(TOP, 9, float(NOW + days * DAY)))]

    assert order(0) == ["fast", "slow", "stays", "sinks"]
    assert order(1) == ["slow", "fast", "stays", "sinks"]
    assert order(2) == ["slow", "stays", "fast", "sinks"]
    assert order(15) == ["stays", "slow", "fast", "sinks"]


def test_equals_are_listed_by_id_and_none_is_asked_for(database: Database) -> None:
    records = [snapshot(n, lead) for n, lead in enumerate(["b", "a", "C", "c"])]
    run(database.fill("t.scores", records))
    ids = [row["lead_id"] for row in run(database.rows(TOP, 3, float(NOW)))]
    assert ids == ["C", "a", "b"]
    assert run(database.rows(TOP, 0, float(NOW))) == []
    assert run(database.rows("SELECT * FROM top_leads('nobody')")) == []


@pytest.mark.requirement("S3-20")
def test_the_list_has_what_a_person_reads(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0)]))
    [row] = run(database.rows("SELECT * FROM top_leads('acme', 10, $1)", datetime(2026, 1, 1, tzinfo=UTC)))
    assert (row["place"], row["lead_id"], row["score_now"], row["total_now"]) == (1, "l1", 81, 81.25)
    [lead] = run(database.rows("SELECT * FROM leads"))
    for name in ("score_band", "last_activity_on", "score_updated_on"):
        assert row[name] == lead[name]


def test_one_half_life_has_a_key_that_time_does_not_change() -> None:
    # 80 at NOW are 40 a half-life later: worth one point after log2(80) half-lives either way.
    early = rank_of([accumulator(points=80.0)], NOW, 80.0)
    late = rank_of([accumulator(points=80.0)], NOW + FORTNIGHT, 40.0)
    assert early == late == Rank(FORTNIGHT, 0.0, NOW + FORTNIGHT * log2(80))


def test_constants_are_rounded_up_and_negatives_are_mirrored() -> None:
    fit = accumulator("fit", points=12.5, kernel="none", half_life=0)
    assert rank_of([fit], NOW, 12.5) == Rank(0, 0.0, 12.5)
    assert rank_of([], NOW, 0.0) == Rank(0, 0.0, 0.0)
    assert rank_of([fit, accumulator(points=8.0)], NOW, 20.5) == Rank(FORTNIGHT, 13.0, NOW + 3 * FORTNIGHT)
    assert rank_of([accumulator(points=-8.0)], NOW, -8.0) == Rank(-FORTNIGHT, 0.0, -(NOW + 3 * FORTNIGHT))


SOME = st.builds(
    lambda points, half_life, mass, age: accumulator(
        points=points,
        half_life=half_life,
        kernel="exponential" if half_life else "none",
        mass=mass,
        t_ref=NOW - age,
    ),
    st.sampled_from([5.0, 12.5, 40.0, -5.0, -20.0]),
    st.sampled_from([0, 1000, DAY, FORTNIGHT, 60 * DAY]),
    st.sampled_from([0.0, 0.25, 1.0, 3.7]),
    st.integers(0, 30 * DAY),
)


@given(st.lists(SOME, max_size=6), st.integers(0, 100 * DAY))
def test_the_bound_is_never_too_low(accumulators: list[Accumulator], ahead: int) -> None:
    def total(at: int) -> float:
        return sum(
            one.points * one.mass * (2.0 ** ((one.t_ref - at) / one.half_life) if one.half_life else 1.0)
            for one in accumulators
        )

    rank = rank_of(accumulators, NOW, total(NOW))
    at = NOW + ahead
    if rank.half_life > 0:
        bound = rank.base + 2.0 ** ((rank.key - at) / rank.half_life)
    elif rank.half_life < 0:
        bound = rank.base - 2.0 ** ((rank.key + at) / rank.half_life)
    else:
        bound = rank.key
    # The key is rounded to 0.0003 ms.
    assert bound >= total(at) - 1e-9 - abs(bound) * 1e-6
    if len({one.half_life for one in accumulators if one.half_life and one.mass}) == 1:
        constant = sum(one.points * one.mass for one in accumulators if not one.half_life)
        slack = ceil(constant) - constant if rank.half_life else 0.0
        assert bound - slack == pytest.approx(total(at), rel=1e-6, abs=1e-6)


def test_sql_ranks_as_the_projector_does(database: Database) -> None:
    fill(database, 7, leads=400)
    differing = """
    SELECT lead_id FROM leads, rank_of(accumulators, epoch_ms(score_updated_on)) AS rank
    WHERE rank_half_life <> half_life OR rank_base <> base OR NOT abs(rank_key - key) <= 1e-9 * abs(key)
    """
    assert run(database.rows(differing)) == []
    kinds = run(database.rows("SELECT sign(rank_half_life) AS sign FROM leads GROUP BY 1 ORDER BY 1"))
    assert [row["sign"] for row in kinds] == [-1, 0, 1]


async def read_of(
    connection: asyncpg.Connection, schema: str, query: str, *values: Any
) -> tuple[Any, int, int]:
    """The answer, the rows of `leads` that it read, and how often the table was read from end to end."""
    async with connection.transaction():
        before = await connection.fetchrow(TOUCHED, schema)
        rows = [dict(row) for row in await connection.fetch(query, *values)]
        after = await connection.fetchrow(TOUCHED, schema)
    return rows, after["read"] - before["read"], after["scans"] - before["scans"]


@pytest.mark.requirement("N-16")
@pytest.mark.parametrize(("world", "most_read"), [
    ("one_half_life", 300), ("fit_and_intent", 800), ("mixed", 3000), ("negative", 300),
    ("capped", 3000), ("stepped", 3000),
])  # fmt: skip
def test_of_many_leads_few_are_read(database: Database, world: str, most_read: int) -> None:
    """100 of 20,000; how many rows are read does not grow with the table where one half-life rules."""

    async def scenario() -> None:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await connection.execute("SET timezone = 'UTC'")
        now = await connection.fetchval("SELECT epoch_ms(now())")
        if world in DETAILED:
            await database.fill("t.scores", list(records(world, 20_000, int(now))))
        else:
            await connection.fetch(WORLDS[world], "acme", 20_000)
        await connection.execute("ANALYZE leads")
        for ahead in (0, 3 * DAY):
            asked = 100, now + ahead
            rows, read, scans = await read_of(connection, database.schema, TOP, *asked)
            assert rows == [dict(row) for row in await connection.fetch(FULL, *asked)]
            assert len(rows) == 100
            assert (scans, read < most_read) == (0, True), f"{read} rows read, {scans} scans"
        await connection.close()

    run(scenario())


@pytest.mark.requirement("S2-14")
def test_a_lead_that_gets_hot_moves_up_the_queue(database: Database) -> None:
    place = f"SELECT place FROM ({TOP}) AS best WHERE lead_id = 'ann'"
    asked = 10, float(NOW)

    def standing(offset: int, lead: str, total: float) -> Record:
        held = (accumulator(points=total, kernel="none", half_life=0),)
        return snapshot(offset, lead, total=total, accumulators=held, place=offset)

    warm = [standing(number, f"l{number}", 50.0 + number) for number in range(5)]
    run(database.fill("t.scores", [*warm, standing(5, "ann", 45.0)]))
    assert [row["place"] for row in run(database.rows(place, *asked))] == [6]
    run(database.fill("t.scores", [standing(6, "ann", 75.0)]))
    assert [row["place"] for row in run(database.rows(place, *asked))] == [1]
