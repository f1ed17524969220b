"""What an editor sees by the JSON Schema of rule files: all that is good, and what is wrong in its form."""

from random import Random
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from ruamel.yaml import YAML

from leadstream.models.json_schema import file_schemas
from tests.models.marked import MARK
from tests.models.test_check import GOOD, WRONG
from tests.models.test_docs import BLOCKS, HEAD
from tests.models.test_hostile import SEEDS, loaded, mutated
from tests.scoring.comparing import seeds

SCHEMAS = file_schemas()
FORMS = ("one of", "is needed here", "pattern", "'mon', 'tue'")
"""What is said of a wrong form; anything else is of one part with another."""
WRONG_FORMS = [(old, new) for old, new, reason in WRONG if any(form in reason for form in FORMS)]


def valid(value: Any, name: str = "model.schema.json") -> bool:
    return bool(jsonschema.Draft202012Validator(SCHEMAS[name]).is_valid(value))


def yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def test_a_file_with_all_keys_is_good() -> None:
    assert valid(yaml(GOOD))


@pytest.mark.parametrize("block", BLOCKS)
def test_what_the_page_shows_is_good(block: str) -> None:
    if block.startswith("- {tenant"):
        assert valid(yaml(block), "tenants.schema.json")
        return
    rule = "rules:\n  - id: a\n    on: b\n"
    if block.startswith("    "):
        points = "" if "by:" in block else "    points: 1\n"
        block = f"{HEAD}{rule}{points}{block}"
    elif not block.startswith("name:"):
        block = f"{HEAD}{rule}    points: 1\n{block}"
    assert valid(yaml(block))


def test_the_tests_know_many_wrong_forms() -> None:
    assert len(WRONG_FORMS) > 15


@pytest.mark.parametrize(("old", "new"), WRONG_FORMS)
def test_a_wrong_form_is_seen(old: str, new: str) -> None:
    assert not valid(yaml(GOOD.replace(old, new.replace(MARK, ""))))


@seeds(150)
@given(SEEDS)
def test_what_loads_is_good_in_an_editor_too(seed: int) -> None:
    text = mutated(Random(seed))
    if loaded(text) is not None:
        # As YAML, where a NaN without quotes is a text.
        assert valid(yaml(text))
