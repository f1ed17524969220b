"""The fold against the oracle: presets and plain models, in order, late, twice, split anywhere."""

from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.scoring.comparing import check, compiled, examples
from tests.scoring.folding import model_of
from tests.scoring.worlds import known_signals, logs, models, plain_signals

TENX_TEXT = (resources.files("leadstream.models") / "presets" / "tenx.yaml").read_text()
TENX = YAML(typ="safe").load(TENX_TEXT)


@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-5")
@pytest.mark.requirement("N-6")
@examples(300)
@given(logs(known_signals()), st.data())
def test_tenx_does_what_the_oracle_says(signals: list[dict[str, Any]], data: st.DataObject) -> None:
    check(TENX, model_of(TENX_TEXT), signals, data)


@pytest.mark.requirement("N-1")
@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-3")
@pytest.mark.requirement("N-8")
@examples(300)
@given(models(), logs(plain_signals()), st.data())
def test_any_model_does_what_the_oracle_says(
    file: dict[str, Any], signals: list[dict[str, Any]], data: st.DataObject
) -> None:
    check(file, compiled(file), signals, data)
