"""What a fold must not do, whatever the model and the signals: grow without bound, run on, leave traces."""

import os
import subprocess
import sys

import pytest

from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.decay.totals import shares
from leadstream.scoring.lead.merge import absorb
from leadstream.scoring.partition import fold as partition
from leadstream.scoring.state.facts import unpack
from leadstream.scoring.state.lead_state import LeadState
from tests.scoring.folding import APP, DAY, T0, TOPIC, Log, Result, model_of, run

HEAD = """
name: limits
version: "1"
half_life: 14d
bands: [{name: cold, from: 0}]
"""
ASSIGNED = """
rules: [{id: form, on: form.submitted, points: 60}]
thresholds: [{at: 50}]
actions: [{do: call, at: 50, channel: phone, assign: {owners: [ann, bob]}}]
"""
STEPWISE = """
rules:
  - {id: open, on: email.opened, points: 80, decay: {inactivity_step: {percent: 50, every: 1h, floor: FLOOR}}}
  - {id: visit, on: page.viewed, points: 1, decay: none}
"""


def model(text: str) -> CompiledModel:
    return model_of(HEAD + text)


def timers(result: Result) -> int:
    return sum(step.counts.events["timer"] for step in result.steps)


def test_names_of_campaigns_do_not_fill_a_row() -> None:
    sent = Log()
    for number in range(4):
        sent.add("email.sent", T0 + number, data={"campaign": str(number) * 1_000_000})
    guarded = model("""
rules: [{id: open, on: email.opened, points: 2}]
guards: [{id: scanner, on: email.opened, after_send: 5s}]
""")
    sent.add("email.opened", T0 + 1000, data={"campaign": "3" * 1_000_000})
    sent.add("email.opened", T0 + 1001, data={"campaign": "other"})
    result = run(sent, guarded)
    assert max(len(row or b"") for step in result.steps for _, row in step.changelog) < 1000
    assert [entry.flags for entry in result.history][4:] == [("scanner",), ()]


def test_a_payload_takes_no_more_of_a_signal_than_a_fact_may_hold() -> None:
    text = ASSIGNED.replace(
        "assign:", "payload: {said: {signal: data.text}, form: {signal: data.form}}, assign:"
    )
    long = Log().add("form.submitted", T0, data={"text": "x" * 513, "form": "contact"})
    [call] = run(long, model(text)).of_type("lead.action.requested")
    assert call["payload"] == {"form": "contact", "owner": "ann"}


@pytest.mark.parametrize(
    ("floor", "steps"),
    [
        ("0", 50),  # 80 * 2 ** -50 is 7e-14: nothing worth mentioning
        ("30", 2),  # 40, then 30 for good
    ],
)
def test_a_loss_that_has_taken_all_it_can_asks_for_no_more_timers(floor: str, steps: int) -> None:
    result = run(Log().add("email.opened", T0).tick(T0 + 90 * DAY), model(STEPWISE.replace("FLOOR", floor)))
    # With those of the scores that are written again.
    assert steps <= timers(result) <= 2 * steps + 10
    assert result.snapshot().next_change is None


def merged(rules: CompiledModel, ours: Log, theirs: Log, now: int) -> LeadState:
    states = [run(log, rules, until=now).fold.state_of(f"acme:{log.lead}".encode()) for log in (ours, theirs)]
    state, loser = states
    assert state is not None
    assert loser is not None
    absorb(state, loser, rules, b"acme:l1", now, Outbox(APP, TOPIC, 0), RoundRobin())
    return state


def test_a_merge_gives_nothing_back_that_inactivity_took() -> None:
    rules = model(STEPWISE.replace("FLOOR", "0").replace("50", "5").replace("1h", "30d"))
    # The other lead's activity came on day 59, when the 80 were 76.
    state = merged(
        rules, Log().add("email.opened", T0), Log(lead="l2").add("page.viewed", T0 + 59 * DAY), T0 + 60 * DAY
    )
    assert state.total == pytest.approx(77)
    offsets = {share.factor: share.offset for share in shares(state, rules, state.touched, 5)}
    assert offsets == {"open": 0, "visit": None}


def test_a_merge_keeps_no_more_facts_than_a_lead_may_have() -> None:
    rules = model("rules: [{id: visit, on: page.viewed, points: 1}]")
    ours = Log().add("lead.updated", T0, data={f"a{number}": number for number in range(40)})
    theirs = Log(lead="l2").add("lead.updated", T0, data={f"b{n}": n for n in range(40)} | {"title": "CEO"})
    assert len(unpack(merged(rules, ours, theirs, T0 + DAY).facts)) == 33


def test_the_first_fact_that_withdraws_consent_binds_the_signal_that_brings_it() -> None:
    log = Log().add("lead.updated", T0, data={"consent": {"profiling": False}})
    result = run(log, model("rules: [{id: updated, on: lead.updated, points: 5}]"))
    assert result.history[0].outcome == "no_consent"


def test_a_bump_that_resets_is_a_reset() -> None:
    rules = model(
        "rules: [{id: reset, on: score.bumped, effect: reset}, {id: visit, on: page.viewed, points: 4}]"
    )
    log = (
        Log()
        .add("page.viewed", T0)
        .add("score.bumped", T0 + 1, data={"points": 3, "by": "ann", "why": "test"})
    )
    result = run(log, rules)
    assert (result.history[1].outcome, result.history[1].after) == ("reset", 0)


def test_a_signal_that_breaks_the_fold_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise ValueError("no snapshot")

    monkeypatch.setattr(partition, "snapshot", broken)
    result = run(Log().add("form.submitted", T0), model(ASSIGNED))
    assert result.reasons == ["bad_signal"]
    assert [key for step in result.steps for key, _ in step.changelog if key.startswith(b"\0turns")] == []


PROGRAM = f"""
from tests.scoring.folding import T0, Log, model_of, run
log = Log()
for tenant in "abcdefgh":
    log.add("form.submitted", T0, tenant=tenant)
print([key for key, _ in run(log, model_of({HEAD + ASSIGNED!r})).steps[0].changelog])
"""


@pytest.mark.usefixtures("processes")
def test_a_step_is_written_in_the_same_order_by_every_process() -> None:
    told = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()}
        command = [sys.executable, "-c", PROGRAM]
        told.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(told) == 1
