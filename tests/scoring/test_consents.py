"""What a lead consents to stops signals from scoring and actions from being asked for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.scoring.actions import consents
from leadstream.scoring.state.facts import MAX_CONSENTS, MAX_OTHERS, Facts, learn, pack
from leadstream.scoring.state.lead_state import Extra, LeadState, decode_state, encode_state
from tests.scoring.folding import HOUR, T0, Log, Result, model_of, run
from tests.scoring.reading_facts.test_consent import JSON

MODEL = model_of(
    """
    name: m
    version: "1"
    half_life: none
    rules: [{id: visit, on: page.viewed, points: 60}, {id: open, on: email.opened, points: 60}]
    bands: [{name: all, from: 0}]
    thresholds: [{at: 50}]
    actions:
      - {do: mail, at: 50, channel: email}
      - {do: call, at: 50, channel: phone}
      - {do: text, at: 50, channel: SMS}
      - {do: crm, at: 50, channel: crm}
      - {do: tell, at: 50, channel: sales}
    """
)
ALL = ["mail", "call", "text", "crm", "tell"]


def after(*facts: dict[str, Any], kind: str = "lead.updated") -> Result:
    """The facts, one an hour, then a bump of an earlier time, which any consent lets score."""
    log = Log()
    for hour, data in enumerate(facts):
        log.add(kind, T0 + hour * HOUR, data=data)
    log.add("score.bumped", T0 + 99 * HOUR, at=T0 - 1, data={"by": "ann", "why": "test", "points": 60})
    return run(log, MODEL)


def refused(*facts: dict[str, Any], kind: str = "lead.updated") -> list[str]:
    """The actions that are withheld for want of consent; all others are requested."""
    result = after(*facts, kind=kind)
    names = [do for do, reason in result.skipped if reason == "no_consent"]
    assert sorted(names + result.actions) == sorted(ALL)
    return names


@pytest.mark.parametrize(
    "value", [False, 0, "false", "0", "no", "False", " NO ", "off", "n", "withdrawn", 0.0]
)
def test_a_withdrawn_consent_stops_its_channel(value: object) -> None:
    assert refused({"consent": {"email": value}}) == ["mail"]
    assert refused({"consent": {"phone": value}}) == ["call"]
    assert refused({"consent.sms": value}) == ["text"]
    assert refused({"consent": {"crm": value}}) == ["crm"]


@pytest.mark.parametrize("value", ["maybe", 2, [], {}, [True], {"given": True}, "x" * 600, 2**60, "nein"])
def test_a_consent_that_can_t_be_read_is_withdrawn(value: object) -> None:
    assert refused({"consent": {"phone": value}}) == ["call"]
    assert refused({"consent": {"phone": True}}, {"consent": {"phone": value}}) == ["call"]


@pytest.mark.parametrize("name", ["profiling", "all", "Profiling", " ALL "])
@pytest.mark.parametrize("value", [False, "false", "?"])
def test_a_consent_to_everything_stops_all_outreach_and_no_work_of_our_own(name: str, value: object) -> None:
    assert refused({"consent": {name: value}}) == ["mail", "call", "text"]


@pytest.mark.parametrize("name", ["email", "Email", "EMAIL", " email"])
@pytest.mark.parametrize("form", ["object", "field", "Field"])
def test_names_are_compared_whatever_their_case(name: str, form: str) -> None:
    data = {"consent": {name: "no"}} if form == "object" else {f"{form.replace('ield', '')}": 1}
    if form != "object":
        prefix = "consent." if form == "field" else "Consent."
        data = {prefix + name: "no"}
    assert refused(data) == ["mail"]


@pytest.mark.parametrize("value", [False, "no", 0, "?", [], 3])
def test_consent_that_is_no_object_withdraws_everything(value: object) -> None:
    assert refused({"consent": value}) == ["mail", "call", "text"]


@pytest.mark.parametrize("value", [True, "yes", 1])
def test_nobody_gives_everything_at_once(value: object) -> None:
    assert refused({"consent": {"email": False}}, {"consent": value}) == ["mail"]


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_nothing_is_unknown_until_a_consent_stood_and_withdraws_then(nothing: object) -> None:
    assert refused({"consent": {"email": nothing}}) == []
    assert refused({"consent": {"email": nothing}}, {"consent": {"email": nothing}}) == []
    assert refused({"consent": {"email": True}}, {"consent": {"email": nothing}}) == ["mail"]
    assert refused({"consent": {"email": False}}, {"consent": {"email": nothing}}) == ["mail"]
    assert refused({"consent": {"email": True}}, {"consent": nothing}) == ["mail"]
    assert refused({"consent": {"email": nothing}}, {"consent": nothing}) == []
    again = [{"consent": {"email": one}} for one in (True, nothing, "yes")]
    assert refused(*again) == []


def test_of_two_words_in_one_signal_the_stricter_holds() -> None:
    for data in (
        {"consent": {"email": True}, "consent.email": False},
        {"consent.email": False, "consent": {"email": True}},
        {"consent": {"email": True, "EMAIL": "no"}},
        {"consent": {"EMAIL": "no", "email": True}},
        {"Consent": {"email": False}, "consent": {"email": True}},
    ):
        assert refused(data) == ["mail"]


@pytest.mark.parametrize(
    "data",
    [
        {"channel": "email", "value": False},
        {"channel": "Email", "value": "no"},
        {"kind": "email", "value": 0},
        {"kind": "email", "channel": "email", "value": "withdrawn"},
        {"channel": "email"},
        {"channel": "email", "value": {}},
        {"channel": ["email"], "value": "off"},
        {"consent": {"email": False}},
        {"channel": "email", "value": True, "consent": {"email": False}},
    ],
)
def test_a_change_of_consent_is_a_fact(data: dict[str, Any]) -> None:
    assert refused(data, kind="consent.changed") == ["mail"]


def test_a_change_of_consent_takes_back_and_gives_again() -> None:
    log = [{"channel": "email", "value": one} for one in (True, None, "true")]
    assert refused(*log[:2], kind="consent.changed") == ["mail"]
    assert refused(*log, kind="consent.changed") == []
    assert after({"channel": "email", "value": True}, kind="consent.changed").history[0].outcome == "noted"


@pytest.mark.parametrize(
    "data",
    [{}, {"value": 0}, {"value": "no"}, {"channel": 7, "value": False}, {"email": False}, {"channel": ""}],
)
def test_a_change_of_consent_that_says_not_of_what_withdraws_everything(data: dict[str, Any]) -> None:
    assert refused(data, kind="consent.changed") == ["mail", "call", "text"]


def test_a_change_of_consent_tells_no_other_facts() -> None:
    facts: Facts = {}
    learn(facts, {"channel": "email", "value": True, "title": "CEO"}, T0, type_="consent.changed")
    assert list(facts) == ["consent.email"]


def test_subscribing_again_lifts_no_withdrawn_consent() -> None:
    log = Log().add("lead.created", T0, data={"consent": {"email": False}})
    log.add("email.unsubscribed", T0).add("email.resubscribed", T0)
    log.add("score.bumped", T0 + 1, data={"by": "ann", "why": "test", "points": 60})
    result = run(log, MODEL)
    assert result.skipped == [("mail", "no_consent")]


def test_suppression_is_named_before_consent_and_consent_before_what_is_required() -> None:
    model = model_of(
        """
        name: m
        version: "1"
        half_life: none
        rules: [{id: visit, on: page.viewed, points: 60}]
        bands: [{name: all, from: 0}]
        thresholds: [{at: 50}]
        actions: [{do: mail, at: 50, channel: email, requires: email}]
        """
    )
    log = Log().add("lead.created", T0, data={"consent": {"email": "no"}}).add("page.viewed", T0)
    assert run(log, model).skipped == [("mail", "no_consent")]
    log = Log().add("lead.created", T0, data={"consent": {"email": "no"}}).add("email.bounced", T0)
    assert run(log.add("page.viewed", T0), model).skipped == [("mail", "suppressed")]


@pytest.mark.parametrize("value", ["true", 1, "Yes", True])
def test_a_required_consent_is_read_too(value: object) -> None:
    model = model_of(
        """
        name: m
        version: "1"
        half_life: none
        consent: required
        rules: [{id: visit, on: page.viewed, points: 60}]
        bands: [{name: all, from: 0}]
        thresholds: [{at: 50}]
        actions: [{do: text, at: 50, channel: SMS, requires: consent}]
        """
    )
    log = Log().add("lead.created", T0, data={"consent": {"sms": value, "tracking": value}})
    assert run(log.add("page.viewed", T0), model).actions == ["text"]
    log = Log().add("lead.created", T0, data={"consent": {"tracking": value}})
    assert run(log.add("page.viewed", T0), model).skipped == [("text", "no_consent")]


@pytest.mark.parametrize("value", ["false", 0, "?", [], "off"])
def test_signals_of_that_time_or_later_score_nothing_whatever_the_form(value: object) -> None:
    log = Log().add("lead.updated", T0 + HOUR, data={"consent": {"tracking": value}})
    log.add("page.viewed", T0 + 2 * HOUR, at=T0).add("page.viewed", T0 + 2 * HOUR, at=T0 + HOUR)
    assert [one.outcome for one in run(log, MODEL).history] == ["noted", "scored", "no_consent"]


def test_a_withdrawal_that_is_told_again_holds_since_it_was_first_told() -> None:
    log = Log().add("lead.updated", T0, data={"consent": {"tracking": False}})
    log.add("lead.updated", T0 + 2 * HOUR, data={"consent": {"tracking": "false"}})
    log.add("page.viewed", T0 + 3 * HOUR, at=T0 + HOUR)
    assert run(log, MODEL).history[-1].outcome == "no_consent"
    # Given in between, it is withdrawn from the second time on.
    log = Log().add("lead.updated", T0, data={"consent": {"tracking": False}})
    log.add("lead.updated", T0 + HOUR, data={"consent": {"tracking": True}})
    log.add("lead.updated", T0 + 3 * HOUR, data={"consent": {"tracking": False}})
    log.add("page.viewed", T0 + 4 * HOUR, at=T0 + 2 * HOUR)
    assert run(log, MODEL).history[-1].outcome == "scored"


def test_consents_find_room_however_many_facts_and_consents_there_are() -> None:
    facts = {f"field{n}": n for n in range(MAX_OTHERS + 8)}
    assert refused(facts, {"consent": {"sms": False}}) == ["text"]
    many = {f"channel{n}": True for n in range(MAX_CONSENTS + 8)}
    assert refused({"consent": many}, {"consent": {"sms": False}}) == ["text"]


def test_a_withdrawal_that_finds_no_room_stops_every_channel_that_is_not_spoken_of() -> None:
    many: dict[str, Any] = {f"channel{n}": True for n in range(MAX_CONSENTS)}
    given = {"email": True, "phone": True}
    assert refused({"consent": many | given}, {"consent": {"another": False}}) == ["text"]
    assert refused({"consent": many | given}, {"consent": {"another": True}}) == []
    assert refused({"consent": many | given}, {"consent": {"another": None}}) == []


def test_names_that_no_channel_has_are_left_out() -> None:
    facts: Facts = {}
    learn(facts, {"consent": {"": False, "a b": False, "x" * 51: False, "*": True, "é": False}}, T0)
    assert facts == {}


def test_an_action_put_off_is_judged_by_the_consent_of_the_opening() -> None:
    model = model_of(
        """
        name: m
        version: "1"
        half_life: none
        rules: [{id: visit, on: page.viewed, points: 60}]
        bands: [{name: all, from: 0}]
        thresholds: [{at: 50}]
        actions: [{do: call, at: 50, channel: phone, hours: {outside: defer}}]
        """
    )
    # T0 is a Thursday, midnight: the hours begin at 9.
    log = (
        Log()
        .add("page.viewed", T0)
        .add("consent.changed", T0 + HOUR, data={"channel": "phone", "value": "no"})
    )
    assert run(log, model, until=T0 + 12 * HOUR).skipped == [("call", "deferred"), ("call", "no_consent")]


def test_profiling_withdrawn_voids_facts_that_come_later() -> None:
    model = model_of(
        """
        name: m
        version: "1"
        half_life: none
        rules: [{id: visit, on: page.viewed, points: 60}]
        fit: [{id: title, fact: title, keywords: {points: {ceo: 5}}}]
        bands: [{name: all, from: 0}]
        """
    )
    for value in (False, "false", "0", "?"):
        log = Log().add("lead.created", T0, data={"consent": {"profiling": value}})
        log.add("lead.updated", T0 + HOUR, data={"title": "CEO"})
        assert run(log, model).history[-1].after == 0
        log.add("lead.updated", T0 + 2 * HOUR, data={"consent": {"profiling": "true"}})
        assert run(log, model).history[-1].after == 5


def row_of_codec_2(facts: Facts, given: dict[str, tuple[bool, int]] | None) -> bytes:
    state = LeadState(codec=2, facts=pack(facts), extra=None if given is None else Extra(consents=given))
    return encode_state(state)


def test_a_row_of_codec_2_is_read_by_its_facts() -> None:
    row = row_of_codec_2({"consent.email": ("false", T0), "consent.SMS": (True, T0)}, None)
    state = decode_state(row)
    assert consents.given(state) == {"email": (False, T0), "sms": (True, T0)}
    assert decode_state(encode_state(state)).extra == state.extra
    row = row_of_codec_2({"consent.tracking": (False, T0), "title": ("x", T0)}, {"tracking": (False, T0)})
    assert consents.given(decode_state(row)) == {"tracking": (False, T0)}


def test_of_a_null_in_a_row_of_codec_2_nobody_knows_what_it_took_back() -> None:
    state = decode_state(row_of_codec_2({"consent.email": (None, T0)}, None))
    assert consents.forbids(state, "email", outreach=True)


@given(
    st.lists(st.tuples(st.dictionaries(st.text(max_size=9) | st.just("consent"), JSON), st.integers(0, 9)))
)
def test_any_facts_are_learnt_within_bounds(told: list[tuple[dict[str, Any], int]]) -> None:
    state, facts = LeadState(), Facts()
    for data, at in told:
        for type_ in ("lead.updated", "consent.changed"):
            names = learn(facts, data, at, type_=type_, standing=consents.given(state))
            consents.learn_consents(state, facts, names)
    assert set(consents.given(state)) <= {name[8:] for name in facts if name.startswith("consent.")}
