"""The JSON Schemas in `schemas/`: those of the code, and true of what is sent."""

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from ruamel.yaml import YAML

from leadstream.models import load_catalog
from leadstream.models.json_schema import file_schemas
from leadstream.records.schemas import record_schemas, text_of
from tests.scoring.folding import DAY, HOUR, T0, Log, run

FOLDER = Path(__file__).parents[2] / "schemas"
PRESETS = Path(__file__).parents[2] / "leadstream" / "models" / "presets"
SCHEMAS = record_schemas() | file_schemas()


def validate(value: Any, name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMAS[name]).validate(value)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_file_is_what_the_code_gives(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert (FOLDER / name).read_text() == text_of(SCHEMAS[name])


def test_no_schema_is_left_over() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(SCHEMAS)


def test_everything_that_a_fold_puts_out_is_as_its_schema_says() -> None:
    log = Log().add("lead.created", T0, data={"phone": "+4930123456"})
    log.add("form.submitted", T0, data={"channel": "organic"}).add("email.bounced", T0 + HOUR)
    log.add("score.bumped", T0 + HOUR, data={"set": 90, "by": "ann", "why": "test"}).add(
        "email.unsubscribed", T0 + DAY
    )
    for record in log.records:
        validate(msgspec.json.decode(record.value or b""), "signal.schema.json")
    result = run(log, load_catalog("tenx").default)
    kinds = set()
    for output in result.outputs:
        validate(output, f"{output['type']}.schema.json")
        kinds.add(output["type"])
    assert len(kinds) == 4
    step = result.steps[0]
    validate(msgspec.json.decode(step.scores[0][1] or b""), "score-snapshot.schema.json")
    validate(msgspec.json.decode(step.history[0][1] or b""), "history-batch.schema.json")


@pytest.mark.parametrize("preset", sorted(PRESETS.iterdir()), ids=lambda path: path.stem)
def test_presets_are_as_the_schema_of_rule_files_says(preset: Path) -> None:
    validate(YAML(typ="safe").load(preset.read_text()), "model.schema.json")


@pytest.mark.parametrize(
    ("old", "new"),
    [("points: 2", "pionts: 2"), ("half_life: 14d", "half_life: 14"), ("from: 50", "from: fifty")],
)
def test_an_editor_sees_mistakes_by_the_schema(old: str, new: str) -> None:
    text = (PRESETS / "tenx.yaml").read_text()
    assert old in text
    with pytest.raises(jsonschema.ValidationError):
        validate(YAML(typ="safe").load(text.replace(old, new)), "model.schema.json")
