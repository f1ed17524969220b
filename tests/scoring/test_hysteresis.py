"""Bands and stages with a hysteresis: what keeps a lead where it is, and what stops flapping without one."""

import json
from random import Random
from typing import Any

import pytest

from leadstream.models.errors import ModelError
from leadstream.records.times import parse_instant
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.compiled.levels import Level, level_of
from leadstream.scoring.decay.first_exit import first_exit
from leadstream.scoring.decay.segments import segment_of_state
from leadstream.scoring.decay.totals import score, total_at
from leadstream.scoring.lead.merge import absorb
from tests.scoring.comparing import compiled
from tests.scoring.folding import APP, DAY, T0, TOPIC, Log, Result, model_of, run

RULES = """
name: m
version: "1"
half_life: {half_life}
rules:
  - {{id: go, on: go, points: 10}}
  - {{id: less, on: less, points: -1}}
thresholds: {thresholds}
bands: {bands}
{more}
"""


def model(bands: str, thresholds: str = "[]", half_life: str = "none", more: str = "") -> Any:
    return model_of(RULES.format(bands=bands, thresholds=thresholds, half_life=half_life, more=more))


def bumped(*totals: float) -> Log:
    """A lead that is set to these totals, one after the other."""
    log = Log()
    for number, total in enumerate(totals):
        log.add("score.bumped", T0 + number, data={"by": "a", "why": "b", "set": total})
    return log


def changes(result: Result, kind: str = "band") -> list[str]:
    return [one.get(kind, "") for one in result.of_type(f"lead.{kind}.changed")]


THREE = "[{name: cold, from: 0}, {name: warm, from: 30}, {name: hot, from: 50, hysteresis: 5}]"


@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ([50, 45], ["hot"]),
        ([50, 45 - 1e-9], ["hot"]),  # comparisons allow as much
        ([50, 45 - 3e-9], ["hot", "warm"]),
        ([50, 44, 49], ["hot", "warm"]),
        ([50, 44, 50], ["hot", "warm", "hot"]),
        ([49.9], ["warm"]),
        ([50, 29], ["hot", "cold"]),
        ([50, 47, 44, 30 - 3e-9], ["hot", "warm", "cold"]),
    ],
)
def test_a_band_is_left_downwards_only_below_its_hysteresis(totals: list[float], expected: list[str]) -> None:
    assert changes(run(bumped(*totals), model(THREE))) == expected


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        ("[]", 0),
        ("[{at: 30, hysteresis: 3}]", 3),
        ("[{at: 20, hysteresis: 3}, {at: 30, hysteresis: 2}]", 2),  # the highest
        ("[{at: 20, hysteresis: 3}]", 3),
        ("[{at: 20, hysteresis: 3}, {at: 25}]", 0),
        ("[{at: 10, hysteresis: 3}]", 0),  # where the lower one begins is not over it
        ("[{at: 10.5, hysteresis: 3}]", 3),
        ("[{at: 31, hysteresis: 3}]", 0),
    ],
)
def test_by_default_it_is_that_of_the_highest_threshold_up_to_the_band(
    thresholds: str, expected: float
) -> None:
    bands = "[{name: a, from: 0}, {name: b, from: 10}, {name: c, from: 30}]"
    assert model(bands, thresholds).bands[2].hysteresis == expected
    own = bands.replace("from: 30", "from: 30, hysteresis: 0")
    assert model(own, thresholds).bands[2].hysteresis == 0
    stages = f"stages: {bands}"
    assert model(bands, thresholds, more=stages).stages[2].hysteresis == expected


def test_a_lead_at_its_bound_stays_in_the_band_of_its_threshold_until_that_falls() -> None:
    bands = "[{name: cold, from: 0}, {name: nurture, from: 30}]"
    made = model(bands, "[{at: 30, hysteresis: 3}]", half_life="14d")
    result = run(bumped(30), made, until=T0 + 30 * DAY)
    assert changes(result) == ["nurture", "cold"]
    fallen = result.of_type("lead.band.changed")[1]
    assert fallen["at"] == result.of_type("lead.threshold.crossed")[1]["at"]
    # 30 * 2 ** (-t / 14 d) = 27
    assert parse_instant(fallen["at"]) - T0 == pytest.approx(0.1520030934 * 14 * DAY, abs=2)


def test_each_step_down_has_its_own_hysteresis() -> None:
    levels = [
        Level("a", 0.0),
        Level("b", 10.0, hysteresis=4),
        Level("c", 12.0, hysteresis=5),
        Level("d", 20.0),
    ]
    assert [level_of(levels, total, 3) for total in (20, 19, 8, 7, 6.9, 6, 5.9)] == [3, 2, 2, 2, 1, 1, 0]
    assert [level_of(levels, total, 2) for total in (20, 12, 7, 6.9, 5.9)] == [3, 2, 2, 1, 0]
    assert [level_of(levels, total, 0) for total in (9.9, 10, 12, 25)] == [0, 1, 2, 3]
    assert [level_of(levels, total, 1) for total in (6, 5.9, 11.9, 12)] == [1, 0, 1, 2]


def test_stages_by_total_have_it_too() -> None:
    stages = "stages: [{name: new, from: 0}, {name: sure, from: 20, hysteresis: 5}]"
    made = model("[{name: cold, from: 0}]", half_life="14d", more=stages)
    result = run(bumped(20, 16, 15 - 1e-6, 19), made)
    assert changes(result, "stage") == ["sure", "new"]


