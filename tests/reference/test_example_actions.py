"""Actions, skips, suppression and facts worked out by hand, each for a sentence of the semantics."""

import json
from typing import Any

import pytest

from .rules import DAY, HOUR
from .story import PHONE, Story

NURTURE, CALL = "soft-nurture", "voice-lead-qualifier"


def ready() -> Story:
    """A lead with a phone."""
    return Story().phone(0)


# What is requested


@pytest.mark.requirement("S0-5")
@pytest.mark.requirement("S1-12")
def test_80_asks_for_the_call_with_the_phone_and_50_for_the_nurture() -> None:
    story = ready().bump(0, 51).bump(HOUR, 40)
    assert story.events() == [
        "0 up 50 by signal s1",
        f"0 requested {NURTURE} by signal s1",
        "0 band warm by signal s1",
        "1h up 80 by signal s2",
        f"1h requested {CALL} by signal s2",
        "1h band hot by signal s2",
    ]
    bodies = [json.loads(value or b"") for _, value, _ in story.run().messages]
    [call] = [body for body in bodies if body.get("do") == CALL]
    assert call["payload"]["phone"] == "+4930901820"
    assert (call["channel"], call["signal"]["id"]) == ("phone", "s2")


@pytest.mark.requirement("S0-9")
def test_a_bump_fires_the_action_like_any_signal() -> None:
    story = ready().says(0, "score.bumped", set=80, by="ann", why="try the flow")
    assert story.actions() == [f"0 requested {NURTURE} by signal s1", f"0 requested {CALL} by signal s1"]


@pytest.mark.requirement("S0-9")
def test_set_adds_x_minus_the_total_at_now_and_either_form_decays() -> None:
    story = Story().says(0, "form.submitted", channel="organic").bump(14 * DAY, 5)
    # 15 and 5 are 20; an hour late or not, after it the total is 80.
    story.says(14 * DAY, "score.bumped", at=14 * DAY - HOUR, set=80, by="ann", why="test")
    assert story.gains() == [30, 5, 60]
    assert story.total(28 * DAY) == 40


@pytest.mark.requirement("S0-9")
@pytest.mark.parametrize(
    "data",
    [
        {"points": 5, "set": 5, "by": "ann", "why": "x"},
        {"by": "ann", "why": "x"},
        {"points": 5, "why": "x"},
        {"points": 5, "by": "ann"},
        {"points": 5, "by": "ann", "why": ""},
        {"points": "5", "by": "ann", "why": "x"},
        {"points": True, "by": "ann", "why": "x"},
    ],
)
def test_a_bump_without_exactly_one_of_points_and_set_or_without_by_and_why_is_a_dead_letter(
    data: dict[str, object],
) -> None:
    story = Story().bump(0, 10, name="x")
    story.says(0, "score.bumped", name="y", **data)  # type: ignore[arg-type]
    # Its id was not used up, and now has moved.
    story.bump(0, 1, name="y")
    headers = dict(story.run().dead_letters[0][2])
    assert (story.total(0), headers["leadstream-reason"]) == (11, b"bad_signal")


# Repeated


@pytest.mark.requirement("S0-6")
@pytest.mark.requirement("S0-7")
def test_a_second_crossing_within_24_h_is_skipped_and_at_exactly_24_h_it_fires_again() -> None:
    def again(after: int) -> str:
        story = ready().bump(0, 85).bump(HOUR, -85)
        return story.says(after, "score.bumped", set=85, by="ann", why="x").actions()[-1]

    assert again(DAY - 1).endswith(f"skipped {CALL} as repeated")
    assert again(DAY) == f"1d requested {CALL} by signal s3"


@pytest.mark.requirement("S0-6")
@pytest.mark.requirement("S0-7")
def test_the_window_slides_from_the_last_requested_action_and_skips_use_nothing_up() -> None:
    story = Story()
    for hour in (0, 20, 24, 47, 48):
        story.says(hour * HOUR, "score.bumped", set=60, by="ann", why="x")
        story.says(hour * HOUR, "score.bumped", set=0, by="ann", why="x")
    assert [action.split()[:2] for action in story.actions()] == [
        ["0", "requested"], ["20h", "skipped"], ["1d", "requested"], ["47h", "skipped"], ["2d", "requested"],
    ]  # fmt: skip


@pytest.mark.requirement("S0-7")
def test_the_key_is_the_lead_and_the_action() -> None:
    story = Story().bump(0, 60).bump(0, -60).bump(HOUR, 90).bump(HOUR, 60, lead="bob")
    assert story.actions() == [
        f"0 requested {NURTURE} by signal s0",
        f"1h skipped {NURTURE} as repeated",
        f"1h skipped {CALL} as no_phone",
        f"1h requested {NURTURE} by signal s3",
    ]


# Phones


@pytest.mark.requirement("S0-11")
@pytest.mark.requirement("S0-12")
@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        (PHONE, None),
        ("+4930901820", None),
        ("+1.212.456.7890", None),
        ("0049 30 901820", "invalid_phone"),
        ("030 901820", "invalid_phone"),
        ("+49", "invalid_phone"),
        ("+1 212 456 789", "invalid_phone"),
        ("+49 (0)30 901820", None),
        ("+49 30 901820 ext 5", None),
        ("call me", "invalid_phone"),
        ("+49 30 901820 or 901821", "invalid_phone"),
        (4930901820, "invalid_phone"),
        ("", "no_phone"),
        (None, "no_phone"),
    ],
)
def test_a_phone_is_normalised_needs_its_plus_and_is_valid_or_the_call_is_skipped(
    phone: object, reason: str | None
) -> None:
    call = Story().phone(0, phone).bump(0, 85).actions()[-1]
    assert call == (f"0 skipped {CALL} as {reason}" if reason else f"0 requested {CALL} by signal s1")


