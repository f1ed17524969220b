"""Bands in SQL at any time are the engine's, with the hysteresis of the model."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest

from leadstream.models.published import record_of
from leadstream.records.models import ANY_TENANT, model_key
from leadstream.scoring.compiled.levels import Level, level_of
from leadstream.scoring.decay.totals import score
from tests.scoring import folding

from .made import DAY, NOW, Database, Record, run

RULES = """
name: m
version: "1"
half_life: 14d
rules: [{id: go, on: go, points: 10}]
thresholds: [{at: 50, hysteresis: 5}]
bands: [{name: cold, from: 0}, {name: warm, from: 30}, {name: hot, from: 50}]
"""


def band_at(database: Database, at: int, lead: str = "l1", tenant: str = "acme") -> Any:
    instant = datetime.fromtimestamp(at / 1000, UTC)
    return run(database.rows("SELECT band_at($1, $2, $3)", tenant, lead, instant))[0]["band_at"]


@pytest.mark.parametrize("of", ["acme", ANY_TENANT])
def test_a_band_at_another_time_goes_on_from_the_stored_one(database: Database, of: str) -> None:
    model = folding.model_of(RULES)
    log = folding.Log().add("score.bumped", NOW, data={"by": "a", "why": "b", "set": 50})
    result = folding.run(log, model)
    [(key, value, _)] = result.steps[-1].scores
    run(database.fill("t.scores", [Record(0, key, value)]))
    assert band_at(database, NOW) == "hot"
    assert band_at(database, NOW + DAY) is None  # while nobody has told of the model
    told = msgspec.json.encode(record_of(of, model))
    run(database.fill("t.models", [Record(0, model_key(of, model.fingerprint), told)]))
    state = result.fold.state_of(b"acme:l1")
    assert state is not None
    for days, band in ((-3, "hot"), (0, "hot"), (2, "hot"), (2.2, "warm"), (10, "warm"), (14, "cold")):
        at = NOW + int(days * DAY)
        assert band_at(database, at) == score(state, model, at).band == band
    assert band_at(database, NOW, "nobody") is None


def test_every_total_leads_to_the_engines_band_from_every_band(database: Database) -> None:
    random = Random(7)
    cases = []
    for _ in range(60):
        starts = sorted(random.sample(range(1, 60), random.randint(0, 4)))
        levels = [Level("b0", 0.0)]
        for number, start in enumerate(starts, 1):
            levels.append(
                Level(f"b{number}", float(start), hysteresis=random.choice([0.0, 0.5, start * 0.9]))
            )
        written = [{"name": one.name, "start": one.start, "hysteresis": one.hysteresis} for one in levels]
        if random.random() < 0.5:
            written = [{key: value for key, value in one.items() if value} for one in written]
        for present, level in enumerate(levels):
            for total in (-5.0, level.falls, level.falls - 1e-9, level.falls - 3e-9, random.uniform(0, 70)):
                expected = levels[level_of(levels, total, present)].name
                cases.append((msgspec.json.encode(written).decode(), level.name, total, expected))
    query = """SELECT band_from(bands::jsonb, present, total) AS band
        FROM unnest($1::text[], $2::text[], $3::float8[]) WITH ORDINALITY AS a (bands, present, total, n)
        ORDER BY n"""
    columns = [[case[index] for case in cases] for index in range(3)]
    found = [row["band"] for row in run(database.rows(query, *columns))]
    assert found == [case[3] for case in cases]
    none = "SELECT band_from('[{\"name\": \"a\"}]', 'a', NULL) AS band"
    assert run(database.rows(none)) == [{"band": None}]
