"""Crossings and changes of band worked out by hand, each for a sentence of the semantics."""

from decimal import ROUND_FLOOR, Decimal
from pathlib import Path

import pytest

from .histories import START
from .rules import DAY, HOUR, NONE, Action, Model, Rule, Threshold
from .story import Story, when, written

HALF_LIFE = 14 * DAY
ALLOWED = Decimal("1e-9")


def falls(total: float, level: float, half_life: int = HALF_LIFE) -> int:
    """Milliseconds until what is `total` now is first below level - 1e-9: total * 2**(-t / half_life)."""
    ratio = Decimal(total) / (Decimal(level) - ALLOWED)
    return int((half_life * ratio.ln() / Decimal(2).ln()).to_integral_value(ROUND_FLOOR)) + 1


def model(*rules: Rule, thresholds: tuple[Threshold, ...], actions: tuple[Action, ...] = ()) -> Model:
    return Model("small", HALF_LIFE, rules, thresholds, (("only", Decimal(0)),), actions)


# Upwards


@pytest.mark.requirement("S0-4")
@pytest.mark.requirement("S1-11")
@pytest.mark.requirement("S1-12")
def test_a_threshold_is_passed_at_total_equal_to_t() -> None:
    story = Story().bump(0, 49).bump(0, 1).bump(0, 29.5).bump(0, 0.5)
    assert story.events("crossed") == ["0 up 50 by signal s1", "0 up 80 by signal s3"]


def test_thresholds_compare_the_total_before_the_clamp(tmp_path: Path) -> None:
    high = model(Rule("x", "x", Decimal(1)), thresholds=(Threshold(Decimal(120)),))
    story = Story(high, written(high, tmp_path)).bump(0, 119).bump(0, 1)
    assert (story.events(), story.read(0).score) == (["0 up 120 by signal s1"], 100)


def test_several_passed_at_once_come_ascending_and_downwards_descending() -> None:
    story = Story().bump(0, 90).bump(0, -60)
    assert story.events("crossed") == [
        "0 up 50 by signal s0",
        "0 up 80 by signal s0",
        "0 down 80 by signal s1",
        "0 down 50 by signal s1",
    ]


def test_entering_hot_from_any_lower_band_is_one_change() -> None:
    story = Story().bump(0, 90).bump(0, -60).bump(0, 30)
    assert story.events("band") == [
        "0 band hot by signal s0",
        "0 band cold by signal s1",
        "0 band warm by signal s2",
    ]


@pytest.mark.requirement("S1-11")
@pytest.mark.requirement("S0-10")
def test_a_form_a_reply_two_visits_and_three_opens_reach_80_and_the_history_says_which_signal_did() -> None:
    story = Story()
    story.says(0, "form.submitted", channel="organic")
    for _ in range(3):
        story.says(0, "email.opened")
    story.says(0, "page.viewed", url="/pricing").says(0, "page.viewed", url="/demo", name="visit")
    story.says(0, "email.replied", sentiment="positive", name="reply")
    # 30 + 3 x 2 + 10 are 46, the second visit makes 56, the reply 81.
    assert story.events("crossed") == ["0 up 50 by signal visit", "0 up 80 by signal reply"]
    over = [entry.signal for entry in story.history() if entry.before < 80 <= entry.after]
    assert (over, story.total(0)) == (["reply"], 81)


# Downwards, by itself


@pytest.mark.requirement("N-2")
@pytest.mark.parametrize("total", [80, 80.000001, 95, 100, 123.456])
def test_downward_crossings_come_at_their_exact_time_to_the_millisecond(total: float) -> None:
    story = Story().bump(0, total)
    eighty, fifty = falls(total, 80), falls(total, 50)
    story.passes(fifty)
    assert story.events()[-4:] == [
        f"{when(eighty)} down 80 by decay",
        f"{when(eighty)} band warm by decay",
        f"{when(fifty)} down 50 by decay",
        f"{when(fifty)} band cold by decay",
    ]
    for output in story.run().outputs()[-4:]:
        level = 80 if output.at - START == eighty else 50
        assert output.total < level - ALLOWED <= output.before
    early = Story().bump(0, total).passes(fifty - 1)
    assert early.events("crossed")[-1] == f"{when(eighty)} down 80 by decay"


