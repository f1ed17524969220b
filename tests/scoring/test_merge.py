"""Two leads that are one: by hand, and against what one lead would have been."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.decay.totals import score
from leadstream.scoring.lead.merge import absorb
from leadstream.scoring.state.facts import unpack
from leadstream.scoring.state.lead_state import LeadState
from tests.scoring.folding import APP, DAY, HOUR, T0, TOPIC, Log, model_of, run

MODEL = model_of("""
name: merged
version: "1"
half_life: 14d
categories:
  intent: {cap: 35}
  engagement: {cap: 25}
  loss: {sign: negative, cap: 30}
rules:
  - {id: visit, on: page.viewed, points: 10, category: intent}
  - {id: reply, on: email.replied, points: 8, category: engagement, decay: {linear: 30d}}
  - id: click
    on: email.clicked
    points: 5
    recency: [{to: 1d, factor: 2}, {to: 7d, factor: 1}, {factor: 0.5}]
  - {id: meeting, on: meeting.booked, points: 20, decay: none}
  - {id: complaint, on: email.complained, points: -10, category: loss, decay: {half_life: 2d}}
fit:
  - {id: title, fact: title, keywords: {points: {ceo: 15, manager: 5}}}
thresholds:
  - {at: 30}
  - {at: 50, on_merge: fire}
bands:
  - {name: cold, from: 0}
  - {name: warm, from: 30}
actions:
  - {do: mail, at: 30, channel: email, dedupe: 24h}
  - {do: call, at: 50, channel: phone}
""")


def merged(model: CompiledModel, ours: Log, theirs: Log, now: int) -> tuple[LeadState, Outbox]:
    """The first lead after it has taken in the second one at `now`, and what comes out of that."""
    states = []
    for log in (ours, theirs):
        fold = run(log, model, until=now).fold
        states.append(fold.state_of(b"acme:" + log.lead.encode()) or LeadState())
    outbox = Outbox(APP, TOPIC, 0)
    state, loser = states
    state.place = 1000
    absorb(state, loser, model, b"acme:" + ours.lead.encode(), now, outbox, RoundRobin())
    return state, outbox


def told(outbox: Outbox) -> list[str]:
    """Kind, name of an action, and status of each record."""
    return [":".join(filter(None, (one.kind, one.do, one.status))) for one, _, _ in outbox.entries]


def test_what_the_merge_lifts_over_a_threshold_is_recorded_and_fires_only_where_the_model_says_so() -> None:
    # 20 and 40 are under 50 each, 60 is not; the second lead had passed 30, and its mail was asked for.
    ours = Log(lead="l1").add("meeting.booked", T0)
    theirs = Log(lead="l2").add("meeting.booked", T0).add("meeting.booked", T0 + HOUR)
    state, outbox = merged(MODEL, ours, theirs, T0 + DAY)
    assert state.total == 60
    assert told(outbox) == ["crossing:up", "action:call:requested", "band:up"]
    assert all(b'"cause":"merge"' in (value or b"") for _, _, (_, value, _) in outbox.entries)
    assert state.requested == [T0 + HOUR, T0 + DAY]
    alone, outbox = merged(MODEL, ours, Log(lead="l2").add("page.viewed", T0), T0 + HOUR)
    assert alone.total == pytest.approx(20 + 10 * 2 ** (-1 / 336), abs=1e-12)
    assert told(outbox) == []
    both, outbox = merged(MODEL, ours, Log(lead="l2").add("meeting.booked", T0), T0 + HOUR)
    assert (both.total, told(outbox)) == (40, ["crossing:up", "band:up"])


def test_the_stricter_suppression_the_later_fact_and_the_ids_of_both_remain() -> None:
    ours = Log(lead="l1").add("lead.created", T0, data={"title": "Manager", "phone": "+49"})
    theirs = Log(lead="l2").add("lead.created", T0 + 1, data={"title": "CEO"}, id="other")
    theirs.add("email.bounced", T0 + 2, id="bounce")
    state, _ = merged(MODEL, ours, theirs, T0 + DAY)
    assert unpack(state.facts) == {"title": ("CEO", T0 + 1), "phone": ("+49", T0)}
    assert state.total == 15
    assert MODEL.suppressed_channels(state.suppressed) == ("email",)
    assert len(state.ids) == 3 * 8


kinds = st.sampled_from(
    ["page.viewed", "email.replied", "email.clicked", "meeting.booked", "email.complained"]
)
events = st.lists(
    st.tuples(kinds, st.integers(0, 40), st.sampled_from([0, 0, 0, HOUR, 3 * DAY, 40 * DAY]), st.booleans()),
    min_size=1, max_size=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(events, st.integers(0, 90))
def test_a_merge_is_worth_what_one_lead_would_have_been(happened: list[tuple[Any, ...]], later: int) -> None:
    """Rules without `repeat`, `inactivity_step` and `reset` commute."""
    logs = Log(lead="l1"), Log(lead="l2")
    union = Log(lead="l1")
    days = sorted(happened, key=lambda event: event[1])
    for number, (kind, day, late, second) in enumerate(days):
        now = T0 + day * DAY
        for log in (logs[second], union):
            log.add(kind, now, at=now - late, id=f"s{number}")
    now = T0 + 41 * DAY
    state, _ = merged(MODEL, *logs, now)
    one = run(union, MODEL, until=now).fold.state_of(b"acme:l1")
    assert one is not None
    assert sorted(state.counts) == sorted(one.counts)
    for t in (now, now + later * DAY):
        assert score(state, MODEL, t).total == pytest.approx(score(one, MODEL, t).total, abs=1e-9)
