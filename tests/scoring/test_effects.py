"""Reset, suppression, facts, bumps, repeated ids; in the order of the log."""

import pytest

from leadstream.models import load_catalog
from leadstream.scoring.decay.totals import sum_at
from leadstream.scoring.lead.effects import MAX_BUMP
from leadstream.scoring.state.facts import EXPECTED, MAX_OTHERS, Facts, learn, unpack
from tests.scoring.folding import DAY, HOUR, T0, Log, model_of, run

TENX = load_catalog("tenx").default
ORGANIC = {"channel": "organic"}


def bump(log: Log, now: int, **data: object) -> Log:
    return log.add("score.bumped", now, data={"by": "ann", "why": "test", **data})


def test_after_a_reset_only_signals_that_happened_later_count() -> None:
    log = Log().add("email.unsubscribed", T0 + HOUR)
    log.add("form.submitted", T0 + 2 * HOUR, at=T0, data=ORGANIC)
    log.add("form.submitted", T0 + 2 * HOUR, at=T0 + HOUR, data=ORGANIC)
    log.add("form.submitted", T0 + 2 * HOUR, at=T0 + HOUR + 1, data=ORGANIC)
    history = run(log, TENX).history
    assert [entry.outcome for entry in history] == ["reset", "before_reset", "before_reset", "scored"]
    assert [round(entry.points, 6) for entry in history[:3]] == [0, 0, 0]
    assert history[3].points == pytest.approx(30, rel=0.01)


def test_a_reset_that_arrives_late_clears_all_that_was_folded() -> None:
    log = Log().add("form.submitted", T0 + DAY, data=ORGANIC)
    log.add("email.unsubscribed", T0 + 2 * DAY, at=T0)
    log.add("form.submitted", T0 + 2 * DAY, at=T0 + HOUR, data=ORGANIC)
    history = run(log, TENX).history
    # Log order: the form of a day later counts nothing any more, one that arrives after the reset does.
    assert history[1].after == 0
    assert history[2].outcome == "scored"


def test_an_earlier_reset_keeps_its_edge_when_a_later_one_names_an_older_time() -> None:
    log = Log().add("email.unsubscribed", T0 + 2 * HOUR).add("email.unsubscribed", T0 + 3 * HOUR, at=T0)
    log.add("form.submitted", T0 + 4 * HOUR, at=T0 + HOUR, data=ORGANIC)
    assert [entry.outcome for entry in run(log, TENX).history] == ["reset", "reset", "before_reset"]


def test_a_reset_clears_ordinals_and_keeps_ids() -> None:
    log = Log()
    for _ in range(5):
        log.add("email.opened", T0)
    log.add("email.unsubscribed", T0 + HOUR).add("email.opened", T0 + 2 * HOUR)
    log.add("email.opened", T0 + 2 * HOUR, id="s0")
    result = run(log, TENX)
    assert result.history[-1].points == 2
    assert len(result.history) == 7
    assert result.steps[0].counts.outcomes["email.opened", "duplicate"] == 1


def test_a_reset_gives_no_points_also_where_other_rules_match_the_signal() -> None:
    model = model_of(
        """
        name: m
        version: "1"
        half_life: 1d
        rules:
          - {id: wiped, on: wipe, effect: reset}
          - {id: other, on: wipe, points: 5}
        bands: [{name: all, from: 0}]
        """
    )
    entry = run(Log().add("wipe", T0), model).history[0]
    assert (entry.outcome, entry.after, entry.contributions) == ("reset", 0, ())


@pytest.mark.parametrize("lifting", [("email.resubscribed", {}), ("lead.updated", {"email": "new@x.test"})])
def test_mail_is_suppressed_by_a_bounce_until_the_address_changes(
    lifting: tuple[str, dict[str, str]],
) -> None:
    log = (
        Log()
        .add("lead.created", T0, data={"email": "old@x.test"})
        .add("email.bounced", T0, data={"kind": "soft"})
    )
    log.add("lead.updated", T0, data={"email": "old@x.test", "title": "CTO"})
    assert run(log, TENX).snapshot().suppressed == ("email",)
    log.add(lifting[0], T0, data=lifting[1])
    bump(log, T0, set=50)
    result = run(log, TENX)
    assert result.snapshot().suppressed == ()
    assert result.actions == ["soft-nurture"]


def test_a_first_address_after_a_bounce_may_be_the_one_that_bounced() -> None:
    log = Log().add("email.bounced", T0).add("lead.updated", T0, data={"email": "a@x.test"})
    assert run(log, TENX).snapshot().suppressed == ("email",)


