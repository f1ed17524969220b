"""A reset inside a spell of inactivity ends it."""

import pytest

from leadstream.models import load_catalog
from leadstream.records.times import parse_instant
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.decay.totals import accumulators, sum_at
from leadstream.scoring.lead.merge import absorb
from leadstream.scoring.state.lead_state import decode_state, encode_state
from tests.scoring.folding import APP, DAY, HOUR, T0, TOPIC, Log, Result, model_of, run

ADVANCED = load_catalog("advanced-l2").default
IDLE = """
name: m
version: "1"
half_life: none
rules:
  - {id: visit, on: visit, points: 40}
  - {id: note, on: note, points: 0}
  - {id: minus, on: minus, points: -5}
  - {id: wipe, on: wipe, effect: reset}
  - {id: open, on: open, points: 8, decay: {inactivity_step: {percent: 50, every: 10d}}}
  - {id: bad, on: bad, points: -8, decay: {inactivity_step: {percent: 40, every: 10d, variant: linear}}}
timers:
  - {id: quiet, inactivity: 30d, points: -30}
  - {id: silent, inactivity: 60d}
thresholds: [{at: 30}]
bands: [{name: cold, from: 0}]
"""
MODEL = model_of(IDLE)


def fired(result: Result) -> list[tuple[str, float]]:
    """Timers, and after how many days each fired."""
    return [
        (one["trigger"].removeprefix("timer:"), (parse_instant(one["at"]) - T0) / DAY)
        for one in result.of_type("lead.trigger.fired")
    ]


@pytest.mark.parametrize("days", [1, 89, 91, 100, 179, 181, 400])
def test_an_unsubscribe_long_after_the_last_open_leaves_nothing(days: int) -> None:
    log = Log().add("email.opened", T0).add("email.unsubscribed", T0 + days * DAY)
    result = run(log, ADVANCED)
    assert result.history[-1].after == 0
    assert result.snapshot().total == 0


def test_a_snapshot_after_a_reset_counts_inactivity_from_the_reset() -> None:
    log = Log().add("visit", T0).add("wipe", T0 + 40 * DAY)
    result = run(log, MODEL)
    shot = result.snapshot()
    for days, total in ((40, 0), (69.99, 0), (70, -30), (100, -30)):
        assert sum_at(shot.accumulators, T0 + int(days * DAY), shot.caps) == total


def test_a_crossing_after_a_reset_in_a_spell_comes_at_once() -> None:
    log = Log().add("visit", T0).add("wipe", T0 + 40 * DAY)
    log.add("visit", T0 + 41 * DAY, at=T0 + 40 * DAY + 1)
    assert run(log, MODEL).crossings == [
        (30, "up", "signal"), (30, "down", "decay"), (30, "up", "signal"),
    ]  # fmt: skip


def test_the_timers_of_a_new_spell_fire_from_the_reset_on() -> None:
    log = Log().add("visit", T0).add("wipe", T0 + 40 * DAY)
    assert fired(run(log, MODEL, until=T0 + 200 * DAY)) == [("quiet", 30), ("quiet", 70), ("silent", 100)]


def test_a_reset_that_comes_late_costs_nothing_at_once_and_no_activity_is_forgotten() -> None:
    log = Log().add("visit", T0).add("visit", T0 + 20 * DAY)
    # It is of a time before the last activity, which the spell goes on from.
    log.add("wipe", T0 + 45 * DAY, at=T0 + 10 * DAY)
    result = run(log, MODEL, until=T0 + 100 * DAY)
    assert result.history[-1].after == 0
    assert fired(result) == [("quiet", 50), ("silent", 80)]


@pytest.mark.parametrize(
    ("late", "began"),
    [
        # A day, and a millisecond, before 30 days after it the spell counts from the reset's own time.
        (69 * DAY, 40 * DAY),
        (70 * DAY - 1, 40 * DAY),
        (70 * DAY, 70 * DAY),
        (75 * DAY, 75 * DAY),
        (400 * DAY, 400 * DAY),
    ],
)
def test_a_reset_that_comes_after_its_spell_has_run_out_costs_nothing_at_once(late: int, began: int) -> None:
    log = Log().add("visit", T0).add("wipe", T0 + late, at=T0 + 40 * DAY)
    result = run(log, MODEL, until=T0 + 500 * DAY)
    assert result.history[-1].after == 0
    shot = run(log, MODEL).snapshot()
    assert (shot.total, sum_at(shot.accumulators, T0 + late, shot.caps)) == (0, 0)
    for ahead, total in ((-1, 0), (0, -30)):
        assert sum_at(shot.accumulators, T0 + began + 30 * DAY + ahead, shot.caps) == total
    anew = [("quiet", (began + 30 * DAY) / DAY), ("silent", (began + 60 * DAY) / DAY)]
    assert fired(result) == [("quiet", 30), ("silent", 60), *anew]


def test_a_timer_without_points_begins_no_spell_by_a_late_reset() -> None:
    model = model_of(IDLE.replace("inactivity: 30d, points: -30", "inactivity: 30d"))
    log = Log().add("visit", T0).add("wipe", T0 + 75 * DAY, at=T0 + 40 * DAY)
    # It costs nothing, so the reset's own time holds: what is past fires nothing.
    assert fired(run(log, model, until=T0 + 500 * DAY)) == [("quiet", 30), ("silent", 60), ("silent", 100)]


