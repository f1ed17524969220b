"""Now, effective times, timers, hysteresis and recovery; figures by hand."""

import math

import msgspec
import pytest

from tests.scoring.folding import DAY, HOUR, MINUTE, T0, Log, model_of, run

PLAIN = """
name: plain
version: "1"
half_life: 1d
rules:
  - {id: gain, on: gain, points: 10}
  - {id: keep, on: keep, points: 10, decay: none}
  - {id: slow, on: slow, points: 10, decay: {half_life: 2d}}
  - {id: loss, on: loss, points: -10}
  - {id: wipe, on: wipe, effect: reset}
thresholds:
  - {at: 5}
  - {at: 8}
bands:
  - {name: low, from: 0}
  - {name: high, from: 8}
actions:
  - {do: note, at: 8, channel: crm}
"""
MODEL = model_of(PLAIN)


def with_levels(thresholds: str) -> str:
    """The plain model with other thresholds and a single band."""
    head, tail = PLAIN.split("thresholds:\n")
    actions = tail[tail.index("actions:") :]
    return f"{head}thresholds:\n{thresholds}\nbands:\n  - {{name: all, from: 0}}\n{actions}"


@pytest.mark.requirement("N-5")
def test_a_late_signal_counts_from_its_own_time() -> None:
    late = run(Log().add("gain", T0).add("gain", T0 + DAY, at=T0), MODEL).snapshot()
    in_order = run(Log().add("gain", T0).add("gain", T0).add("lead.recompute", T0 + DAY), MODEL).snapshot()
    assert late.total == pytest.approx(10, abs=1e-9) == in_order.total
    assert late.accumulators == in_order.accumulators


def test_a_signal_from_the_future_counts_from_now_and_is_flagged_beyond_five_minutes() -> None:
    log = Log().add("gain", T0, at=T0 + 5 * MINUTE).add("gain", T0, at=T0 + 5 * MINUTE + 1)
    history = run(log, MODEL).history
    assert [(entry.at, entry.now, entry.future) for entry in history] == [(T0, T0, False), (T0, T0, True)]
    assert history[1].after == 20


def test_a_signal_of_more_than_five_years_before_now_is_flagged_as_past() -> None:
    five = 1826 * DAY
    log = Log().add("gain", T0, at=T0 - five).add("gain", T0, at=T0 - five - 1)
    log.add("other", T0, at="1970-01-01T00:00:00Z")
    late = log.add("gain", T0 + five + DAY, at=T0 + five + 1).add("gain", T0 + five + DAY, at=T0)
    history = run(late, MODEL).history
    assert [entry.past for entry in history] == [False, True, True, False, True]
    assert not any(entry.future for entry in history)