def test_an_address_known_earlier_but_older_does_not_lift_a_bounce() -> None:
    log = Log().add("lead.created", T0 + HOUR, data={"email": "a@x.test"}).add("email.bounced", T0 + HOUR)
    log.add("lead.updated", T0 + HOUR, at=T0, data={"email": "b@x.test"})
    assert run(log, TENX).snapshot().suppressed == ("email",)


def test_a_complaint_suppresses_all_until_the_lead_subscribes_again() -> None:
    log = Log().add("lead.created", T0, data={"phone": "+4930123456", "email": "a@x.test"})
    log.add("email.complained", T0).add("lead.updated", T0, data={"email": "b@x.test"})
    bump(log, T0, set=90)
    result = run(log, TENX)
    assert result.skipped == [("soft-nurture", "suppressed"), ("voice-lead-qualifier", "suppressed")]
    assert result.snapshot().total == pytest.approx(90)
    log.add("email.resubscribed", T0)
    bump(log, T0, set=0)
    bump(log, T0, set=90)
    assert run(log, TENX).actions == ["soft-nurture", "voice-lead-qualifier"]


def test_suppression_is_named_before_the_phone_and_the_phone_before_repetition() -> None:
    log = Log().add("email.complained", T0)
    bump(log, T0, set=90)
    assert run(log, TENX).skipped == [("soft-nurture", "suppressed"), ("voice-lead-qualifier", "suppressed")]
    log = bump(Log().add("lead.created", T0, data={"phone": "+4930123456"}), T0, set=90)
    bump(log.add("lead.updated", T0, data={"phone": "030"}), T0, set=10)
    assert run(bump(log, T0, set=90), TENX).skipped == [
        ("soft-nurture", "repeated"), ("voice-lead-qualifier", "invalid_phone"),
    ]  # fmt: skip


def test_a_phone_that_arrives_later_waits_for_the_next_crossing() -> None:
    log = bump(Log(), T0, set=90).add("lead.created", T0, data={"phone": "+4930123456"})
    assert run(log, TENX).actions == ["soft-nurture"]
    bump(bump(log, T0, set=70), T0, set=80)
    assert run(log, TENX).actions == ["soft-nurture", "voice-lead-qualifier"]


def test_facts_are_kept_per_field_by_time_and_ties_go_to_the_later_in_the_log() -> None:
    log = Log().add("lead.created", T0 + HOUR, data={"phone": "1", "title": "CEO"})
    log.add("lead.updated", T0 + 2 * HOUR, at=T0, data={"phone": "2", "country": "DE"})
    log.add("lead.enriched", T0 + 3 * HOUR, at=T0 + HOUR, data={"title": "CTO", "consent": {"email": False}})
    log.add("lead.updated", T0 + 4 * HOUR, data={"country": None})
    ((_, state),) = run(log, TENX).fold.leads()
    assert unpack(state.facts) == {
        "phone": ("1", T0 + HOUR), "title": ("CTO", T0 + HOUR), "country": (None, T0 + 4 * HOUR),
        "consent.email": (False, T0 + HOUR),
    }  # fmt: skip


def test_facts_are_bounded_and_those_that_matter_always_find_room() -> None:
    facts: Facts = {}
    learn(facts, {f"field{number}": number for number in range(100)}, T0)
    learn(facts, {"phone": "+49", "title": "x" * 513, "owner": ["a"], "n" * 65: 1, "revenue": 2**53 + 1}, T0)
    learn(facts, {"field0": "changed", "field99": 1}, T0)
    assert len(facts) == MAX_OTHERS + 1
    assert facts["phone"] == ("+49", T0)
    assert facts["field0"] == ("changed", T0)
    learn(facts, {name: 1 for name in EXPECTED if "." not in name}, T0)
    assert len(facts) == MAX_OTHERS + len([name for name in EXPECTED if "." not in name])


def test_a_bump_adds_points_from_its_own_time_and_decays_like_the_model() -> None:
    log = bump(Log(), T0 + 14 * DAY, points=40)
    late = Log().add("score.bumped", T0 + 14 * DAY, at=T0, data={"points": 40, "by": "ann", "why": "late"})
    assert run(log, TENX).snapshot().total == 40
    assert run(late, TENX).snapshot().total == pytest.approx(20, abs=1e-9)