def test_a_reading_at_another_time_goes_on_from_the_band_that_is_stored() -> None:
    made = model(THREE, half_life="14d")
    state = run(bumped(50), made).fold.state_of(b"acme:l1")
    assert state is not None
    for days, band in ((0, "hot"), (2, "hot"), (2.2, "warm"), (10, "warm"), (14, "cold")):
        at = T0 + int(days * DAY)
        assert score(state, made, at).band == band, total_at(state, made, at)


def test_of_two_leads_made_one_the_band_that_holds_out_longer_holds() -> None:
    made = model(THREE)
    log = bumped(50, 47)
    log.add("less", T0 + 2, lead="l2")
    first = run(log, made)
    states = dict(first.fold.leads())
    state, loser = states[b"acme:l2"], states[b"acme:l1"]
    state.place = 9
    absorb(state, loser, made, b"acme:l2", first.fold.now, Outbox(APP, TOPIC, 0), RoundRobin())
    assert (state.total, made.bands[state.band].name) == (46, "hot")


@pytest.mark.parametrize(
    ("bands", "reason"),
    [
        ("[{name: a, from: 0, hysteresis: 1}]", "`a` is the lowest"),
        (
            "[{name: a, from: 0}, {name: b, from: 5, hysteresis: 5}]",
            "would keep a lead in `b`, from 5, for ever",
        ),
        ("[{name: a, from: 0}, {name: b, from: 5, hysteresis: -1}]", "a number of at least 0"),
    ],
)
def test_a_hysteresis_that_can_not_work_is_refused(bands: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        model(bands)
    with pytest.raises(ModelError, match=reason):
        model("[{name: x, from: 0}]", more=f"stages: {bands}")


def test_stages_by_rules_have_none() -> None:
    with pytest.raises(ModelError, match="no total moves a lead out of it"):
        model("[{name: x, from: 0}]", more="stages: [{name: a, hysteresis: 2}]")


def test_a_hysteresis_as_by_default_does_not_change_the_fingerprint_and_another_does() -> None:
    bands = "[{name: a, from: 0}, {name: b, from: 30}]"
    given = bands.replace("30}", "30, hysteresis: 2}")
    assert model(bands).fingerprint != model(given).fingerprint
    null = bands.replace("30}", "30, hysteresis: null}")
    assert model(bands).fingerprint == model(null).fingerprint


def fading(facts: list[float], half_life: str, own: str, points: float) -> dict[str, Any]:
    """A model whose facts are worth `facts`, fading by their age, with a band at their sum."""
    return {
        "name": "m", "version": "1", "half_life": own,
        "rules": [{"id": "none", "on": "a", "points": 0}],
        "fit": [
            {"id": f"f{n}", "fact": f"x{n}", "values": {"y": one}, "decay": {"half_life": half_life}}
            for n, one in enumerate(facts)
        ],
        "thresholds": [{"at": points}],
        "bands": [{"name": "cold", "from": 0}, {"name": "nurture", "from": points}],
        "stages": [{"name": "new", "from": 0}, {"name": "sure", "from": points}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "points"),
    [
        ([30], 30),
        ([12.1, 7.9, 10], 30),
        ([0.1] * 3 + [29.7], 30),
        ([50, -20], 30),
        ([1e6, -999_970], 30),
        ([5] * 9, 45),
    ],
)
@pytest.mark.parametrize("half_life", ["90d", "3650d", "36525d"])
@pytest.mark.parametrize("own", ["same", "20000d", "none"])
def test_without_a_hysteresis_a_fading_fact_goes_down_once(
    facts: list[float], points: float, half_life: str, own: str
) -> None:
    """Signals that add nothing, at every few milliseconds around the instant at which rounding decides."""
    made = compiled(fading(facts, half_life, half_life if own == "same" else own, points))
    known = {f"x{n}": "y" for n in range(len(facts))}
    first = run(Log().add("lead.created", T0, data=known), made).fold.state_of(b"acme:l1")
    assert first is not None
    for seed in range(12):
        random = Random(seed)
        log = Log().add("lead.created", T0, data=known)
        at = max(T0, first.change - 3)
        for _ in range(12):
            kind, data = random.choice(
                [
                    ("a", {}),
                    ("other", {}),
                    ("lead.recompute", {}),
                    ("lead.updated", known),
                    ("lead.updated", {"z": 1}),
                ]
            )
            log.add(kind, at, at=T0 if data is known else at, data=data)
            at += random.choice([0, 1, 1, 1, 2])
        result = run(log, made, until=at + 1000)
        assert changes(result) == ["nurture", "cold"], json.dumps(result.outputs)
        assert changes(result, "stage") == ["sure", "new"]
        assert [direction for _, direction, _ in result.crossings] == ["up", "down"]


@pytest.mark.parametrize("own", ["36525d", "none"])
def test_rounding_takes_no_fading_total_upwards(own: str) -> None:
    """Below a level that it has just left, where the last digits of large parts go up and down."""
    made = compiled(fading([1e6, -999_970], "36525d", own, 30))
    log = Log().add("lead.created", T0, data={"x0": "y", "x1": "y"})
    state = run(log, made).fold.state_of(b"acme:l1")
    assert state is not None
    for later in range(120, 180):
        state.touched = T0 + later
        state.total = total_at(state, made, state.touched)
        level = state.total + 1e-12
        assert (
            first_exit(
                lambda t: total_at(state, made, t),
                segment_of_state(state, made),
                float("-inf"),
                level,
            )
            is None
        )
