"""Sentences of the page on semantics that no other test shows by hand: a rule file, signals, a figure."""

from typing import Any

import pytest

from tests.scoring.folding import DAY, HOUR, T0, Log, Result, model_of, run

HEAD = 'name: s\nversion: "1"\nhalf_life: none\nbands: [{name: cold, from: 0}, {name: hot, from: 10}]\n'
TEN = "rules: [{id: a, on: a, points: 10}]\n"


def told(text: str, log: Log, **options: Any) -> Result:
    head = HEAD if "bands:" not in text else HEAD.split("bands:")[0]
    return run(log, model_of(head + text), **options)


def total(text: str, log: Log) -> float:
    return told(text, log).snapshot().total


def outcomes(result: Result) -> list[str]:
    return [entry.outcome for entry in result.history]


def test_of_a_group_only_the_first_rule_that_matches_scores() -> None:
    rules = """rules:
  - {id: a, on: x, when: {source: web}, points: 25, group: g}
  - {id: b, on: x, points: 10, group: g}
"""
    assert total(rules, Log().add("x", T0, source="web").add("x", T0)) == 35


def test_below_the_first_band_is_the_first_band_and_a_total_may_be_negative_or_beyond_100() -> None:
    below = told("rules: [{id: a, on: a, points: -7}]\n", Log().add("a", T0)).snapshot()
    assert (below.total, below.score, below.band) == (-7, 0, "cold")
    above = told("rules: [{id: a, on: a, points: 170}]\n", Log().add("a", T0)).snapshot()
    assert (above.total, above.score) == (170, 100)


def test_a_factor_fades_by_its_rule_else_its_category_else_the_model() -> None:
    text = """categories: {c: {decay: {half_life: 2d}}}
rules:
  - {id: own, on: a, points: 8, category: c, decay: {half_life: 1d}}
  - {id: of-category, on: a, points: 8, category: c}
  - {id: of-model, on: a, points: 8}
"""
    # After two days 2, 4 and, since the model's half-life is none, 8.
    assert total(text, Log().add("a", T0).add("lead.recompute", T0 + 2 * DAY)) == 14


def test_a_late_signal_of_an_inactivity_step_is_added_without_the_loss_of_its_time() -> None:
    rules = "rules: [{id: a, on: a, points: 80, decay: {inactivity_step: {percent: 5, every: 30d}}}]\n"
    # The activity on day 60 locks in 80 * 0.95 ** 2 = 72.2; the late one of day 10 adds all of its 80.
    log = Log().add("a", T0).add("a", T0 + 60 * DAY).add("a", T0 + 60 * DAY, at=T0 + 10 * DAY)
    assert total(rules, log) == pytest.approx(232.2, abs=1e-9)


def test_consent_is_withdrawn_from_its_own_time_on_and_facts_and_suppression_hold_all_the_same() -> None:
    log = Log().add("lead.updated", T0 + DAY, data={"consent": {"email": False}})
    log.add("email.replied", T0 + DAY, at=T0).add("email.replied", T0 + DAY).add("page.viewed", T0 + DAY)
    log.add("email.unsubscribed", T0 + DAY)
    rules = "rules: [{id: a, on: [email.replied, page.viewed, email.unsubscribed], points: 5}]\n"
    result = told(rules, log)
    assert outcomes(result) == ["noted", "scored", "no_consent", "scored", "no_consent"]
    assert result.snapshot().suppressed == ("all",)


@pytest.mark.parametrize(
    ("consent", "outcome"),
    [
        ({}, "no_consent"),
        ({"email": True}, "no_consent"),
        ({"tracking": True}, "scored"),
        ({"profiling": True}, "scored"),
    ],
)
def test_where_consent_is_required_one_that_covers_the_signal_must_be_true(
    consent: dict[str, bool], outcome: str
) -> None:
    log = Log().add("lead.updated", T0, data={"consent": consent}).add("page.viewed", T0)
    rules = "consent: required\nrules: [{id: a, on: page.viewed, points: 5}]\n"
    assert outcomes(told(rules, log))[1] == outcome


GUARDED = """
rules:
  - {id: a, on: a, points: 8}
  - {id: b, on: a, points: 100, guards: {half: 0}}
  - {id: wipe, on: wipe, effect: reset}
guards:
  - {id: half, on: [a, wipe], machine: true, weight: 0.5}
  - {id: quarter, on: a, user_agents: robot, weight: 0.25}
"""


