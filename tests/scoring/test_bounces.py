"""What bounces do to e-mail, by their kind; what lifts that, and when it ends by itself."""

from typing import Any

import pytest

from leadstream.records.times import rfc3339
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.lead.merge import absorb
from leadstream.scoring.partition.snapshot import snapshot
from leadstream.scoring.state.lead_state import decode_state
from tests.scoring.folding import APP, DAY, HOUR, T0, TOPIC, Log, Result, model_of, run

RULES = """
name: m
version: "1"
half_life: none
{more}
rules:
  - {{id: go, on: go, points: 10}}
  - {{id: opened, on: email.opened, points: 1}}
  - {{id: bounced, on: email.bounced, points: -1, effect: [points, suppress], channel: email}}
guards:
  - {{id: machine, on: [email.opened, email.clicked, email.delivered], machine: true, weight: 1}}
bands: [{{name: cold, from: 0}}]
actions:
  - {{do: mail, when: {{rule: go}}, channel: email}}
  - {{do: call, when: {{rule: go}}, channel: phone}}
"""
MODEL = model_of(RULES.format(more=""))
SOFT, BLOCKED, HARD = {"kind": "soft"}, {"kind": "blocked"}, {"kind": "hard"}
WEEK = 7 * DAY


def told(log: Log, model: Any = MODEL) -> list[str]:
    """Of each `go` whether the mail went out."""
    result = run(log, model)
    return [one["type"].split(".")[2] for one in result.outputs if one.get("do") == "mail"]


def mailable(result: Result) -> bool:
    return "email" not in result.snapshot().suppressed


@pytest.mark.parametrize("data", [SOFT, BLOCKED, {"kind": " Soft "}, {"kind": "BLOCKED"}])
def test_a_bounce_that_passes_suppresses_mail_for_seven_days_to_the_millisecond(data: dict[str, Any]) -> None:
    log = Log().add("email.bounced", T0, data=data)
    log.add("go", T0).add("go", T0 + WEEK - 1).add("go", T0 + WEEK)
    assert told(log) == ["skipped", "skipped", "requested"]


@pytest.mark.parametrize("data", [HARD, {}, {"kind": None}, {"kind": "transient"}, {"kind": 3}, {"kind": ""}])
def test_any_other_bounce_suppresses_mail_whatever_gets_through(data: dict[str, Any]) -> None:
    log = Log().add("email.bounced", T0, data=data)
    log.add("email.delivered", T0 + DAY).add("email.clicked", T0 + DAY).add("go", T0 + 400 * DAY)
    assert told(log) == ["skipped"]
    log.add("email.resubscribed", T0 + 401 * DAY).add("go", T0 + 401 * DAY)
    assert told(log) == ["skipped", "requested"]


def test_the_end_of_a_suppression_is_written_at_its_instant_and_asks_for_nothing() -> None:
    log = Log().add("go", T0).add("email.bounced", T0 + 1, data=SOFT)
    before = run(log, MODEL, until=T0 + WEEK)
    assert before.snapshot().suppressed == ("email",)
    after = run(log, MODEL, until=T0 + 1 + WEEK)
    assert after.snapshot().suppressed == ()
    assert rfc3339(after.snapshot().at) == rfc3339(T0 + 1 + WEEK)
    assert [one["do"] for one in after.outputs] == ["mail", "call"]
    # Nothing is left to wait for.
    assert after.fold.next_due() is None


def test_each_soft_bounce_begins_the_week_anew() -> None:
    log = Log().add("email.bounced", T0, data=SOFT).add("email.bounced", T0 + 5 * DAY, data=SOFT)
    log.add("go", T0 + 12 * DAY - 1).add("go", T0 + 12 * DAY)
    assert told(log) == ["skipped", "requested"]