@pytest.mark.requirement("N-2")
def test_100_is_below_50_a_millisecond_after_its_half_life() -> None:
    # At 14 days it is 50, which has not fallen below 50; 1 ms later it is 50 - 2.9e-8.
    story = Story().bump(0, 100).passes(HALF_LIFE)
    assert [line.split()[1:3] for line in story.events("crossed")] == [
        ["up", "50"],
        ["up", "80"],
        ["down", "80"],
    ]
    story = Story().bump(0, 100).passes(HALF_LIFE + 1)
    assert story.events("crossed")[-1] == f"{when(HALF_LIFE + 1)} down 50 by decay"


def test_crossings_are_evaluated_at_now_after_the_timers_up_to_now() -> None:
    # 60 falls below 50 on the way; at 14 days 30 are left, and 25 more are 55.
    story = Story().bump(0, 60).says(14 * DAY, "email.replied", sentiment="positive")
    fall = falls(60, 50)
    assert story.events("crossed") == [
        "0 up 50 by signal s0",
        f"{when(fall)} down 50 by decay",
        "14d up 50 by signal s1",
    ]
    assert fall < 14 * DAY


def test_timers_of_all_leads_fire_in_order_of_time_before_the_record_that_moves_now() -> None:
    story = Story().bump(0, 60, lead="ann").bump(0, 55, lead="bob").bump(28 * DAY, 70, lead="cat")
    assert story.events("crossed")[2:] == [
        f"{when(falls(55, 50))} down 50 by decay",
        f"{when(falls(60, 50))} down 50 by decay",
        "28d up 50 by signal s2",
    ]


@pytest.mark.requirement("N-5")
def test_a_late_signal_changes_the_total_never_a_past_crossing() -> None:
    # 30 a day late: had it come in time, the total would have passed 50 then. It does so at now.
    story = Story().bump(0, 30).bump(2 * DAY, 30, at=DAY)
    assert story.events("crossed") == ["2d up 50 by signal s1"]
    total = 30 * 2 ** (-2 / 14) + 30 * 2 ** (-1 / 14)
    assert story.total(2 * DAY) == round(total, 9)


def test_an_excursion_that_was_over_before_now_fires_nothing() -> None:
    story = Story().passes(14 * DAY).bump(14 * DAY, 90, at=0)
    assert (story.events(), story.total(14 * DAY)) == ([], 45)


def test_a_reset_crosses_down_with_its_own_cause() -> None:
    story = Story().bump(0, 90).says(HOUR, "email.unsubscribed", name="bye")
    assert story.events()[-3:] == [
        "1h down 80 by reset bye",
        "1h down 50 by reset bye",
        "1h band cold by reset bye",
    ]
    assert story.passes(90 * DAY).run().snapshots[b"acme:ann"]["next_change"] is None


# Hysteresis and recovery


@pytest.mark.requirement("N-3")
def test_with_hysteresis_it_falls_below_t_minus_h_and_is_armed_again_only_then(tmp_path: Path) -> None:
    wide = model(Rule("x", "x", Decimal(1)), thresholds=(Threshold(Decimal(50), Decimal(5)),))
    catalog = written(wide, tmp_path)
    story = Story(wide, catalog).bump(0, 50).bump(0, -5).bump(0, 5).bump(0, -5.000001).bump(0, 5.000001)
    assert story.events() == ["0 up 50 by signal s0", "0 down 50 by signal s3", "0 up 50 by signal s4"]
    alone = Story(wide, catalog).bump(0, 50).passes(30 * DAY)
    assert alone.events() == ["0 up 50 by signal s0", f"{when(falls(50, 45))} down 50 by decay"]


