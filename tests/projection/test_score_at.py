"""Scores in SQL are the engine's, at any time."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.models import load_catalog
from leadstream.models.catalog import preset_names
from leadstream.records.outputs import ScoreSnapshot
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.decay.totals import score, sum_at
from leadstream.scoring.kernels.kernel import score_of
from tests.scoring import folding, worlds
from tests.scoring.test_golden import STORIES, append, told

from .made import DAY, NOW, Database, Record, accumulator, run, snapshot

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = [-400 * DAY, -1, 0, 1, 59_999, DAY, 14 * DAY, 365 * DAY, 30_000 * DAY]
"""From the last change of a lead, in ms; far enough that 2 ** -x underflows."""
TENANTS = (f"t{number}" for number in count())
ASK = """
SELECT score_at($1, $2, at), shown_score(score_at($1, $2, at))
FROM unnest($3::float8[]) WITH ORDINALITY AS asked (ms, number),
    LATERAL (SELECT timestamptz 'epoch' + ms * interval '1 ms') AS instant (at)
ORDER BY number
"""


def compared(database: Database, model: CompiledModel, signals: list[dict[str, Any]]) -> None:
    """Projects the fold of the signals and asks both sides for each lead at many instants."""
    tenant = next(TENANTS)
    log = worlds.log_of([{**signal, "tenant": tenant} for signal in signals])
    result = folding.run(log, model)
    last = {key: value for step in result.steps for key, value, _ in step.scores}
    records = [Record(n, key, value) for n, (key, value) in enumerate(last.items())]
    run(database.fill("t.scores", records))
    for key, value in last.items():
        state = result.fold.state_of(key)
        assert state is not None
        touched = msgspec.json.decode(value, type=ScoreSnapshot).at
        instants = [float(touched + ahead) for ahead in AHEAD]
        rows = run(database.rows(ASK, tenant, key.decode().partition(":")[2], instants))
        assert len(rows) == len(instants)
        for instant, row in zip(instants, rows, strict=True):
            expected = score(state, model, int(instant))
            assert row["score_at"] == pytest.approx(expected.total, rel=0, abs=1e-9)
            # At a whole number the tolerance of the total may show the one or the other.
            assert abs(row["shown_score"] - expected.score) <= (abs(expected.total % 1 - 1 + 1e-9) < 3e-9)


@pytest.fixture(scope="module")
def tables(postgres_dsn: str) -> Database:
    """One schema for all examples of hypothesis, each with a tenant of its own."""
    from leadstream.projection.migrate import migrate

    run(migrate(postgres_dsn, "score_at_of_folds"))
    return Database(postgres_dsn, "score_at_of_folds")


@pytest.mark.requirement("N-16")
@pytest.mark.parametrize("preset", preset_names())
def test_the_score_of_every_preset_is_the_engines(tables: Database, preset: str) -> None:
    model = load_catalog(preset).default

    @settings(max_examples=15, deadline=None)
    @given(worlds.logs(worlds.known_signals()))
    def examples(signals: list[dict[str, Any]]) -> None:
        compared(tables, model, signals)

    examples()


@pytest.mark.parametrize("story", STORIES)
def test_every_snapshot_of_the_golden_histories_gives_the_engines_totals(
    tables: Database, story: str
) -> None:
    """With the caps, age tables, steps and inactivity of the presets, from each snapshot on."""
    log = folding.Log()
    for line in told(story):
        if line.startswith(">"):
            append(log, line[2:])
    model = load_catalog(story.split("+")[0]).default
    result = folding.run(log, model, packs=range(len(log.records) + 1))
    snapshots = [
        msgspec.json.decode(v or b"", type=ScoreSnapshot) for s in result.steps for _, v, _ in s.scores
    ]
    assert snapshots
    query = "SELECT total_of($1::jsonb, $2::jsonb, at) AS total FROM unnest($3::float8[]) AS at"
    for one in snapshots:
        instants = [one.at + ahead for ahead in AHEAD if ahead >= 0]
        texts = [msgspec.json.encode(part).decode() for part in (one.accumulators, one.caps)]
        rows = [row["total"] for row in run(tables.rows(query, *texts, [float(at) for at in instants]))]
        assert rows[0] == pytest.approx(one.total, rel=0, abs=1e-9)
        expected = [sum_at(one.accumulators, at, one.caps) for at in instants]
        assert rows == pytest.approx(expected, rel=0, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(file=worlds.models(), signals=worlds.logs(worlds.plain_signals()))
def test_the_score_of_any_model_is_the_engines(
    tables: Database, file: dict[str, Any], signals: list[dict[str, Any]]
) -> None:
    """Several half-lives, negative totals, resets, leads without a factor."""
    compared(tables, folding.model_of(msgspec.json.encode(file).decode()), signals)


def test_negative_totals_and_leads_without_factors(tables: Database) -> None:
    factors = (
        accumulator("bounce", points=-20.0),
        accumulator("fit", points=5.0, kernel="none", half_life=0),
    )
    records = [snapshot(0, "fades", tenant="hand", accumulators=factors, total=-15.0, score=0)]
    records.append(snapshot(1, "empty", tenant="hand", accumulators=(), total=0.0, score=0))
    run(tables.fill("t.scores", records))

    def asked(lead: str, at: int) -> Any:
        query = "SELECT score_at('hand', $1, timestamptz 'epoch' + $2 * interval '1 ms') AS total"
        return run(tables.rows(query, lead, float(at)))[0]["total"]

    assert asked("fades", NOW) == -15.0
    assert asked("fades", NOW + 14 * DAY) == -5.0
    assert asked("fades", NOW - 14 * DAY) == -15.0
    assert asked("empty", NOW + DAY) == 0.0
    assert asked("absent", NOW) is None


def test_the_end_of_time_and_its_beginning(database: Database) -> None:
    factors = (accumulator(points=80.0), accumulator("fit", points=5.0, kernel="none", half_life=0))
    run(database.fill("t.scores", [snapshot(0, accumulators=factors)]))
    query = "SELECT score_at('acme', 'l1', 'infinity') AS last, score_at('acme', 'l1', '-infinity') AS first"
    assert run(database.rows(query)) == [{"last": 5.0, "first": 85.0}]


def test_a_kernel_that_is_not_known_gives_no_score(database: Database) -> None:
    unknown = accumulator(kernel="sigmoid")
    records = [snapshot(0, accumulators=(unknown,)), snapshot(1, "l2", total=90.0)]
    run(database.fill("t.scores", records))
    rows = run(database.rows("SELECT lead_id, total_now FROM leads_now WHERE total_now IS NULL"))
    assert [row["lead_id"] for row in rows] == ["l1"]
    # It stays in the list, as of its last change.
    rows = run(database.rows("SELECT lead_id, total_now FROM top_leads('acme', 2, $1)", EPOCH))
    assert [tuple(row.values()) for row in rows] == [("l1", 81.25), ("l2", 81.25)]


@given(st.floats(-300, 300) | st.integers(-3, 103).map(float))
@settings(max_examples=100, deadline=None)
def test_the_shown_score_is_the_engines(tables: Database, total: float) -> None:
    totals = [total, total - 1e-9, total - 0.9e-9, total - 2e-9]
    query = "SELECT shown_score(total) FROM unnest($1::float8[]) WITH ORDINALITY AS t (total, n) ORDER BY n"
    shown = [row["shown_score"] for row in run(tables.rows(query, totals))]
    assert shown == [score_of(one) for one in totals]


@pytest.mark.parametrize(
    "broken",
    [
        accumulator(points=1e200, mass=1e200),
        accumulator(points=1e99, mass=1e50),
        accumulator(points=1e-200),
        accumulator(half_life=-5),
    ],
)
def test_numbers_beyond_all_measure_can_not_break_the_lists(database: Database, broken: Any) -> None:
    run(database.fill("t.scores", [snapshot(0, accumulators=(broken,)), snapshot(1, "l2")]))
    [dead] = run(database.rows("SELECT reason, detail FROM projection_dead_letters"))
    assert dead["reason"] == "bad_field"
    rows = run(database.rows("SELECT lead_id FROM top_leads('acme')"))
    assert [row["lead_id"] for row in rows] == ["l2"]


def test_tiny_masses_are_nothing(database: Database) -> None:
    factors = (accumulator(mass=1e-300), accumulator("fit", points=5.0, mass=1e-99))
    run(database.fill("t.scores", [snapshot(0, accumulators=factors)]))
    rows = run(database.rows("SELECT total_now FROM leads_now"))
    assert rows[0]["total_now"] == pytest.approx(0.0, abs=1e-90)


def test_the_list_of_all_leads_shows_them_at_this_moment(database: Database) -> None:
    async def scenario() -> None:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        async with connection.transaction():
            half = await connection.fetchval("SELECT epoch_ms(now() - interval '14 days')")
            connection_rows = [
                snapshot(0, at=int(half), accumulators=(accumulator(points=80, t_ref=int(half)),))
            ]
            await database.fill("t.scores", connection_rows)
            [row] = await connection.fetch("SELECT score_now, total_now, score_band FROM leads_now")
        await connection.close()
        # The instant was cut to whole milliseconds.
        assert row["total_now"] == pytest.approx(40.0, abs=1e-4)
        assert (row["score_now"], row["score_band"]) in ((39, "hot"), (40, "hot"))

    run(scenario())
