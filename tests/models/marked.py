"""Rule files with the place marked where an error is expected."""

import pytest

from leadstream.models import ModelError, parse_rule_file

MARK = "¦"


def assert_refused(text: str, reason: str) -> None:
    """The text is refused where the mark stands in it, in one line that has the reason."""
    before, mark, after = text.partition(MARK)
    assert mark, "the test marks a place"
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    with pytest.raises(ModelError) as caught:
        parse_rule_file(before + after, "m.yaml")
    found = str(caught.value)
    assert found.startswith(f"m.yaml:{line}:{column}: "), f"{found} instead of {line}:{column}"
    assert reason in found
    assert "\n" not in found