def test_the_weights_of_guards_are_multiplied_where_a_rule_gives_none_of_its_own() -> None:
    text = GUARDED.replace("user_agents: robot", "user_agents: [robot]")
    result = told(text, Log().add("a", T0, data={"machine": True, "user_agent": "A Robot"}))
    assert result.snapshot().total == 1  # 8 * 0.5 * 0.25, and nothing of b
    assert result.history[0].flags == ("half", "quarter")
    assert result.snapshot().last_activity is None


def test_a_flagged_reset_is_one() -> None:
    text = GUARDED.replace("user_agents: robot", "user_agents: [robot]")
    log = Log().add("a", T0).add("wipe", T0 + 1, data={"machine": True})
    assert total(text, log) == 0


def test_the_last_four_sends_are_remembered_and_one_without_a_campaign_is_compared_with_any() -> None:
    text = """rules: [{id: a, on: email.opened, points: 1}]
guards: [{id: scan, on: email.opened, after_send: 10s}]
"""
    log = Log()
    for number in range(5):
        log.add("email.sent", T0 + number, data={"campaign": f"c{number}"})
    for campaign in ({"campaign": "c0"}, {"campaign": "c1"}, {}):
        log.add("email.opened", T0 + 100, data=campaign)
    log.add("email.opened", T0 + 10_004, data={"campaign": "c4"})
    assert [entry.flags for entry in told(text, log).history][5:] == [(), ("scan",), ("scan",), ()]


def test_a_late_first_signal_makes_no_earlier_second_one_score() -> None:
    text = "rules: [{id: a, on: a, points: 1}, {id: b, on: b, points: 10, after: {rule: a, within: 1d}}]\n"
    assert total(text, Log().add("a", T0).add("b", T0 + DAY)) == 11
    assert total(text, Log().add("a", T0).add("b", T0 + DAY + 1)) == 1
    assert total(text, Log().add("b", T0 + DAY).add("a", T0 + DAY, at=T0)) == 1


def test_occurrences_are_counted_over_all_values_also_those_worth_nothing() -> None:
    text = """rules:
  - id: a
    on: a
    by: {field: source, points: {x: 10, zero: 0}}
    repeat: {factors: [0, 1, 2]}
"""
    # Ordinals 1 (factor 0), 2 (worth 0) and 3.
    log = Log().add("a", T0, source="x").add("a", T0, source="zero").add("a", T0, source="x")
    assert total(text, log) == 20


def test_a_rule_suppresses_its_channel_until_the_lead_subscribes_again() -> None:
    text = """rules: [{id: a, on: a, points: 10}, {id: quiet, on: quiet, effect: suppress, channel: phone}]
actions: [{do: call, when: {rule: a}, channel: phone}, {do: mail, when: {rule: a}, channel: email}]
"""
    log = Log().add("quiet", T0).add("a", T0).add("email.resubscribed", T0).add("a", T0)
    result = told(text, log)
    assert result.skipped == [("call", "suppressed")]
    assert result.actions == ["mail", "call", "mail"]


def test_a_fact_of_null_is_not_known_any_more_and_numbers_may_be_texts() -> None:
    text = """fit:
  - {id: size, fact: size, ranges: [{from: 51, points: 10}, {from: 201, points: 15}], other: 1}
"""
    steps = [("1,000", 15), (" 51 ", 10), ("few", 1), (50.9, 1), (None, 0)]
    log = Log()
    for number, (value, _) in enumerate(steps):
        log.add("lead.updated", T0 + number, data={"size": value})
    assert [entry.after for entry in told(text, log).history] == [points for _, points in steps]


def test_after_a_reset_a_fact_counts_when_it_arrives_anew() -> None:
    text = "rules: [{id: w, on: w, effect: reset}]\nfit: [{id: f, fact: f, values: {x: 4}}]\n"
    log = Log().add("lead.updated", T0, data={"f": "x"}).add("w", T0 + 2)
    log.add("lead.updated", T0 + 3, at=T0 + 2, data={"f": "x"}).add("lead.updated", T0 + 3, data={"f": "x"})
    assert [entry.after for entry in told(text, log).history] == [4, 0, 0, 4]


EVERYTHING = """rules: [{id: a, on: a, points: 10, stage: warm}]
thresholds: [{at: 5}, {at: 10}]
stages: [{name: warm}]
spikes: [{id: rush, points: 10, within: 1d}]
actions:
  - {do: by-rule, when: {rule: a}, channel: c1}
  - {do: by-spike, when: {spike: rush}, channel: c2}
  - {do: by-stage, when: {stage: warm}, channel: c3}
  - {do: by-band, when: {band: hot}, channel: c4}
  - {do: at-ten, at: 10, channel: c5}
"""