def test_a_bump_can_set_the_total_at_now_whatever_its_own_time() -> None:
    log = Log().add("form.submitted", T0, data=ORGANIC)
    log.add("score.bumped", T0 + DAY, at=T0, data={"set": 12.5, "by": "ann", "why": "too high"})
    log.add("lead.recompute", T0 + 15 * DAY)
    history = run(log, TENX).history
    assert history[1].after == pytest.approx(12.5, abs=1e-9)
    assert history[2].after == pytest.approx(6.25, abs=1e-9)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"points": 5},
        {"points": 5, "by": "ann"},
        {"points": 5, "why": "because"},
        {"points": 5, "by": "ann", "why": "  "},
        {"points": 5, "by": 7, "why": "because"},
        {"by": "ann", "why": "because"},
        {"points": 5, "set": 5, "by": "ann", "why": "because"},
        {"points": "5", "by": "ann", "why": "because"},
        {"points": True, "by": "ann", "why": "because"},
        {"points": None, "by": "ann", "why": "because"},
        {"points": MAX_BUMP + 1, "by": "ann", "why": "because"},
        {"set": 10**400, "by": "ann", "why": "because"},
    ],
)
def test_an_incomplete_bump_is_a_dead_letter_and_changes_nothing(data: dict[str, object]) -> None:
    log = bump(Log(), T0, points=10).add("score.bumped", T0, data=data)
    result = run(log, TENX)
    assert result.reasons == ["bad_signal"]
    assert result.snapshot().total == 10
    assert len(result.history) == 1


def test_an_incomplete_bump_whose_id_is_known_is_a_dead_letter_too() -> None:
    log = bump(Log(), T0, points=10).add("score.bumped", T0, id="s0", data={"points": 5})
    assert run(log, TENX).reasons == ["bad_signal"]


def test_what_large_bumps_leave_when_they_cancel_is_the_same_in_total_and_explanation() -> None:
    log = Log().add("form.submitted", T0, data=ORGANIC)
    for number in range(4001):
        bump(log, T0 + number * 7919, points=999_999.1 if number % 2 else -999_999.7)
    bump(log, T0 + 10 * HOUR, set=3)
    snapshot = run(log, TENX).snapshot()
    assert snapshot.total == pytest.approx(3, abs=1e-9)
    assert sum_at(snapshot.accumulators, snapshot.at, {}) == pytest.approx(3, abs=1e-9)


@pytest.mark.requirement("N-6")
def test_the_last_sixteen_distinct_ids_are_known() -> None:
    log = Log()
    for number in range(16):
        log.add("email.opened", T0, id=f"id{number}")
    log.add("email.opened", T0, id="id0").add("email.opened", T0, id="id16")
    # id0 was met again, so id1 is the oldest and makes room.
    log.add("email.opened", T0, id="id0").add("email.opened", T0, id="id2").add("email.opened", T0, id="id1")
    result = run(log, TENX)
    assert [entry.signal for entry in result.history] == [f"id{number}" for number in range(17)] + ["id1"]
    outcomes = result.steps[0].counts.outcomes
    assert outcomes == {("email.opened", "scored"): 18, ("email.opened", "duplicate"): 3}


@pytest.mark.requirement("N-6")
def test_an_id_is_known_to_its_lead_only() -> None:
    log = Log().add("email.opened", T0, id="same").add("email.opened", T0, id="same", lead="l2")
    assert len(run(log, TENX).history) == 2


def test_types_without_a_rule_are_remembered_counted_and_change_nothing() -> None:
    log = Log().add("video.watched", T0, id="v").add("video.watched", T0, id="v").add("lead.recompute", T0)
    result = run(log, TENX)
    assert [entry.outcome for entry in result.history] == ["unmatched", "noted"]
    assert result.steps[0].counts.outcomes == {
        ("other", "unmatched"): 1, ("other", "duplicate"): 1, ("lead.recompute", "noted"): 1,
    }  # fmt: skip


def test_the_last_activity_is_that_of_signals_with_positive_points() -> None:
    log = Log().add("email.opened", T0 + HOUR).add("email.opened", T0 + 2 * HOUR, at=T0)
    log.add("email.bounced", T0 + 3 * HOUR).add(
        "email.replied", T0 + 4 * HOUR, data={"sentiment": "negative"}
    )
    bump(log, T0 + 5 * HOUR, points=5)
    assert run(log, TENX).snapshot().last_activity == T0 + HOUR


def test_an_address_that_was_forgotten_and_comes_back_may_be_the_one_that_bounced() -> None:
    log = Log().add("lead.created", T0, data={"email": "a@x.test"}).add("email.bounced", T0)
    log.add("lead.updated", T0 + HOUR, data={"email": None})
    log.add("lead.updated", T0 + 2 * HOUR, data={"email": "a@x.test"})
    assert run(log, TENX).snapshot().suppressed == ("email",)