@pytest.mark.parametrize(
    ("days", "good"),
    [([0, 10, 29.9], False), ([0, 10, 30], True), ([0, 25, 50], True), ([0, 25, 50, 54], False)],
)
def test_three_within_thirty_days_suppress_for_good(days: list[float], good: bool) -> None:
    log = Log()
    for day in days:
        log.add("email.bounced", T0 + int(day * DAY), data=SOFT)
    log.add("go", T0 + 300 * DAY)
    assert told(log) == ["requested" if good else "skipped"]


def test_bounces_are_counted_by_their_own_time_and_one_id_once() -> None:
    late = Log().add("email.bounced", T0, data=SOFT).add("email.bounced", T0 + 40 * DAY, data=SOFT)
    # Arrives last, and stands between the two: no thirty days have three.
    late.add("email.bounced", T0 + 41 * DAY, at=T0 + 10 * DAY, data=SOFT).add("go", T0 + 90 * DAY)
    assert told(late) == ["requested"]
    late.add("email.bounced", T0 + 91 * DAY, at=T0 + 20 * DAY, data=SOFT).add("go", T0 + 91 * DAY)
    assert told(late) == ["requested", "skipped"]
    again = Log()
    for _ in range(3):
        again.add("email.bounced", T0, data=SOFT, id="b1")
    assert told(again.add("go", T0 + 8 * DAY)) == ["requested"]


def test_a_bounce_that_comes_late_suppresses_from_its_own_time_on() -> None:
    log = Log().add("email.bounced", T0 + 6 * DAY, at=T0, data=SOFT)
    log.add("go", T0 + WEEK - 1).add("go", T0 + WEEK)
    assert told(log) == ["skipped", "requested"]
    log = Log().add("email.bounced", T0 + 8 * DAY, at=T0, data=SOFT).add("go", T0 + 8 * DAY)
    assert told(log) == ["requested"]


@pytest.mark.parametrize("kind", ["email.delivered", "email.opened", "email.clicked"])
def test_what_gets_through_lifts_what_soft_bounces_did(kind: str) -> None:
    log = Log()
    for hour in range(3):
        log.add("email.bounced", T0 + hour * HOUR, data=SOFT)
    log.add("go", T0 + 3 * HOUR).add(kind, T0 + 3 * HOUR).add("go", T0 + 3 * HOUR)
    assert told(log) == ["skipped", "requested"]
    # They count no more, either.
    log.add("email.bounced", T0 + 4 * HOUR, data=SOFT).add("go", T0 + 8 * DAY)
    assert told(log)[-1] == "requested"


def test_the_signal_that_lifts_may_ask_for_mail_itself_and_is_understood() -> None:
    log = Log().add("email.bounced", T0, data=SOFT).add("email.clicked", T0 + 1).add("email.clicked", T0 + 2)
    result = run(log.add("email.delivered", T0 + 3), MODEL)
    assert [one.outcome for one in result.history] == ["scored", "noted", "unmatched", "noted"]
    assert mailable(result)


@pytest.mark.parametrize(
    ("at", "data"),
    [
        (T0 + HOUR, {}),  # of the very time of the bounce
        (T0, {}),  # earlier, and later in the log
        (T0 + 2 * HOUR, {"machine": True}),
        (T0 + 2 * HOUR, {"email": "old@x.test"}),
        (T0 + 2 * HOUR, {"email": 7}),
    ],
)
def test_what_shows_nothing_of_the_present_address_lifts_nothing(at: int, data: dict[str, Any]) -> None:
    log = Log().add("lead.created", T0, data={"email": "ann@x.test"})
    log.add("email.bounced", T0 + HOUR, data=SOFT)
    log.add("email.opened", T0 + 3 * HOUR, at=at, data=data)
    assert not mailable(run(log, MODEL))


@pytest.mark.parametrize("named", ["ann@x.test", " Ann@X.Test ", "", None])
def test_the_address_of_what_got_through_is_compared_by_its_meaning(named: str | None) -> None:
    log = Log().add("lead.created", T0, data={"email": "ann@x.test"})
    log.add("email.bounced", T0 + HOUR, data=SOFT)
    log.add("email.delivered", T0 + 2 * HOUR, data={"email": named})
    assert mailable(run(log, MODEL))


