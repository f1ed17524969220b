"""JSON Schemas of the records on the wire; `python -m leadstream.records.schemas` writes them."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import fields

from leadstream.records.models import ScoringModel
from leadstream.records.outputs import (
    Accumulator,
    ActionRequested,
    ActionSkipped,
    BandChanged,
    HistoryBatch,
    ScoreSnapshot,
    StageChanged,
    ThresholdCrossed,
    TriggerFired,
)
from leadstream.records.signal import Signal

DIALECT = "https://json-schema.org/draft/2020-12/schema"
RECORDS: dict[str, type[msgspec.Struct]] = {
    "signal": Signal,
    "lead.threshold.crossed": ThresholdCrossed,
    "lead.band.changed": BandChanged,
    "lead.stage.changed": StageChanged,
    "lead.trigger.fired": TriggerFired,
    "lead.action.requested": ActionRequested,
    "lead.action.skipped": ActionSkipped,
    "score-snapshot": ScoreSnapshot,
    "history-batch": HistoryBatch,
    "scoring-model": ScoringModel,
}
"""By the name of the schema's file; of actions and decisions that is also the record's `type`."""


def record_schemas() -> dict[str, dict[str, Any]]:
    """The schema of each record by file name."""
    return {f"{name}.schema.json": schema_of(name, kind) for name, kind in RECORDS.items()}


def schema_of(name: str, kind: type[msgspec.Struct]) -> dict[str, Any]:
    (reference,), parts = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    for part in parts.values():
        part["description"] = cleandoc(part["description"])
    # An array on the wire has no names; the titles give them.
    for item, field in zip(
        parts.get("Accumulator", {}).get("prefixItems", ()), fields(Accumulator), strict=False
    ):
        item["title"] = field.name
    root = parts.pop(reference["$ref"].removeprefix("#/$defs/"))
    if name.startswith("lead."):
        root["properties"]["type"] = {"const": name}
    return {"$schema": DIALECT, **root, "$defs": parts}


def write(schemas: dict[str, dict[str, Any]], folder: Path) -> None:
    """Writes each schema to its file."""
    folder.mkdir(exist_ok=True)
    for name, schema in schemas.items():
        (folder / name).write_text(text_of(schema))


def text_of(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write(record_schemas(), Path("schemas"))