@pytest.mark.requirement("S0-11")
def test_a_phone_that_arrives_later_waits_for_the_next_crossing() -> None:
    story = Story().bump(0, 85).phone(0).bump(0, 1).bump(HOUR, -50).bump(HOUR, 50)
    assert story.actions() == [
        f"0 requested {NURTURE} by signal s0",
        f"0 skipped {CALL} as no_phone",
        f"1h skipped {NURTURE} as repeated",
        f"1h requested {CALL} by signal s4",
    ]


def test_facts_are_the_last_writers_by_at() -> None:
    # The number of the second day came first; that of the first day does not replace it.
    late = Story().phone(2 * DAY).phone(2 * DAY, "030 901820", at=DAY).bump(2 * DAY, 85)
    assert late.actions()[-1] == f"2d requested {CALL} by signal s2"
    newer = Story().phone(2 * DAY, at=DAY).phone(2 * DAY, "030 901820").bump(2 * DAY, 85)
    assert newer.actions()[-1] == f"2d skipped {CALL} as invalid_phone"
    same = Story().phone(0, "030 901820").phone(0).bump(0, 85)
    assert same.actions()[-1] == f"0 requested {CALL} by signal s2"
    # What says that it is of the future is of now: a later one replaces it.
    future = Story().phone(0, "030 901820", at=900 * DAY).phone(1).bump(1, 85)
    assert future.actions()[-1] == f"1ms requested {CALL} by signal s2"


def test_a_fact_stays_when_another_is_learnt() -> None:
    story = ready().says(0, "lead.enriched", title="CTO").bump(0, 85)
    assert story.actions()[-1] == f"0 requested {CALL} by signal s2"


# Suppression


@pytest.mark.requirement("S1-7")
@pytest.mark.requirement("S0-12")
@pytest.mark.parametrize("kind", ["hard", "soft", None])
def test_a_bounce_of_either_kind_suppresses_actions_of_channel_email_alone(kind: str | None) -> None:
    story = ready().says(0, "email.bounced", kind=kind).bump(0, 105)
    assert story.actions() == [f"0 skipped {NURTURE} as suppressed", f"0 requested {CALL} by signal s2"]
    # Scoring goes on.
    assert story.total(0) == 85


@pytest.mark.requirement("S1-7")
def test_a_bounce_suppresses_until_the_email_fact_changes() -> None:
    def nurture(*emails: str | None) -> str:
        story = Story().says(0, "lead.created", email="old@example.com").says(0, "email.bounced")
        for email in emails:
            data: dict[str, Any] = {"email": email} if email else {"title": "CTO"}
            story.says(1, "lead.updated", **data)
        return story.bump(1, 75).actions()[-1].split(maxsplit=1)[1]

    suppressed = f"skipped {NURTURE} as suppressed"
    assert nurture() == nurture(None) == nurture("old@example.com") == suppressed
    assert nurture("new@example.com").startswith(f"requested {NURTURE}")


def test_an_email_fact_of_before_the_known_one_changes_nothing() -> None:
    story = Story().says(DAY, "lead.created", email="new@example.com").says(DAY, "email.bounced")
    story.says(DAY, "lead.updated", at=HOUR, email="old@example.com").bump(DAY, 75)
    assert story.actions() == [f"1d skipped {NURTURE} as suppressed"]


def test_an_email_that_becomes_known_after_a_bounce_may_be_the_one_that_bounced() -> None:
    story = Story().says(0, "email.bounced").says(0, "lead.created", email="a@example.com").bump(0, 75)
    assert story.actions() == [f"0 skipped {NURTURE} as suppressed"]


@pytest.mark.requirement("S1-7")
def test_a_bounce_suppresses_until_email_resubscribed() -> None:
    story = Story().says(0, "email.bounced").says(0, "email.resubscribed").bump(0, 75)
    assert story.actions() == [f"0 requested {NURTURE} by signal s2"]


@pytest.mark.requirement("S1-7")
@pytest.mark.parametrize("kind", ["email.unsubscribed", "email.complained"])
def test_unsubscribe_and_spam_complaint_suppress_all_outreach_until_email_resubscribed(kind: str) -> None:
    story = ready().says(0, "lead.created", email="old@example.com").says(0, kind)
    story.says(1, "lead.updated", email="new@example.com").bump(1, 85).bump(1, -85)
    story.says(2, "email.resubscribed").bump(2, 85)
    assert story.actions() == [
        f"1ms skipped {NURTURE} as suppressed",
        f"1ms skipped {CALL} as suppressed",
        f"2ms requested {NURTURE} by signal s7",
        f"2ms requested {CALL} by signal s7",
    ]
    assert [entry.outcome for entry in story.history()][2] == ("reset" if "unsub" in kind else "noted")


def test_resubscribing_does_not_bring_back_what_the_reset_took() -> None:
    story = Story().bump(0, 60).says(0, "email.unsubscribed").says(1, "email.resubscribed")
    assert (story.total(1), story.actions()) == (0, [f"0 requested {NURTURE} by signal s0"])