def test_an_address_whose_owner_is_not_told_proves_nothing() -> None:
    log = Log().add("email.bounced", T0, data=SOFT)
    log.add("email.delivered", T0 + 1, data={"email": "ann@x.test"})
    assert not mailable(run(log, MODEL))


def test_a_late_delivery_forgives_the_bounces_before_it_only() -> None:
    log = Log().add("email.bounced", T0, data=SOFT).add("email.bounced", T0 + 2 * HOUR, data=SOFT)
    log.add("email.delivered", T0 + 3 * HOUR, at=T0 + HOUR)
    assert not mailable(run(log, MODEL))
    # One is left: two more make three.
    log.add("email.bounced", T0 + 4 * HOUR, data=SOFT).add("go", T0 + 20 * DAY)
    assert told(log) == ["requested"]


@pytest.mark.parametrize("data", [SOFT, HARD])
def test_a_bounce_of_an_address_that_the_lead_no_longer_has_suppresses_nothing(data: dict[str, Any]) -> None:
    log = Log().add("lead.created", T0, data={"email": "new@x.test"})
    log.add("email.bounced", T0 + 1, data={**data, "email": "old@x.test"})
    result = run(log, MODEL)
    assert mailable(result)
    assert result.snapshot().total == -1  # scoring goes on
    log.add("email.bounced", T0 + 2, data={**data, "email": "NEW@x.test"})
    assert not mailable(run(log, MODEL))


def test_another_address_and_a_new_subscription_end_it_and_the_same_address_does_not() -> None:
    log = Log().add("lead.created", T0, data={"email": "ann@x.test"})
    for minute in range(3):
        log.add("email.bounced", T0 + minute, data=SOFT)
    log.add("lead.updated", T0 + HOUR, data={"email": "Ann@X.test "})
    assert not mailable(run(log, MODEL))
    again = Log(records=list(log.records)).add("email.resubscribed", T0 + 2 * HOUR)
    assert mailable(run(again, MODEL))
    assert mailable(run(log.add("lead.updated", T0 + 2 * HOUR, data={"email": "bob@x.test"}), MODEL))


def test_several_suppressions_at_once_end_each_by_itself() -> None:
    log = Log().add("email.bounced", T0, data=SOFT).add("email.unsubscribed", T0 + 1)
    assert run(log, MODEL).snapshot().suppressed == ("all", "email")
    assert run(log, MODEL, until=T0 + WEEK).snapshot().suppressed == ("all",)
    hard = Log().add("email.bounced", T0, data=SOFT).add("email.bounced", T0 + 1, data=HARD)
    assert run(hard, MODEL, until=T0 + WEEK).snapshot().suppressed == ("email",)
    assert not mailable(run(hard.add("email.delivered", T0 + WEEK + 1), MODEL))


@pytest.mark.parametrize(
    ("bounces", "expected"),
    [
        ("{soft: 2d}", ["skipped", "requested", "requested"]),
        ("{soft: ignore}", ["requested", "requested", "requested"]),
        ("{soft: forever}", ["skipped", "skipped", "skipped"]),
        ("{limit: 2, within: 1d}", ["skipped", "skipped", "requested"]),
    ],
)
def test_the_rule_file_says_how_long(bounces: str, expected: list[str]) -> None:
    model = model_of(RULES.format(more=f"bounces: {bounces}"))
    log = Log().add("email.bounced", T0, data=SOFT).add("go", T0)
    log.add("go", T0 + 2 * DAY).add("go", T0 + 100 * DAY)
    assert told(log, model) == expected


