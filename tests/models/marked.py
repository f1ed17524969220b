"""Rule files with the place marked where an error is expected."""

import re

import pytest

from leadstream.models import ModelError, parse_rule_file

MARK = "¦"
JARGON = re.compile(
    r"Input should|valid (string|list|number|dict|integer|boolean)|union|literal|extra inputs|NoneType|"
    r"String should|pattern|items? after|Dictionary|type=|pydantic|validator|\bdict\b|\bstr\b|\bfloat\b",
    re.IGNORECASE,
)
"""Words of the library that reads the schema, which say nothing to people who write rules."""


def assert_refused(text: str, reason: str) -> None:
    """The text is refused where the mark stands in it, with the reason and for nothing else."""
    before, mark, after = text.partition(MARK)
    assert mark, "the test marks a place"
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    with pytest.raises(ModelError) as caught:
        parse_rule_file(before + after, "m.yaml")
    found = str(caught.value)
    assert found.startswith(f"m.yaml:{line}:{column}: "), f"{found} instead of {line}:{column}"
    assert reason in found
    assert "\n" not in found