# A lasting 30, a positive signal of 1, and a minus of 40 that halves in a day.
RECOVERING = (
    Rule("lasting", "lasting", Decimal(30), half_life=NONE),
    Rule("one", "one", Decimal(1), half_life=NONE),
    Rule("minus", "minus", Decimal(-40), half_life=DAY),
)
TELL = (Action("tell", Decimal(20), "chat"),)


def recovery(threshold: Threshold, folder: Path) -> Story:
    """30 passes 20, a minus of 40 makes it -10, and it is 20 by itself when 10 of the 40 are left."""
    story_model = model(*RECOVERING, thresholds=(threshold,), actions=TELL)
    return Story(story_model, written(story_model, folder)).says(0, "lasting").says(0, "minus")


# 30 - 40 * 2**-t is at or over 20 - 1e-9 a little before t = 2 days: 40 * 2**-t <= 10 + 1e-9.
RISEN = 2 * DAY - int(DAY * (1 + Decimal("1e-10")).ln() / Decimal(2).ln())


def test_a_recovery_is_recorded_without_an_action_and_the_next_positive_signal_fires_it_once(
    tmp_path: Path,
) -> None:
    story = recovery(Threshold(Decimal(20)), tmp_path).passes(3 * DAY)
    story.says(4 * DAY, "nothing").says(4 * DAY, "one").says(4 * DAY, "one")
    assert story.events() == [
        "0 up 20 by signal s0",
        "0 requested tell by signal s0",
        "0 down 20 by signal s1",
        f"{when(RISEN)} up 20 by recovery",
        "4d requested tell by signal s4",
    ]


def test_a_negative_signal_while_above_fires_nothing_of_what_recovered(tmp_path: Path) -> None:
    two = (Threshold(Decimal(20)), Threshold(Decimal(25)))
    story_model = model(*RECOVERING, thresholds=two, actions=(Action("tell", Decimal(20), "chat"),))
    story = Story(story_model, written(story_model, tmp_path)).says(0, "lasting").says(0, "minus")
    # After 5 days 28.75 have risen over both; 5 less are below 25 and still above 20.
    story.passes(5 * DAY).bump(5 * DAY, -5).says(5 * DAY, "one")
    assert story.events()[-2:] == ["5d down 25 by signal s3", "5d requested tell by signal s4"]


def test_a_positive_signal_fires_nothing_once_the_total_has_fallen_again(tmp_path: Path) -> None:
    story = recovery(Threshold(Decimal(20)), tmp_path).says(3 * DAY, "minus").says(3 * DAY, "one")
    assert story.actions() == ["0 requested tell by signal s0"]


def test_with_on_recovery_fire_it_fires_by_itself(tmp_path: Path) -> None:
    story = recovery(Threshold(Decimal(20), on_recovery="fire"), tmp_path)
    story.passes(3 * DAY).says(4 * DAY, "one")
    assert story.events()[3:] == [
        f"{when(RISEN)} up 20 by recovery",
        f"{when(RISEN)} requested tell by recovery",
    ]


def test_an_excursion_between_two_signals_is_seen_in_both_directions(tmp_path: Path) -> None:
    # 32 that halve in 4 days, less 32 that halve in 2: with x = 2**(-t/4) it is 32 (x - x**2), 8 at x = 1/2,
    # t = 4 days; 7 is passed where x - x**2 = 7/32, which is x = 1/2 + 0.1768 and 1/2 - 0.1768.
    rules = (
        Rule("slow", "both", Decimal(32), half_life=4 * DAY),
        Rule("quick", "both", Decimal(-32), half_life=2 * DAY),
    )
    hump = model(*rules, thresholds=(Threshold(Decimal(7)),))
    story = Story(hump, written(hump, tmp_path)).says(0, "both").passes(100 * DAY)
    root = (Decimal(1) / 4 - (7 - ALLOWED) / 32).sqrt()
    up, down = (
        -4 * DAY * (Decimal("0.5") + side * root).ln() / Decimal(2).ln() for side in (Decimal(1), Decimal(-1))
    )
    assert story.events() == [
        f"{when(int(up) + 1)} up 7 by recovery",
        f"{when(int(down) + 1)} down 7 by decay",
    ]