def test_seconds_for_milliseconds_never_reach_the_fold() -> None:
    value = b'{"id":"s","tenant":"acme","lead":"l1","type":"gain","at":%d}'
    seconds = run(Log().raw(b"acme:l1", value % (T0 // 1000), T0), MODEL)
    assert seconds.history == []
    [letter] = [dict(headers) for _, _, headers in seconds.steps[0].dead_letters]
    assert letter["leadstream-reason"] == b"bad_time"
    assert b"seconds by its size" in letter["leadstream-detail"]


def test_now_is_the_highest_broker_timestamp_even_of_records_that_are_not_folded() -> None:
    log = Log().add("gain", T0).raw(b"acme:l1", b"not json", T0 + DAY).add("gain", T0 + HOUR, at=T0 + DAY)
    entry = run(log, MODEL).history[1]
    assert (entry.now, entry.at, entry.after) == (T0 + DAY, T0 + DAY, pytest.approx(15, abs=1e-9))


def test_a_late_signal_moves_the_total_and_no_past_crossing() -> None:
    # 10 at T0 falls below 8 and 5; the late 10 of T0 would have made it 20, and makes it 5 now.
    log = Log().add("gain", T0).tick(T0 + 2 * DAY).add("gain", T0 + 2 * DAY, at=T0)
    result = run(log, MODEL)
    assert result.crossings == [
        (5, "up", "signal"), (8, "up", "signal"), (8, "down", "decay"), (5, "down", "decay"),
        (5, "up", "signal"),
    ]  # fmt: skip
    assert result.outputs[-1]["at"] == "2026-01-03T00:00:00.000Z"
    assert result.outputs[-1]["total_after"] == pytest.approx(5, abs=1e-9)


def test_an_excursion_that_was_over_before_now_fires_nothing() -> None:
    result = run(Log().add("gain", T0 + 2 * DAY, at=T0), MODEL)
    assert result.history[0].after == pytest.approx(2.5, abs=1e-9)
    assert result.outputs == []


def test_a_threshold_is_passed_within_the_tolerance_and_a_band_begins_there() -> None:
    just = run(Log().add("score.bumped", T0, data={"points": 8 - 0.9e-9, "by": "a", "why": "b"}), MODEL)
    assert just.snapshot().band == "high"
    assert (8, "up", "signal") in just.crossings
    below = run(Log().add("score.bumped", T0, data={"points": 8 - 1.1e-9, "by": "a", "why": "b"}), MODEL)
    assert below.snapshot().band == "low"
    assert below.crossings == [(5, "up", "signal")]


def test_timers_fire_in_order_of_time_and_then_of_key() -> None:
    log = Log()
    for lead in ("l2", "l3", "l1"):
        log.add("gain", T0 + (HOUR if lead == "l3" else 0), lead=lead)
    result = run(log, MODEL, until=T0 + 5 * DAY)
    down = [(one["threshold"], one["lead"]) for one in result.of_type("lead.threshold.crossed")]
    assert down[6:] == [(8, "l1"), (8, "l2"), (8, "l3"), (5, "l1"), (5, "l2"), (5, "l3")]


@pytest.mark.requirement("N-2")
def test_a_crossing_is_at_the_first_millisecond_below_and_not_before() -> None:
    # 10 * 2 ** (-t / 1 d) < 8 - 1e-9 from t = 86,400,000 * log2(10 / 7.999999999) = 27,814,587.4 on.
    log = Log().add("gain", T0)
    early = run(log, MODEL, until=T0 + 27_814_587)
    assert [one for one in early.outputs if one["direction"] == "down"] == []
    down = [one for one in run(log, MODEL, until=T0 + 27_814_588).outputs if one["direction"] == "down"]
    assert [one["type"] for one in down] == ["lead.threshold.crossed", "lead.band.changed"]


@pytest.mark.requirement("N-1")
def test_half_lives_per_rule() -> None:
    log = Log().add("gain", T0).add("keep", T0).add("slow", T0).add("lead.recompute", T0 + 2 * DAY)
    assert run(log, MODEL).snapshot().total == pytest.approx(10 / 4 + 10 + 10 / 2, abs=1e-9)


@pytest.mark.requirement("N-3")
def test_hysteresis_holds_the_threshold_until_the_total_is_that_much_below() -> None:
    model = model_of(with_levels("  - {at: 8, hysteresis: 3}"))
    log = Log().add("gain", T0).tick(T0 + 12 * HOUR).add("gain", T0 + 12 * HOUR).tick(T0 + 10 * DAY)
    result = run(log, model)
    # 7.07 after half a day is not below 5: the second gain, to 17.07, crosses nothing.
    assert result.crossings == [(8, "up", "signal"), (8, "down", "decay")]
    assert result.actions == ["note"]
    down = result.of_type("lead.threshold.crossed")[1]
    assert down["total_after"] < 5 - 1e-9 <= down["total_before"]


def recovering(policy: str) -> str:
    return with_levels(f"  - {{at: 8, on_recovery: {policy}}}")


def test_recovery_is_recorded_and_the_next_gain_acts_once() -> None:
    log = Log().add("keep", T0).add("loss", T0).tick(T0 + 3 * DAY)
    log.add("loss", T0 + 10 * DAY, at=T0).add("gain", T0 + 10 * DAY).add("gain", T0 + 10 * DAY)
    result = run(log, model_of(recovering("record")))
    # 10 - 10 * 2 ** (-t / 1 d) rises over 8 after log2(10 / 2.000000001) days;
    # by the tenth day the second loss of T0 is too old to matter.
    ups = result.of_type("lead.threshold.crossed")
    assert [(one["direction"], one["cause"]) for one in ups] == [
        ("up", "signal"), ("down", "signal"), ("up", "recovery"),
    ]  # fmt: skip
    assert ups[2]["at"] == "2026-01-03T07:43:34.588Z"
    requests = result.of_type("lead.action.requested")
    assert [(one["crossing"], one["cause"]) for one in requests] == [
        (ups[0]["id"], "signal"), (ups[2]["id"], "signal"),
    ]  # fmt: skip
    assert requests[1]["signal"]["id"] == "s4"


def test_recovery_fires_where_the_threshold_says_so() -> None:
    log = Log().add("keep", T0).add("loss", T0).tick(T0 + 3 * DAY).add("gain", T0 + 3 * DAY)
    result = run(log, model_of(recovering("fire")))
    assert [one["cause"] for one in result.of_type("lead.action.requested")] == ["signal", "recovery"]


def test_what_is_owed_from_a_recovery_is_forgotten_when_the_total_falls_again() -> None:
    log = Log().add("keep", T0).add("loss", T0).tick(T0 + 3 * DAY).add("loss", T0 + 3 * DAY)
    log.add("lead.recompute", T0 + 4 * DAY).add("gain", T0 + 4 * DAY, at=T0)
    result = run(log, model_of(recovering("record")))
    assert [one["cause"] for one in result.of_type("lead.action.requested")] == ["signal"]


def test_several_thresholds_at_once_ascend_and_descend_each_with_its_actions() -> None:
    log = Log().add("gain", T0).add("wipe", T0)
    kinds = [(one["type"], one.get("threshold"), one["direction"]) for one in run(log, MODEL).outputs]
    assert kinds == [
        ("lead.threshold.crossed", 5, "up"),
        ("lead.threshold.crossed", 8, "up"),
        ("lead.action.requested", 8, "up"),
        ("lead.band.changed", None, "up"),
        ("lead.threshold.crossed", 8, "down"),
        ("lead.threshold.crossed", 5, "down"),
        ("lead.band.changed", None, "down"),
    ]


def test_a_lead_is_written_again_within_a_day_of_a_change_of_its_shown_score() -> None:
    log = Log()
    for number in range(20):
        log.add("slow", T0, lead=f"l{number}")
    for hour in range(1, 24 * 12):
        log.tick(T0 + hour * HOUR)
    result = run(log, MODEL, packs=range(20, len(log.records)))
    hours = set()
    for number in range(20):
        written = T0, 10
        for step in result.steps:
            stale = None if shown_slow(step.now) == written[1] else step.now
            for key, value, _ in step.scores:
                if key == f"acme:l{number}".encode():
                    written = step.now, msgspec.json.decode(value)["score"]
                    hours.add(step.now // HOUR % 24)
            # Ticks come each hour, so a timer that fell due is seen within one.
            assert stale is None or stale - first_showing(written[1]) <= DAY + HOUR
    assert len(hours) > 8, "spread over the day"


def shown_slow(now: int) -> int:
    """The score shown of 10 points with a half-life of two days."""
    return int(10 * 2 ** (-(now - T0) / (2 * DAY)) + 1e-9)


def first_showing(score: int) -> float:
    """When 10 points with a half-life of two days begin to show less than `score`."""
    return T0 + 2 * DAY * math.log2(10 / score) if score else math.inf


def test_the_next_change_of_a_lead_is_the_first_of_score_band_and_threshold() -> None:
    # The score shown, 10, becomes 9 when the total falls below 10 - 1e-9: within a millisecond.
    assert run(Log().add("gain", T0), MODEL).snapshot().next_change == T0 + 1
    # 9 becomes 8 at 86,400,000 * log2(10 / 8.999999999) = 13,133,067.3 ms.
    later = Log().add("gain", T0).add("lead.recompute", T0 + 1)
    assert run(later, MODEL).snapshot().next_change == T0 + 13_133_068
    # A threshold between two scores comes before the next score: 8.5, at 20,257,797.9 ms.
    between = model_of(with_levels("  - {at: 8}\n  - {at: 8.5}"))
    log = Log().add("gain", T0).add("lead.recompute", T0 + 4 * HOUR)
    assert run(log, between).snapshot().next_change == T0 + 20_257_798
    assert run(Log().add("keep", T0), MODEL).snapshot().next_change is None
    assert run(Log().add("loss", T0), MODEL).snapshot().next_change is None


def test_gains_and_losses_that_cancel_now_still_part_later() -> None:
    # 10 * 2 ** (-t / 2 d) - 10 * 2 ** (-t / 1 d): 0 at first, 2.5 at its highest, after two days.
    model = model_of(with_levels("  - {at: 2}\n  - {at: 8}"))
    both = Log().add("slow", T0).add("loss", T0).tick(T0 + 20 * DAY)
    crossings = run(both, model).crossings
    assert crossings == [
        (2, "up", "signal"), (8, "up", "signal"), (8, "down", "signal"), (2, "down", "signal"),
        (2, "up", "recovery"), (2, "down", "decay"),
    ]  # fmt: skip
    once = model_of(
        """
        name: m
        version: "1"
        half_life: 1d
        rules:
          - {id: slow, on: both, points: 10, decay: {half_life: 2d}}
          - {id: loss, on: both, points: -10}
        thresholds: [{at: 2}]
        bands: [{name: all, from: 0}]
        """
    )
    result = run(Log().add("both", T0).tick(T0 + 20 * DAY), once)
    assert result.crossings == [(2, "up", "recovery"), (2, "down", "decay")]
