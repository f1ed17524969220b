"""Slips of known names: which one is meant, and names that are like none."""

import pytest

from leadstream.records.slips import distance, nearest
from leadstream.records.types import SIGNAL_TYPES


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("email.opend", "email.opened"),
        ("email.open", "email.opened"),
        ("Email.Opened", "email.opened"),
        ("EMAIL_OPENED", "email.opened"),
        ("emailOpened", "email.opened"),
        ("email.click", "email.clicked"),
        ("email.reply", "email.replied"),
        ("email.bounce", "email.bounced"),
        ("email.send", "email.sent"),
        ("page.view", "page.viewed"),
        ("pageview", "page.viewed"),
        ("form-submit", "form.submitted"),
        ("lead.enrich", "lead.enriched"),
        ("deal.win", "deal.won"),
        ("lead.rated", None),
        ("email.deferred", None),
        ("email.archived", None),
        ("email.printed", None),
        ("invoice.paid", None),
        ("", None),
        (".", None),
        ("x" * 256, None),
        ("Öffnung", None),
    ],
)
def test_the_nearest_is_named_only_where_a_slip_is_likely(slip: str, meant: str | None) -> None:
    assert nearest(slip, SIGNAL_TYPES) == meant


def test_types_of_a_model_are_known_beside() -> None:
    assert nearest("invoice.pay", [*SIGNAL_TYPES, "invoice.payed"]) == "invoice.payed"
    assert nearest("invoice.payed", ["invoice.payed"]) is None


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [
        ("abcd", "abcd", 0),
        ("abdc", "abcd", 1),
        ("abc", "abcd", 1),
        ("xbcd", "abcd", 1),
        ("a", "abcd", 3),
        ("ba", "ab", 1),
    ],
)
def test_the_distance_of_names_counts_letters(one: str, other: str, steps: int) -> None:
    assert distance(one, other) == distance(other, one) == steps