def test_a_limit_of_the_file_counts_within_its_time() -> None:
    model = model_of(RULES.format(more="bounces: {limit: 2, within: 1d}"))
    apart = Log().add("email.bounced", T0, data=SOFT).add("email.bounced", T0 + DAY, data=SOFT)
    assert told(apart.add("go", T0 + 30 * DAY), model) == ["requested"]
    close = Log().add("email.bounced", T0, data=SOFT).add("email.bounced", T0 + DAY - 1, data=SOFT)
    assert told(close.add("go", T0 + 30 * DAY), model) == ["skipped"]


def test_a_deferred_mail_is_judged_when_its_time_has_come() -> None:
    text = RULES.replace(
        "channel: email}}\n  - {{do: call", "channel: email, hours: {{outside: defer}}}}\n  - {{do: call"
    )
    model = model_of(text.format(more="bounces: {soft: 1h}"))
    # A Thursday at midnight, deferred to 09:00; a bounce of 08:30 holds until 09:30.
    log = Log().add("go", T0).add("email.bounced", T0 + 8 * HOUR + HOUR // 2, data=SOFT)
    result = run(log, model, until=T0 + DAY)
    assert [one["reason"] for one in result.of_type("lead.action.skipped")] == ["deferred", "suppressed"]


def test_two_leads_made_one_have_the_bounces_of_both() -> None:
    log = Log().add("email.bounced", T0, data=SOFT).add("email.bounced", T0 + HOUR, data=SOFT)
    log.add("email.bounced", T0 + 2 * HOUR, lead="l2", data=SOFT)
    first = run(log, MODEL)
    state, loser = (decode_state(row) for row in (rows(first)[b"acme:l1"], rows(first)[b"acme:l2"]))
    state.place = 100
    absorb(state, loser, MODEL, b"acme:l1", first.fold.now, Outbox(APP, TOPIC, 0), RoundRobin())
    assert state.extra is not None
    assert state.extra.bounces is not None
    assert state.extra.bounces.for_good
    assert state.due == 0
    assert b'"suppressed":["email"]' in snapshot(state, MODEL, "acme", "l1")


def test_of_two_leads_made_one_the_later_end_holds() -> None:
    log = Log().add("email.bounced", T0 + HOUR, data=SOFT, lead="l2").add("go", T0 + 2 * HOUR)
    first = run(log, MODEL)
    state, loser = (decode_state(row) for row in (rows(first)[b"acme:l1"], rows(first)[b"acme:l2"]))
    state.place = 100
    absorb(state, loser, MODEL, b"acme:l1", first.fold.now, Outbox(APP, TOPIC, 0), RoundRobin())
    assert state.due == T0 + HOUR + WEEK


def rows(result: Result) -> dict[bytes, bytes]:
    return {key: row for step in result.steps for key, row in step.changelog if row is not None}


def test_a_scanner_that_unsubscribes_suppresses_and_wipes_nothing() -> None:
    model = model_of(
        """
name: m
version: "1"
half_life: none
rules:
  - {id: go, on: go, points: 10}
  - {id: leave, on: email.unsubscribed, effect: [reset, suppress], channel: all}
  - {id: gone, on: email.unsubscribed, points: -4}
guards: [{id: scanner, on: [email.unsubscribed, email.clicked], user_agents: [scanner], weight: 0.5}]
bands: [{name: cold, from: 0}]
actions: [{do: mail, when: {rule: go}, channel: email}]
"""
    )
    log = Log().add("go", T0).add("email.unsubscribed", T0 + 1, data={"user_agent": "Scanner 1"})
    result = run(log.add("go", T0 + 2), model)
    assert [one.outcome for one in result.history] == ["scored", "scored", "scored"]
    assert result.snapshot().total == 18  # 10 - 4 * 0.5 + 10
    assert result.snapshot().suppressed == ("all",)
    assert [one["type"].split(".")[2] for one in result.outputs] == ["requested", "skipped"]
    person = run(log.add("email.unsubscribed", T0 + 3), model)
    assert person.history[-1].outcome == "reset"
    assert person.snapshot().total == 0
