"""Scores worked out by hand, each for a sentence of the semantics: rules, decay, ordinals, resets, ids."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadstream.models import load_catalog

from .rules import DAY, HOUR, NONE, TENX, Model, Rule, Threshold
from .story import MINUTE, Story, preset, written

HALF_LIFE = 14 * DAY


def small(*rules: Rule, half_life: int = HALF_LIFE) -> Model:
    thresholds, bands = (Threshold(Decimal(50)),), (("low", Decimal(0)), ("high", Decimal(50)))
    return Model("small", half_life, rules, thresholds, bands)


def one(kind: str, /, source: str = "", **data: Any) -> float:
    """What a single signal is worth."""
    return Story().says(0, kind, source=source, **data).total(0)


# What each signal is worth


@pytest.mark.requirement("S0-1")
@pytest.mark.requirement("S0-2")
@pytest.mark.requirement("S0-3")
def test_replies_and_forms_weigh_far_more_than_opens_and_visits() -> None:
    assert one("email.opened") == 2
    assert one("page.viewed", url="/pricing") == 10
    assert one("email.replied", sentiment="positive") == 25
    assert one("form.submitted", channel="organic") == 30


@pytest.mark.requirement("S1-3")
def test_a_reply_counts_by_its_sentiment_and_without_one_it_is_neutral() -> None:
    assert one("email.replied", sentiment="neutral") == 10
    assert one("email.replied", sentiment="negative") == 0
    assert one("email.replied") == 10
    assert one("email.replied", sentiment="furious") == 10


@pytest.mark.requirement("S1-4")
def test_a_forms_channel_is_its_data_else_its_source_and_an_unknown_one_counts_20() -> None:
    assert one("form.submitted", channel="paid") == 20
    assert one("form.submitted", source="organic") == 30
    assert one("form.submitted", source="organic", channel="paid") == 20
    assert one("form.submitted", source="organic", channel="fair") == 20
    assert one("form.submitted") == 20


@pytest.mark.requirement("S1-5")
@pytest.mark.parametrize(
    ("url", "points"),
    [
        ("/de/pricing", 10),
        ("https://example.com/demo/", 10),
        ("https://example.com/integrations?x=1#top", 10),
        ("/pricing-faq", 0),
        ("/Pricing", 0),
        ("https://pricing/", 0),
        ("https://demo.example.com/start", 0),
        ("/start?next=/pricing", 0),
        ("/start#/demo", 0),
        ("/de//pricing", 10),
        ("example.com//pricing", 10),
        ("/pricing//", 10),
    ],
)
def test_a_high_intent_page_has_a_whole_path_segment_equal_to_pricing_demo_or_integrations(
    url: str, points: int
) -> None:
    assert one("page.viewed", url=url) == points


@pytest.mark.requirement("S1-6")
def test_a_status_changed_from_prospect_to_lead_is_40_and_no_other_change_is() -> None:
    assert one("status.changed", from_="prospect", to="lead") == 40
    assert one("status.changed", from_="lead", to="prospect") == 0
    assert one("status.changed", to="lead") == 0


@pytest.mark.requirement("S1-7")
def test_a_bounce_of_either_kind_is_minus_20() -> None:
    story = Story().bump(0, 30).says(0, "email.bounced", kind="soft")
    assert (story.total(0), one("email.bounced", kind="hard"), one("email.bounced")) == (10, -20, -20)


@pytest.mark.requirement("S1-8")
def test_two_pricing_visits_and_a_positive_reply_are_9_and_do_not_clear_10() -> None:
    concept = Model(
        "concept",
        HALF_LIFE,
        (
            Rule("page.pricing", "page.viewed", Decimal(2), {"data.url": {"url_path": ["pricing"]}}),
            Rule("email.replied", "email.replied", Decimal(5), {"data.sentiment": {"eq": "positive"}}),
        ),
        (Threshold(Decimal(10)),),
        (("cold", Decimal(0)), ("hot", Decimal(10))),
    )
    story = Story(concept, preset("concept"))
    story.says(0, "page.viewed", url="/pricing").says(0, "page.viewed", url="/de/pricing")
    story.says(0, "email.replied", sentiment="positive").says(0, "email.replied", sentiment="neutral")
    assert (story.total(0), story.events()) == (9, [])
    again = Story(concept, preset("concept"))
    again.signals = [*story.signals]
    again.says(0, "page.viewed", url="/pricing")
    assert (again.total(0), again.events()) == (11, ["0 up 10 by signal s4", "0 band hot by signal s4"])


def test_a_signal_scores_every_rule_that_matches_it(tmp_path: Path) -> None:
    model = small(
        Rule("any", "t", Decimal(3)),
        Rule("size", "t", Decimal(5), {"data.size": {"exists": True}}),
        Rule("small", "t", Decimal(7), {"data.size": {"in": [1, 2]}}),
        Rule("web", "t", Decimal(11), {"source": {"eq": "web"}}),
    )
    story = Story(model, written(model, tmp_path))
    story.says(0, "t", lead="a").says(0, "t", lead="b", size=3).says(0, "t", lead="c", size=2, source="web")
    story.says(0, "t", lead="d", size=True)
    assert [story.total(0, lead) for lead in "abcd"] == [3, 8, 26, 8]


# The total and what is shown of it


def test_the_score_is_the_clamped_total_rounded_down_and_the_total_is_not_clamped() -> None:
    high = Story().bump(0, 130.7).read(0)
    assert (high.total, high.score, high.band) == (130.7, 100, "hot")
    low = Story().says(0, "email.bounced").read(0)
    assert (low.total, low.score, low.band) == (-20, 0, "cold")
    assert Story().bump(0, 25.99).read(0).score == 25


def test_comparisons_allow_1e_9() -> None:
    near = Story().bump(0, 49.9999999995)
    assert near.events("crossed") == ["0 up 50 by signal s0"]
    assert (near.read(0).score, near.read(0).band) == (50, "warm")
    below = Story().bump(0, 49.999999998)
    assert (below.events(), below.read(0).score, below.read(0).band) == ([], 49, "cold")


def test_a_band_begins_at_its_lower_bound_so_25_5_is_cold_although_25_is_crossed(tmp_path: Path) -> None:
    bands = [("cold", 0), ("warming", 26), ("interested", 51), ("hot", 76)]
    model = Model(
        "bands",
        NONE,
        (Rule("x", "x", Decimal(1)),),
        (Threshold(Decimal(25)),),
        tuple((name, Decimal(lower)) for name, lower in bands),
    )
    story = Story(model, written(model, tmp_path)).bump(0, 25.5).bump(1, 0.5)
    assert story.events() == ["0 up 25 by signal s0", "1ms band warming by signal s1"]


@pytest.mark.requirement("N-8")
def test_explanations_add_up_to_the_total() -> None:
    story = Story().says(0, "form.submitted", channel="organic").says(0, "email.opened")
    story.says(0, "email.replied").says(0, "email.bounced").bump(0, 5).says(HALF_LIFE, "email.opened")
    [snapshot] = story.run().snapshots.values()
    worth = {name: points * mass for name, _, points, _, _, mass, _, _, _ in snapshot["accumulators"]}
    # At 14 days the first open has faded to 1 beside the new one's 2; the others stand as at their time.
    assert worth == {
        "form.submitted:organic": 30, "email.opened": 3, "email.replied:neutral": 10,
        "email.bounced": -20, "score.bumped": 5,
    }  # fmt: skip
    assert story.total(HALF_LIFE) == 15 + 3 + 5 - 10 + 2.5


# Decay


@pytest.mark.requirement("S1-1")
@pytest.mark.requirement("S1-9")
def test_a_contribution_halves_in_every_14_days_by_default() -> None:
    story = Story().says(0, "form.submitted", channel="organic")
    assert [story.total(days * DAY) for days in (0, 14, 28, 42)] == [30, 15, 7.5, 3.75]
    # A bounce fades as well.
    assert Story().says(0, "email.bounced").total(28 * DAY) == -5


@pytest.mark.requirement("S1-9")
def test_the_half_life_is_the_tenants_if_it_has_one(tmp_path: Path) -> None:
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text("- {tenant: acme, half_life: 7d}\n")
    weekly = Model("tenx", 7 * DAY, TENX.rules, TENX.thresholds, TENX.bands, TENX.actions)
    story = Story(weekly, load_catalog("tenx", tenants)).says(0, "form.submitted", channel="organic")
    assert [story.total(days * DAY) for days in (7, 14)] == [15, 7.5]


@pytest.mark.requirement("N-1")
def test_the_half_life_is_the_rules_if_it_has_one(tmp_path: Path) -> None:
    model = small(
        Rule("models", "a", Decimal(16)),
        Rule("rules", "b", Decimal(16), half_life=7 * DAY),
        Rule("none", "c", Decimal(16), half_life=NONE),
    )
    story = Story(model, written(model, tmp_path))
    story.says(0, "a", lead="a").says(0, "b", lead="b").says(0, "c", lead="c")
    story.says(0, "a", lead="d").says(0, "b", lead="d").says(0, "c", lead="d")
    assert [story.total(14 * DAY, lead) for lead in "abcd"] == [8, 4, 16, 28]


@pytest.mark.requirement("S1-10")
def test_a_score_falls_when_signals_stop_and_recovers_when_they_come_back() -> None:
    story = Story().says(0, "form.submitted", channel="organic")
    story.says(28 * DAY, "form.submitted", channel="organic")
    assert [story.total(28 * DAY), *story.gains()] == [37.5, 30, 30]


@pytest.mark.requirement("N-5")
def test_late_signals_decay_from_their_at_and_give_the_same_score_as_in_order() -> None:
    order = Story().says(0, "form.submitted", channel="organic")
    order.says(14 * DAY, "email.replied", sentiment="positive")
    late = Story().says(14 * DAY, "email.replied", sentiment="positive")
    late.says(28 * DAY, "form.submitted", channel="organic", at=0)
    assert order.total(28 * DAY) == late.total(28 * DAY) == 7.5 + 12.5


def test_the_effective_time_is_min_of_at_and_now_and_the_future_is_flagged_beyond_5_minutes() -> None:
    story = Story().says(0, "form.submitted", at=DAY, channel="organic")
    assert [story.total(0), story.total(14 * DAY)] == [30, 15]
    five = 5 * MINUTE
    story = Story().says(0, "email.opened", at=five).says(0, "email.opened", at=five + 1)
    assert [entry.future for entry in story.history()] == [False, True]


def test_more_than_five_years_before_now_is_past() -> None:
    five = 1826 * DAY
    story = Story().says(five, "email.opened", at=0).says(five + 1, "email.opened", at=0)
    assert [entry.past for entry in story.history()] == [False, True]


def test_now_is_the_highest_broker_timestamp_met_so_far() -> None:
    # The second signal comes with an earlier broker time and a later time of its own: now is still 14 d.
    story = Story().says(14 * DAY, "webinar.attended")
    story.says(13 * DAY, "form.submitted", channel="organic", at=15 * DAY)
    assert story.history()[1].now - story.history()[0].now == 0
    assert story.total(14 * DAY) == 30


# Repeat and ordinals


@pytest.mark.requirement("S1-2")
def test_opens_are_full_for_the_first_three_then_half_a_quarter_nothing() -> None:
    story = Story()
    for _ in range(8):
        story.says(0, "email.opened")
    assert story.gains() == [2, 2, 2, 1, 0.5, 0, 0, 0]


@pytest.mark.requirement("S0-3")
def test_opens_alone_never_reach_50() -> None:
    story = Story()
    for minute in range(60):
        story.says(minute * MINUTE, "email.opened")
    assert (story.read(HOUR).score, story.events()) == (7, [])


def test_the_window_holds_occurrences_with_at_in_at_minus_window_to_at() -> None:
    def fourth(age: int) -> float:
        story = Story()
        for _ in range(3):
            story.says(0, "email.opened")
        story.says(age, "email.opened")
        return story.gains()[-1]

    # 30 days after the first three they are no more in the window: this one is a first one again.
    assert [fourth(30 * DAY - 1), fourth(30 * DAY)] == [1, 2]


def test_ordinals_count_by_arrival_within_the_window_of_the_signals_own_time() -> None:
    story = Story()
    for _ in range(3):
        story.says(2 * DAY, "email.opened")
    # Of the first day: the three of the second day are not in (at - 30 d, at].
    story.says(2 * DAY, "email.opened", at=DAY)
    # Of the second day again: now four are, and it is the fifth.
    story.says(2 * DAY, "email.opened")
    assert story.gains() == [2, 2, 2, round(2 * 2 ** (-1 / 14), 9), 0.5]


def test_an_occurrence_is_a_signal_that_this_rule_scored_zero_point_branches_included(
    tmp_path: Path,
) -> None:
    branches = (("data.mood",), {"good": Decimal(8), "bad": Decimal(0)}, None)
    repeat = ((Decimal(1), Decimal("0.5")), 30 * DAY)
    model = small(Rule("r", "t", when={"data.n": {"eq": 1}}, by=branches, repeat=repeat))
    catalog = written(model, tmp_path)
    # What the rule does not match is no occurrence; a branch of zero points is one.
    unmatched = Story(model, catalog).says(0, "t", n=2, mood="good").says(0, "t", n=1, mood="odd")
    assert unmatched.says(0, "t", n=1, mood="good").total(0) == 8
    assert Story(model, catalog).says(0, "t", n=1, mood="bad").says(0, "t", n=1, mood="good").total(0) == 4


def test_ordinals_count_up_to_64_occurrences_of_two_windows(tmp_path: Path) -> None:
    factors = tuple(Decimal(number) for number in range(1, 65))
    model = small(Rule("r", "t", Decimal(1), repeat=(factors, DAY), half_life=NONE))
    story = Story(model, written(model, tmp_path))
    for _ in range(70):
        story.says(0, "t")
    assert story.gains() == [*range(1, 65), *[64] * 6]
    # A day and an hour late: the newest are within two windows, its own window has none but itself.
    story.says(25 * HOUR, "t").says(25 * HOUR, "t", at=HOUR - 1).says(25 * HOUR, "t", at=-1)
    assert story.gains()[-3:] == [1, 64, 1]
    # Two days after those of the start all of them are forgotten.
    story.says(2 * DAY, "t").says(2 * DAY, "t", at=0)
    assert story.gains()[-2:] == [2, 1]


# Reset


@pytest.mark.requirement("S1-7")
def test_a_reset_takes_effect_in_log_order_all_that_was_folded_so_far_counts_0() -> None:
    story = Story().bump(0, 60).says(DAY, "email.unsubscribed", at=-DAY)
    assert (story.total(DAY), story.read(DAY).band) == (0, "cold")
    assert story.history()[-1].outcome == "reset"


def test_later_arrivals_count_only_if_their_at_is_after_the_resets() -> None:
    story = Story().says(DAY, "email.unsubscribed", at=HOUR)
    story.says(DAY, "form.submitted", at=HOUR, channel="organic", lead="ann")
    assert (story.total(DAY), story.history()[-1].outcome) == (0, "before_reset")
    story = Story().says(DAY, "email.unsubscribed", at=HOUR).bump(DAY, 14, at=HOUR + 1)
    assert story.total(HOUR + 1 + 14 * DAY) == 7


def test_a_second_reset_with_an_earlier_at_clears_all_and_opens_nothing() -> None:
    story = Story().says(DAY, "email.unsubscribed", at=DAY).bump(2 * DAY, 30)
    story.says(3 * DAY, "email.unsubscribed", at=HOUR).bump(3 * DAY, 40, at=2 * HOUR)
    assert story.total(3 * DAY) == 0


def test_with_a_reset_ordinals_clear_and_dedupe_ids_stay() -> None:
    story = Story()
    for number in range(3):
        story.says(0, "email.opened", name=f"open-{number}")
    story.says(0, "email.unsubscribed")
    story.says(1, "email.opened", name="open-0").says(1, "email.opened", name="open-3")
    assert story.total(1) == 2
    assert len(story.history()) == 5


# Ids


@pytest.mark.requirement("N-6")
def test_duplicates_by_id_are_dropped_whatever_their_age_type_and_data() -> None:
    story = Story().says(0, "form.submitted", channel="organic", name="x")
    story.says(14 * DAY, "status.changed", from_="prospect", to="lead", name="x")
    assert (story.total(14 * DAY), len(story.history())) == (15, 1)
    # Ids are a lead's own.
    story = Story().says(0, "email.replied", name="x").says(0, "email.replied", name="x", lead="bob")
    assert (story.total(0), story.total(0, "bob")) == (10, 10)


@pytest.mark.requirement("N-6")
@pytest.mark.parametrize(("others", "total"), [(15, 10), (16, 20)])
def test_the_last_16_distinct_ids_of_a_lead_are_remembered_an_older_duplicate_counts_again(
    others: int, total: int
) -> None:
    story = Story().says(0, "email.replied", name="x")
    for _ in range(others):
        story.says(0, "webinar.attended")
    assert story.says(0, "email.replied", name="x").total(0) == total


def test_an_id_that_came_again_is_among_the_last_ones_again() -> None:
    story = Story().says(0, "email.replied", name="x")
    for _ in range(15):
        story.says(0, "webinar.attended")
    story.says(0, "email.replied", name="x").says(0, "webinar.attended")
    assert story.says(0, "email.replied", name="x").total(0) == 10
