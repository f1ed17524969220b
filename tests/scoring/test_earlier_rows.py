"""Rows that the release with codec 2 wrote are read and go on as they are.

Each file of `codec2/` has the rows of a partition as that release left them, the rules that they were scored
with, and what its leads stood at then. Nothing here can be written anew: that release has made them.
"""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leadstream.models import load_catalog
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.partition.rows import POSITION
from leadstream.scoring.state.lead_state import CODEC
from tests.scoring.comparing import compiled
from tests.scoring.folding import HOUR, Log, run

FOLDER = Path(__file__).parent / "codec2"
FILES = sorted(path.stem for path in FOLDER.glob("*.json"))


def stored(name: str) -> tuple[dict[str, Any], CompiledModel, dict[bytes, bytes]]:
    """What a file says, its model as it is compiled today, and its rows."""
    file = json.loads((FOLDER / f"{name}.json").read_text())
    rules = file["rules"]
    model = load_catalog(rules).default if isinstance(rules, str) else compiled(rules)
    return file, model, {key.encode(): b64decode(row) for key, row in file["rows"].items()}


def codec_of(row: bytes) -> int:
    return int(msgspec.msgpack.decode(row)[0])


def standing(fold: PartitionFold) -> dict[str, dict[str, Any]]:
    found = {}
    for key, state in fold.leads():
        model = fold.model_of(key)
        found[key.decode()] = {
            "total": state.total,
            "touched": state.touched,
            "due": state.due,
            "passed": [one.at for index, one in enumerate(model.thresholds) if state.passed >> index & 1],
            "band": model.bands[state.band].name,
            "stage": model.stages[state.stage].name,
            "suppressed": list(model.suppressed_channels(state.suppressed)),
        }
    return found


@pytest.mark.parametrize("name", FILES)
def test_rows_of_codec_2_stand_where_they_stood(name: str) -> None:
    file, model, rows = stored(name)
    assert model.fingerprint == file["fingerprint"]
    assert {codec_of(row) for row in rows.values()} == {2}
    fold = run([], model, rows=rows).fold
    assert (fold.position, fold.now) == (0, file["now"])
    assert standing(fold) == file["leads"]


@pytest.mark.parametrize("name", FILES)
def test_taking_rows_of_codec_2_over_fires_nothing(name: str) -> None:
    file, model, rows = stored(name)
    log = Log().tick(file["now"])
    result = run(log, model, rows=rows)
    assert result.outputs == []
    assert not any(step.scores for step in result.steps)


@pytest.mark.parametrize("name", FILES)
def test_a_lead_that_changes_is_written_in_the_new_codec(name: str) -> None:
    file, model, rows = stored(name)
    keys = [key for key in rows if not key.startswith(b"\0")]
    log = Log()
    for key in keys:
        tenant, _, lead = key.decode().partition(":")
        log.tenant = tenant
        log.add("lead.recompute", file["now"] + HOUR, lead=lead, id=f"again-{lead}")
    step = run(log, model, rows=rows).steps[-1]
    written = dict(step.changelog)
    assert {key for key in written if not key.startswith(b"\0")} == set(keys)
    assert {codec_of(row) for key, row in written.items() if key in keys or key == POSITION} == {CODEC}
