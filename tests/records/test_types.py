"""The known signal types, and slips of them."""

import pytest

from leadstream.models.catalog import load_rule_file, preset_names
from leadstream.models.compile_rules import BUMPED, RELEASING, SENT, SUPPRESSING, WRITING
from leadstream.records.types import SIGNAL_TYPES, nearest_type
from leadstream.scoring.facts import FACT_TYPES


def test_all_that_engine_and_presets_name_is_known() -> None:
    rules = [rule for name in preset_names() for rule in load_rule_file(name).rules]
    named = {type_ for rule in rules for type_ in rule.on}
    assert named | {*SUPPRESSING, *FACT_TYPES, RELEASING, SENT, BUMPED, WRITING} <= set(SIGNAL_TYPES)


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
        ("deal.win", None),
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
    assert nearest_type(slip) == meant


def test_no_known_type_is_taken_for_a_slip() -> None:
    assert [name for name in SIGNAL_TYPES if nearest_type(name)] == []


def test_types_of_a_model_are_known_beside() -> None:
    assert nearest_type("invoice.pay", ["invoice.payed"]) == "invoice.payed"
    assert nearest_type("invoice.payed", ["invoice.payed"]) is None
