"""Which actions suppression withholds: what reaches a lead, by its channel, in any case of letters."""

import pytest

from leadstream.models.errors import ModelError
from leadstream.scoring.compiled.channels import INTERNAL, OUTREACH
from leadstream.scoring.state.lead_state import LeadState, encode_state
from tests.scoring.folding import T0, Log, model_of, run

RULES = """
name: m
version: "1"
half_life: none
{more}
rules:
  - {{id: go, on: go, points: 10}}
  - {{id: mute, on: mute, effect: suppress, channel: {muted}}}
bands: [{{name: cold, from: 0}}]
actions:
  - {{do: act, when: {{rule: go}}{channel}}}
"""


def told(kind: str, channel: str | None, *, more: str = "", muted: str = "email") -> str:
    """What becomes of an action after a signal that suppresses: why it is withheld, else empty."""
    written = "" if channel is None else f", channel: {channel}"
    model = model_of(RULES.format(more=more, muted=muted, channel=written))
    [record] = run(Log().add(kind, T0).add("go", T0 + 1), model).outputs
    assert record.get("channel") == channel
    return str(record.get("reason", ""))


@pytest.mark.parametrize("kind", ["email.unsubscribed", "email.complained"])
@pytest.mark.parametrize("channel", [None, *sorted(INTERNAL), "CRM", "Sales", "LifeCycle"])
def test_what_stays_within_the_house_goes_on_after_an_unsubscribe(kind: str, channel: str | None) -> None:
    assert told(kind, channel) == ""


@pytest.mark.parametrize(
    "channel", [*sorted(OUTREACH), "Email", "PHONE", "all", "ALL", "crm-2", "sale", "internals", "hubspot"]
)
def test_every_other_name_is_outreach(channel: str) -> None:
    assert told("email.unsubscribed", channel) == "suppressed"


@pytest.mark.parametrize("named", ["slack", "[slack, other]", "SLACK"])
def test_a_file_says_which_of_its_channels_are_internal(named: str) -> None:
    assert told("email.unsubscribed", "Slack", more=f"internal_channels: {named}") == ""
    assert told("email.unsubscribed", "slacker", more=f"internal_channels: {named}") == "suppressed"


@pytest.mark.parametrize("name", ["email", "Email", "phone", "ALL", "sms"])
def test_what_reaches_a_lead_can_not_be_internal(name: str) -> None:
    with pytest.raises(ModelError, match=r"test\.yaml:5:21: channel .* reaches the lead"):
        told("go", "email", more=f"internal_channels: [{name}]")


@pytest.mark.parametrize(
    ("muted", "channel", "reason"),
    [
        ("phone", "phone", "suppressed"),
        ("phone", "Phone", "suppressed"),
        ("phone", "email", ""),
        ("phone", "crm", ""),
        ("phone", None, ""),
        ("crm", "CRM", "suppressed"),  # one that is internal, too, if it is named
        ("crm", "phone", ""),
        ("all", "phone", "suppressed"),
        ("All", "phone", "suppressed"),
        ("all", "crm", ""),
        ("EMAIL", "email", "suppressed"),
    ],
)
def test_a_rule_suppresses_its_channel_and_no_other(muted: str, channel: str | None, reason: str) -> None:
    assert told("mute", channel, muted=muted) == reason


def test_a_rule_without_a_channel_suppresses_all_outreach() -> None:
    text = RULES.format(more="", muted="x", channel=", channel: phone").replace(", channel: x", "")
    result = run(Log().add("mute", T0).add("go", T0 + 1), model_of(text))
    assert result.skipped == [("act", "suppressed")]


TWICE = """
name: m
version: "1"
half_life: none
rules:
  - {id: go, on: go, points: 10}
  - {id: mute, on: mute, effect: suppress, channel: Email}
  - {id: quiet, on: quiet, effect: suppress, channel: push}
bands: [{name: cold, from: 0}]
actions:
  - {do: one, when: {rule: go}, channel: EMAIL}
  - {do: two, when: {rule: go}, channel: email}
  - {do: three, when: {rule: go}, channel: push}
"""


def test_a_channel_in_two_cases_of_letters_is_one() -> None:
    model = model_of(TWICE)
    result = run(Log().add("mute", T0).add("go", T0 + 1), model)
    assert result.skipped == [("one", "suppressed"), ("two", "suppressed")]
    assert result.actions == ["three"]
    assert result.snapshot().suppressed == ("email",)
    changed = Log().add("lead.created", T0, data={"email": "a@x.test"}).add("mute", T0 + 1)
    changed.add("lead.updated", T0 + 2, data={"email": "b@x.test"}).add("go", T0 + 3)
    assert run(changed, model).actions == ["one", "two", "three"]


def test_rows_of_a_file_with_two_cases_of_letters_keep_their_meaning() -> None:
    """The numbers of channels are those of the file as it is written: all, email, Email, push, EMAIL."""
    model = model_of(TWICE)
    assert model.channels == ("all", "email", "Email", "push", "EMAIL")
    for bit, withheld in (
        (1, {"one", "two", "three"}),
        (4, {"one", "two"}),
        (8, {"three"}),
        (16, {"one", "two"}),
    ):
        state = LeadState(suppressed=bit, touched=T0)
        result = run(Log().add("go", T0 + 1), model, rows={b"acme:l1": encode_state(state)})
        assert {do for do, _ in result.skipped} == withheld
        assert len(result.snapshot().suppressed) == 1


def test_channels_are_numbered_as_before() -> None:
    text = TWICE.replace("Email", "email").replace("EMAIL", "crm").replace("two, ", "two, priority: low, ")
    assert model_of(text).channels == ("all", "email", "push", "crm")


def test_an_action_without_a_channel_can_not_require_its_consent() -> None:
    text = RULES.format(more="", muted="x", channel=", requires: [phone, consent]")
    with pytest.raises(ModelError, match="requires the consent of its channel, and has none"):
        model_of(text)


def test_a_file_that_uses_nothing_new_keeps_its_fingerprint() -> None:
    """As the release before computed it, of the keys that it knew."""
    plain = model_of(RULES.format(more="", muted="phone", channel=", channel: phone"))
    assert plain.fingerprint == "595488e2995a7b45"
    for more in ("internal_channels: []", "bounces: {}", "bounces: {soft: 7d, limit: 3, within: 30d}"):
        text = RULES.format(more=more, muted="phone", channel=", channel: phone")
        assert model_of(text).fingerprint == plain.fingerprint
    for more in ("internal_channels: [x]", "bounces: {soft: 6d}", "bounces: {soft: forever}"):
        text = RULES.format(more=more, muted="phone", channel=", channel: phone")
        assert model_of(text).fingerprint != plain.fingerprint
