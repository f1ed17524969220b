"""Occurrences, conditions, readings: the small parts by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.models import load_catalog
from leadstream.records.outputs import Accumulator
from leadstream.records.signal import Signal
from leadstream.scoring.compiled.conditions import all_of, getter, one_of, picker, present, url_path
from leadstream.scoring.decay.totals import (
    accumulators,
    contribution,
    explain,
    score,
    shares,
    sum_at,
    total_at,
)
from leadstream.scoring.state.lead_state import (
    Deferred,
    Extra,
    LeadState,
    decode_head,
    decode_state,
    encode_state,
    refresh_instant,
)
from leadstream.scoring.state.occurrences import MAX_OCCURRENCES, ordinal_of, times_of
from tests.scoring.folding import DAY, HOUR, T0, Log, model_of, run

TENX = load_catalog("tenx").default


def ordinals(times: list[int], within: int) -> list[int]:
    ring, found = b"", []
    for at in times:
        ordinal, ring = ordinal_of(ring, at, within)
        found.append(ordinal)
    return found


def test_an_ordinal_counts_the_window_open_at_its_old_end() -> None:
    assert ordinals([0, 5, 10, 11, 10], 10) == [1, 2, 2, 3, 3]
    assert ordinals([10, 0, 10, 5], 10) == [1, 1, 2, 2]
    assert ordinals([0, 100, 50], 0) == [1, 2, 3]


def test_a_ring_holds_the_last_64_and_two_windows() -> None:
    ring = b""
    for at in range(100):
        ordinal, ring = ordinal_of(ring, at, 1000)
        assert ordinal == min(at + 1, MAX_OCCURRENCES + 1)
    assert len(ring) == 8 * MAX_OCCURRENCES
    _, ring = ordinal_of(ring, 2050, 1000)
    assert times_of(ring)[0] == 51


def signal(**data: object) -> Signal:
    return Signal("s", "acme", "l1", "t", T0, "web", dict(data))


@pytest.mark.parametrize(
    ("accepted", "value", "expected"),
    [
        (["a", "b"], "a", True),
        (["a", "b"], "c", False),
        (["a"], ["a"], False),
        ([1], 1.0, True),
        ([1], True, False),
        ([True], 1, False),
        ([True], True, True),
        (["1"], 1, True),
        (["1"], "1.0", False),
        ([9], "9", True),
        ([True], "true", True),
        ([1, "a"], "a", True),
        ([1], {}, False),
        ([1], None, False),
    ],
)
def test_scalars_are_compared_by_their_text(accepted: list[str | int], value: object, expected: bool) -> None:
    assert one_of(getter("data.x"), accepted)(signal(x=value)) is expected


def test_fields_reach_into_objects_and_stop_where_there_are_none() -> None:
    nested = signal(a={"b": {"c": 1}})
    assert getter("data.a.b.c")(nested) == 1
    assert getter("data.a.b.c.d")(nested) is None
    assert getter("data.z.b")(nested) is None
    assert getter("source")(nested) == "web"


def test_presence_means_neither_null_nor_empty() -> None:
    has = present(getter("data.x"), True)
    assert [has(signal(x=value)) for value in (0, False, "", None, [])] == [True, True, False, False, True]
    assert present(getter("data.x"), False)(signal()) is True


def test_conditions_hold_together() -> None:
    path = url_path(getter("data.url"), ["demo"])
    both = all_of([path, one_of(getter("source"), ["web"])])
    assert both is not None
    assert both(signal(url="/demo"))
    assert not both(signal(url="/x"))
    assert all_of([]) is None


def test_a_branch_is_picked_by_the_first_field_there_is() -> None:
    pick = picker([getter("data.a"), getter("data.b")], {"x": 1, "y": 2}, 9)
    assert pick(signal(a="x", b="y")) == 1
    assert pick(signal(b="y")) == 2
    assert pick(signal(a="", b="y")) == 2
    assert pick(signal(a="odd", b="y")) == 9
    assert pick(signal(a=["x"], b="y")) == 9
    assert picker([getter("data.a")], {"x": 1}, None)(signal()) is None


@pytest.mark.parametrize("fields", [["data.a"], ["data.b", "data.a"]])
def test_a_branch_is_picked_by_the_text_of_a_scalar(fields: list[str]) -> None:
    getters = [getter(field) for field in fields]
    pick = picker(getters, {"9": 1, "true": 2, "bu\u0308ro": 3, "0.5": 4}, None)
    for value, wanted in [
        (9, 1), (9.0, 1), ("9", 1), ("9.0", None), ("09", None), (True, 2), ("true", 2), (1, None), (0.5, 4),
        ("b\u00fcro", 3), ("bu\u0308ro", 3), (10**400, None), (float("nan"), None), ([9], None),
        (False, None),
    ]:  # fmt: skip
        assert pick(signal(a=value)) == wanted, value


instants = st.integers(-(2**46), 2**50)
extras = st.builds(
    Extra,
    known_at=st.none() | instants,
    buckets=st.none() | st.dictionaries(st.text(max_size=1), st.binary(max_size=64), max_size=2),
    lasts=st.none() | st.dictionaries(st.text(max_size=1), instants, max_size=2),
    spikes=st.none() | st.lists(st.binary(max_size=32), max_size=2),
    sends=st.none() | st.lists(st.tuples(st.text(max_size=9), instants), max_size=4),
    waits=st.none() | st.lists(st.tuples(instants, st.integers(0, 60), instants), max_size=2),
    deferred=st.none() | st.lists(
        st.builds(
            Deferred, due=instants, action=st.integers(0, 99), crossing=st.text(max_size=32),
            threshold=st.none() | st.integers(0, 30), level=st.none() | st.integers(0, 30),
        ),
        max_size=2,
    ),
    crossed=st.none() | st.dictionaries(st.integers(0, 30), instants, max_size=2),
    owner=st.none() | st.text(max_size=9),
    consents=st.none() | st.dictionaries(st.text(max_size=9), st.tuples(st.booleans(), instants), max_size=3),
    void=st.none() | st.lists(st.text(max_size=9), max_size=3),
)  # fmt: skip
states = st.builds(
    LeadState,
    due=st.integers(0, 2**50), place=st.integers(-1, 2**50), ordinal=st.integers(0, 99),
    passed=st.integers(0, 2**30), band=st.integers(0, 99), stage=st.integers(0, 99),
    branches=st.text(st.characters(max_codepoint=300), max_size=5),
    masses=st.lists(st.floats(allow_nan=False), max_size=5),
    refs=st.lists(st.integers(-(2**46), 2**50), max_size=5),
    counts=st.lists(st.integers(0, 2**40), max_size=5), places=st.lists(st.integers(0, 2**40), max_size=5),
    total=st.floats(allow_nan=False), touched=st.integers(0, 2**50),
    change=st.integers(0, 2**50), ids=st.binary(max_size=128),
    active_at=st.none() | st.integers(-(2**46), 2**50),
    reset_at=st.none() | st.integers(-(2**46), 2**50), suppressed=st.integers(0, 255),
    rings=st.none() | st.lists(st.binary(max_size=64), max_size=2),
    requested=st.none() | st.lists(st.none() | st.integers(0, 2**50), max_size=3),
    owed=st.none() | st.dictionaries(st.integers(0, 30), st.text(max_size=32), max_size=2),
    facts=st.binary(max_size=64), extra=st.none() | extras,
)  # fmt: skip


@given(states)
def test_a_state_comes_back_as_it_was(state: LeadState) -> None:
    row = encode_state(state)
    assert decode_state(row) == state
    assert decode_head(row).due == state.due


@given(st.binary(min_size=1, max_size=30), st.integers(0, 2**45))
def test_a_lead_is_refreshed_within_a_day_at_its_own_time_of_day(key: bytes, change: int) -> None:
    refresh = refresh_instant(key, change)
    assert change <= refresh < change + DAY
    assert refresh % DAY == refresh_instant(key, 0) % DAY


@pytest.mark.requirement("N-8")
@pytest.mark.requirement("S1-1")
def test_a_score_is_explained_factor_by_factor() -> None:
    log = Log().add("form.submitted", T0, data={"channel": "organic"}).add("email.bounced", T0 + 7 * DAY)
    log.add("email.replied", T0 + 7 * DAY, data={"sentiment": "negative"})
    result = run(log, TENX)
    ((_, state),) = result.fold.leads()
    later = T0 + 14 * DAY
    factors = explain(accumulators(state, TENX), later, {})
    assert [factor.factor for factor in factors] == [
        "form.submitted:organic",
        "email.bounced",
        "email.replied:negative",
    ]
    form, bounce, reply = factors
    assert (form.points, form.count, form.last_at) == (15, 1, T0)
    assert bounce.points == pytest.approx(-20 * 2**-0.5, abs=1e-12)
    assert (bounce.count, bounce.last_at) == (1, T0 + 7 * DAY)
    assert reply.points == 0
    total = 15 - 20 * 2**-0.5
    assert sum(factor.points for factor in factors) == pytest.approx(total, abs=1e-9)
    assert sum_at(result.snapshot().accumulators, later, {}) == pytest.approx(total, abs=1e-9)
    assert total_at(state, TENX, later) == pytest.approx(total, abs=1e-9)
    reading = score(state, TENX, later)
    assert (reading.score, reading.band) == (0, "cold")
    # What was known at the last signal is the earliest that the state can tell.
    assert score(state, TENX, T0).total == total_at(state, TENX, T0 + 7 * DAY)


def test_reading_changes_nothing_and_needs_no_job() -> None:
    ((_, state),) = run(Log().add("form.submitted", T0, data={"channel": "organic"}), TENX).fold.leads()
    before = encode_state(state)
    assert [score(state, TENX, T0 + days * DAY).score for days in (0, 14, 28, 42)] == [30, 15, 7, 3]
    assert encode_state(state) == before


def test_a_factor_that_does_not_decay_contributes_the_same_for_ever() -> None:
    one = Accumulator("f", "", 5.0, "none", 0, 2.0, T0, 2, T0)
    assert contribution(one, T0 + 1000 * HOUR) == 10


MANY = "name: many\nversion: '1'\nhalf_life: 14d\nbands: [{name: cold, from: 0}]\nrules: [" + ", ".join(
    f"{{id: r{n:02}, on: t.{n:02}, points: {n + 1}, decay: {{half_life: LIFE}}}}" for n in range(70)
)


@pytest.mark.parametrize("rules", [
    MANY.replace("LIFE", "14d") + "]",
    # Not all of one half-life, so that it is read by another way.
    MANY.replace("LIFE", "14d") + ", {id: stays, on: other, points: 1, decay: none}]",
])  # fmt: skip
def test_of_many_factors_a_record_sums_up_the_smallest(rules: str) -> None:
    """70 factors of 1 to 70 points: the 63 weightiest are 70 to 8, the others 7 + 6 + ... + 1 = 28."""
    log = Log()
    for number in range(70):
        log.add(f"t.{number:02}", T0)
    result = run(log, model_of(rules))
    state = result.fold.state_of(b"acme:l1")
    assert state is not None
    found = shares(state, result.model, T0, 64)
    assert [one.points for one in found] == [*range(70, 7, -1), 28]
    assert (found[0].factor, found[-1].factor, found[-1].count) == ("r69", "rest:smallest", 7)
    assert len(shares(state, result.model, T0, 70)) == 70


def test_changes_of_band_and_stage_name_the_factors_as_well() -> None:
    rules = """{name: two, version: '1', half_life: 14d, categories: {fit: {cap: 40}}, rules: [
        {id: visit, on: page.viewed, points: 30, category: fit, decay: none},
        {id: call, on: call.connected, points: 30, category: fit, decay: none},
    ], bands: [{name: cold, from: 0}, {name: hot, from: 35}],
    stages: [{name: new, from: 0}, {name: ready, from: 35}]}"""
    result = run(Log().add("page.viewed", T0).add("call.connected", T0), model_of(rules))
    for kind in ("lead.band.changed", "lead.stage.changed"):
        [change] = result.of_type(kind)
        assert [(one["factor"], one["points"], one["category"]) for one in change["factors"]] == [
            ("call", 30, "fit"), ("visit", 30, "fit"), ("cap:fit", -20, "fit"),
        ]  # fmt: skip