def test_crossings_then_the_band_the_stage_spikes_and_rules_each_with_its_actions() -> None:
    result = told(EVERYTHING, Log().add("a", T0))
    assert [one.get("do") or one["type"].split(".", 1)[1] for one in result.outputs] == [
        "threshold.crossed", "threshold.crossed", "at-ten", "band.changed", "by-band",
        "stage.changed", "by-stage", "trigger.fired", "by-spike", "by-rule",
    ]  # fmt: skip


def test_stages_by_rules_go_to_the_furthest_and_back_to_none_by_a_reset() -> None:
    text = """rules:
  - {id: late, on: late, points: 1, stage: decided}
  - {id: soon, on: soon, points: 1, stage: aware}
  - {id: w, on: w, effect: reset}
stages: [{name: aware}, {name: decided}]
"""
    log = Log().add("other", T0).add("late", T0).add("soon", T0).add("w", T0 + 1).add("soon", T0 + 2)
    changes = [
        (one.get("previous_stage", ""), one.get("stage", ""))
        for one in told(text, log).of_type("lead.stage.changed")
    ]
    assert changes == [("", "decided"), ("decided", ""), ("", "aware")]


def fired(result: Result) -> list[tuple[str, int]]:
    """Triggers with the hours after the start at which they fired."""
    records = result.of_type("lead.trigger.fired")
    return [(one["trigger"], int(one["at"][8:10]) * 24 + int(one["at"][11:13]) - 24) for one in records]


def test_inactivity_counts_from_the_first_signal_and_fires_nothing_in_the_past() -> None:
    text = f"{TEN}timers: [{{id: idle, inactivity: 48h, points: -4}}]\n"
    never = told(text, Log().add("other", T0), until=T0 + 9 * DAY)
    assert fired(never) == [("timer:idle", 48)]
    # Three days late: the two days were over when it came; the points count all the same.
    late = told(text, Log().add("other", T0 + 3 * DAY, at=T0), until=T0 + 9 * DAY)
    assert fired(late) == []
    assert late.snapshot().total == -4
    ended = told(text, Log().add("a", T0).add("a", T0 + 3 * DAY), until=T0 + 4 * DAY)
    assert (fired(ended), ended.snapshot().total) == ([("timer:idle", 48)], 20)


WAITING = """rules: [{id: a, on: a, points: 10}, {id: w, on: w, effect: reset}]
timers: [{id: quiet, absence: {of: reply, within: 24h, rule: a}}]
"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (Log().add("a", T0), [24]),
        (Log().add("a", T0).add("a", T0 + 20 * HOUR), [44]),  # the time begins anew
        (Log().add("a", T0 + HOUR).add("reply", T0 + 5 * HOUR, at=T0 + HOUR), []),
        (Log().add("a", T0 + HOUR).add("reply", T0 + 5 * HOUR, at=T0 + HOUR - 1), [25]),  # from before
        (Log().add("a", T0).add("w", T0 + HOUR), []),
    ],
)
def test_an_absence_ends_with_an_answer_or_a_reset(log: Log, expected: list[int]) -> None:
    assert [hours for _, hours in fired(told(WAITING, log, until=T0 + 9 * DAY))] == expected


def test_a_spike_fires_again_only_after_it_was_below_and_counts_a_signal_once() -> None:
    text = """rules: [{id: a, on: a, points: 1}, {id: b, on: a, points: 1}]
spikes: [{id: s, count: 3, within: 10h}]
"""
    log = Log()
    for hour in (0, 1, 2, 3, 13, 14, 15):
        log.add("a", T0 + hour * HOUR)
    # At 13:00 the last within 10 h are one: that of 3:00 is out, exactly ten hours old.
    assert fired(told(text, log)) == [("spike:s", 2), ("spike:s", 15)]


def test_was_is_that_band_from_either_side_and_a_band_alone_is_from_below() -> None:
    text = """bands: [{name: low, from: 0}, {name: mid, from: 10}, {name: top, from: 20}]
rules: [{id: a, on: a, points: 10}, {id: b, on: b, points: -10}]
actions:
  - {do: up, when: {band: mid}, channel: c1}
  - {do: down, when: {band: mid, was: top}, channel: c2}
"""
    assert told(text, Log().add("a", T0).add("a", T0).add("b", T0)).actions == ["up", "down"]


def test_a_cooldown_counts_from_the_last_crossing_that_asked() -> None:
    text = """rules: [{id: a, on: a, points: 10}, {id: b, on: b, points: -10}]