def test_a_reset_of_a_time_before_the_last_activity_costs_nothing_at_once_either() -> None:
    log = Log().add("visit", T0).add("visit", T0 + 20 * DAY)
    log.add("wipe", T0 + 55 * DAY, at=T0 + 10 * DAY)
    result = run(log, MODEL, until=T0 + 120 * DAY)
    assert result.history[-1].after == 0
    # The spell since the activity cost 30 points from day 50; the reset begins the next one.
    assert fired(result) == [("quiet", 50), ("quiet", 85), ("silent", 115)]


def test_an_activity_after_a_late_reset_ends_its_spell_and_a_late_one_before_it_does_not() -> None:
    log = Log().add("visit", T0).add("wipe", T0 + 75 * DAY, at=T0 + 40 * DAY)
    late = Log().add("visit", T0).add("wipe", T0 + 75 * DAY, at=T0 + 40 * DAY)
    log.add("visit", T0 + 80 * DAY)
    late.add("visit", T0 + 80 * DAY, at=T0 + 50 * DAY)
    assert fired(run(log, MODEL, until=T0 + 130 * DAY))[2:] == [("quiet", 110)]
    assert fired(run(late, MODEL, until=T0 + 130 * DAY))[2:] == [("quiet", 105)]


def test_a_merge_keeps_the_spell_that_a_late_reset_began() -> None:
    log = Log().add("visit", T0).add("visit", T0, lead="l2")
    log.add("wipe", T0 + 75 * DAY, at=T0 + 40 * DAY, lead="l2")
    first = run(log, MODEL)
    states = {key: decode_state(encode_state(state)) for key, state in first.fold.leads()}
    state, loser = states[b"acme:l1"], states[b"acme:l2"]
    state.place = 100
    absorb(state, loser, MODEL, b"acme:l1", first.fold.now, Outbox(APP, TOPIC, 0), RoundRobin())
    held = accumulators(state, MODEL)
    # The 40 points of the survivor do not fade; the spell of the loser began on day 75.
    assert sum_at(held, T0 + 105 * DAY - 1, {}) == 40
    assert sum_at(held, T0 + 105 * DAY, {}) == 10


def test_of_a_lead_that_was_never_active_the_spell_ends_too() -> None:
    log = Log().add("note", T0).add("wipe", T0 + 40 * DAY)
    result = run(log, MODEL, until=T0 + 110 * DAY)
    assert result.history[-1].after == 0
    assert fired(result) == [("quiet", 30), ("quiet", 70), ("silent", 100)]


def test_an_older_reset_after_a_later_one_moves_no_spell() -> None:
    log = Log().add("visit", T0).add("wipe", T0 + 10 * DAY).add("wipe", T0 + 11 * DAY, at=T0 + HOUR)
    assert fired(run(log, MODEL, until=T0 + 45 * DAY)) == [("quiet", 40)]


def test_an_activity_from_before_the_reset_ends_no_spell() -> None:
    log = Log().add("visit", T0).add("wipe", T0 + 10 * DAY)
    log.add("visit", T0 + 20 * DAY, at=T0 + 9 * DAY)
    assert fired(run(log, MODEL, until=T0 + 45 * DAY)) == [("quiet", 40)]


def test_what_comes_after_the_reset_loses_nothing_by_the_spell_before_it() -> None:
    # 3 intervals of 40 per cent, evenly, would leave nothing of what comes after them.
    log = Log().add("visit", T0).add("wipe", T0 + 28 * DAY).add("bad", T0 + 29 * DAY)
    result = run(log, MODEL)
    state = result.fold.state_of(b"acme:l1")
    assert state is not None
    for days, total in ((29, -8), (37.9, -8), (38, -4.8), (48, -1.6)):
        at = T0 + int(days * DAY)
        assert sum_at(accumulators(state, MODEL), at, {}) == pytest.approx(total)


def test_a_merge_takes_the_later_end_of_a_spell_and_gives_no_loss_back() -> None:
    log = Log().add("open", T0).add("visit", T0, lead="l2").add("wipe", T0 + 15 * DAY, lead="l2")
    first = run(log, MODEL)
    states = {key: decode_state(encode_state(state)) for key, state in first.fold.leads()}
    state, loser = states[b"acme:l1"], states[b"acme:l2"]
    state.place = 100
    absorb(state, loser, MODEL, b"acme:l1", first.fold.now, Outbox(APP, TOPIC, 0), RoundRobin())
    # 8 points, less half after 10 days: they stay 4 until 10 days after the reset.
    assert state.total == pytest.approx(4)
    held = accumulators(state, MODEL)
    assert sum_at(held, T0 + 25 * DAY - 1, {}) == pytest.approx(4)
    assert sum_at(held, T0 + 25 * DAY, {}) == pytest.approx(2)
    assert sum_at(held, T0 + 45 * DAY, {}) == pytest.approx(0.5 - 30)
