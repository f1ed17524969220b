"""Consents as forms, CRMs and consent tools write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.scoring.facts.consent import consent_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "value",
    [
        True,
        1,
        1.0,
        "true",
        "True",
        "TRUE",
        " true ",
        "yes",
        "Y",
        "on",
        "1",
        "1.0",
        "granted",
        "opt-in",
        "Opt In",
        "OPTED_IN",
        "subscribed",
        "t",
        "\u00a0yes\n",
    ],
)
def test_what_gives(value: object) -> None:
    assert consent_of(value) == "given"


@pytest.mark.parametrize(
    "value",
    [
        False,
        0,
        0.0,
        -0.0,
        "false",
        "False",
        "FALSE",
        "0",
        "0.0",
        "-0",
        "no",
        " NO ",
        "n",
        "N",
        "off",
        "f",
        "withdrawn",
        "Revoked",
        "opt-out",
        "opted out",
        "OPT_OUT",
        "unsubscribed",
        "not subscribed",
        "denied",
    ],
)
def test_what_withdraws(value: object) -> None:
    assert consent_of(value) == "withdrawn"


@pytest.mark.parametrize("value", [None, "", " ", "\t\n", "\u00a0"])
def test_what_says_nothing(value: object) -> None:
    assert consent_of(value) == "unknown"


@pytest.mark.parametrize(
    "value",
    [
        2,
        -1,
        0.5,
        float("nan"),
        float("inf"),
        10**400,
        "maybe",
        "2",
        "null",
        "none",
        "N/A",
        "ja",
        "nein",
        "non",
        "yes, but not by phone",
        "truee",
        "true false",
        "2026-01-01",
        "\uff11",
        "\u200btrue",
        "not true",
        "!yes",
        "no consent",
        [],
        {},
        [True],
        {"value": True},
        {"given": False},
        "[true]",
        "1,0",
        "yes" + " " * 600 + "no",
    ],
)
def test_what_can_t_be_read(value: object) -> None:
    assert consent_of(value) == "unreadable"


@given(JSON)
def test_any_value_is_one_of_the_four(value: object) -> None:
    assert consent_of(value) in ("given", "withdrawn", "unknown", "unreadable")