thresholds: [{at: 10, cooldown: 24h}]
actions: [{do: call, at: 10, channel: c}]
"""
    log = Log()
    for hour in (0, 20, 24):
        log.add("a", T0 + hour * HOUR).add("b", T0 + hour * HOUR)
    result = told(text, log)
    assert (result.actions, result.skipped) == (["call", "call"], [("call", "cooldown")])


DEFERRED = """rules: [{id: a, on: a, points: 10}, {id: b, on: b, points: -10}]
thresholds: [{at: 10}]
actions:
  - {do: call, at: 10, channel: c, dedupe: 1d, hours: {from: "09:00", to: "10:00", outside: defer}}
"""


def test_what_waits_is_judged_at_the_next_opening_and_holds_up_the_same_again() -> None:
    # The first of January 2026 is a Thursday.
    stays = told(DEFERRED, Log().add("a", T0), until=T0 + DAY)
    assert stays.skipped == [("call", "deferred")]
    assert stays.of_type("lead.action.skipped")[0]["until"].startswith("2026-01-01T09:00:00")
    assert stays.of_type("lead.action.requested")[0]["at"].startswith("2026-01-01T09:00:00")
    falls = told(DEFERRED, Log().add("a", T0).add("b", T0), until=T0 + DAY)
    assert (falls.actions, falls.skipped) == ([], [("call", "deferred"), ("call", "no_longer")])
    again = told(DEFERRED, Log().add("a", T0).add("b", T0).add("a", T0), until=T0 + DAY)
    assert (again.actions, again.skipped) == (["call"], [("call", "deferred"), ("call", "repeated")])


def test_sixteen_actions_wait_and_no_more() -> None:
    text = DEFERRED.replace("at: 10, channel: c, dedupe: 1d", "when: {rule: a}, channel: c")
    log = Log()
    for number in range(18):
        log.add("a", T0 + number)
    result = told(text, log, until=T0 + DAY)
    assert [reason for _, reason in result.skipped] == ["deferred"] * 16 + ["outside_hours"] * 2
    assert len(result.actions) == 16


@pytest.mark.requirement("S2-13")
@pytest.mark.requirement("S3-18")
def test_an_owner_is_the_fact_else_the_one_given_else_the_next() -> None:
    text = f"{TEN}actions: [{{do: own, when: {{rule: a}}, channel: c, assign: {{owners: [ann, bob]}}}}]\n"
    log = Log().add("a", T0).add("a", T0, lead="l2").add("a", T0)
    log.add("lead.updated", T0, data={"owner": "eve"}).add("a", T0).add("a", T0, lead="l3")
    requests = told(text, log).of_type("lead.action.requested")
    assert [one["payload"]["owner"] for one in requests] == ["ann", "bob", "ann", "eve", "ann"]


@pytest.mark.requirement("S1-13")
@pytest.mark.requirement("S2-13")
@pytest.mark.parametrize("cap", ["", ", category: capped"])
def test_a_snapshot_says_whose_the_lead_is(cap: str) -> None:
    text = (
        f"{TEN}categories: {{capped: {{cap: 40}}}}\n"
        "actions: [{do: own, when: {rule: a}, channel: c, assign: {owners: [ann, bob]}}]\n"
    ).replace("points: 10", f"points: 10{cap}", 1)
    log = Log().add("a", T0).add("a", T0, lead="l2").add("lead.updated", T0, lead="l2", data={"owner": "eve"})
    log.add("lead.updated", T0, lead="l3", data={"owner": "dan", "title": "owner"})
    log.add("lead.updated", T0, lead="l4", data={"owner": 5, "title": "owner"}).add("b", T0, lead="l5")
    result = told(text, log)
    assert [result.snapshot(f"l{number}").owner for number in range(1, 6)] == ["ann", "eve", "dan", "", ""]
    # Forgotten, the fact gives way to whom the lead was given to.
    log.add("lead.updated", T0 + 1, lead="l2", data={"owner": None})
    log.add("lead.updated", T0 + 1, lead="l3", data={"owner": ""})
    result = told(text, log)
    assert [result.snapshot(lead).owner for lead in ("l2", "l3")] == ["bob", ""]
    # Who gets an action alone is not whose the lead is.
    assert told(text.replace("bob]", "bob], sticky: false"), log).snapshot("l1").owner == ""


def test_what_no_rule_knows_is_unmatched_and_a_request_to_write_is_noted() -> None:
    assert outcomes(told(TEN, Log().add("other", T0).add("lead.recompute", T0))) == ["unmatched", "noted"]
