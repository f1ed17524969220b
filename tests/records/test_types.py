"""The page of signal types against the table and what is known of them."""

import re
from pathlib import Path

from leadstream.models.catalog import load_rule_file, preset_names
from leadstream.models.compile_rules import BUMPED, RELEASING, SENT, SUPPRESSING, WRITING
from leadstream.records.types import DATA_VALUES, FACTS, OPEN_TYPES, SIGNAL_TYPES
from leadstream.scoring.state.facts import FACT_TYPES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "signals.md").read_text()
ROWS = dict(re.findall(r"^\| `([a-z._]+)` \| (.*?) ?\|$", PAGE, flags=re.MULTILINE))


def test_the_page_has_the_types_of_the_table_with_their_data() -> None:
    assert list(ROWS) == list(SIGNAL_TYPES)
    for type_, cell in ROWS.items():
        # What stands in brackets are values, not fields.
        fields = tuple(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", cell)))
        if type_ in OPEN_TYPES:
            assert fields == (), type_
            assert "facts" in cell or "fields of the source" in cell
        else:
            assert fields == SIGNAL_TYPES[type_], type_


def test_the_page_has_the_values_of_the_table() -> None:
    found = {
        (type_, field): tuple(re.findall(r"`(\w+)`", values))
        for type_, cell in ROWS.items()
        for field, values in re.findall(r"`(\w+)` \((`.*?`)\)", cell)
    }
    assert found == DATA_VALUES


def test_the_page_has_the_facts_of_the_table() -> None:
    facts = PAGE.partition("## Facts\n")[2].partition("; and any others")[0]
    assert tuple(re.findall(r"`(\w+)`", facts)) == FACTS


def test_the_page_is_linked_from_where_people_look_for_it() -> None:
    for page, link in (
        ("../README.md", "docs/signals.md"),
        ("semantics.md", "signals.md"),
        ("rule-file.md", "signals.md"),
    ):
        assert f"({link})" in (DOCS / page).read_text(), page


def test_all_that_engine_and_presets_name_is_known() -> None:
    rules = [rule for name in preset_names() for rule in load_rule_file(name).rules]
    named = {type_ for rule in rules for type_ in rule.on}
    assert named | {*SUPPRESSING, *FACT_TYPES, RELEASING, SENT, BUMPED, WRITING} <= set(SIGNAL_TYPES)
