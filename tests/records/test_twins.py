"""The twins of `records.twins` against what they are twins of: field by field, and byte by byte."""

from inspect import getmembers, isclass
from typing import Any, get_type_hints

import msgspec
import pytest
from msgspec.structs import FieldInfo, fields

from leadstream.records import twins
from leadstream.records.models import ScoringModel
from leadstream.records.outputs import (
    ActionRecord,
    ActionRequested,
    ActionSkipped,
    BandChanged,
    HistoryBatch,
    HistoryEntry,
    ScoreSnapshot,
    StageChanged,
    ThresholdCrossed,
    TriggerFired,
)
from leadstream.records.schemas import RECORDS
from tests.scoring.test_golden import STORIES, folded

Record = type[msgspec.Struct]
RAW = msgspec.Raw
FACTORS = {"factors": RAW | None}
HEAD = ("id", "type", "cause", "direction")
"""What `Outbox.put` writes before the twins."""
BASE = tuple(field.name for field in fields(ActionRecord))
TWINS: dict[Record, tuple[Record, tuple[str, ...], dict[str, Any]]] = {
    twins.WrittenSnapshot: (
        ScoreSnapshot, ("caps",), {"accumulators": list[tuple[RAW, float, int, int, int]]},
    ),
    twins.Common: (ActionRecord, HEAD, {}),
    twins.OwnOfCrossing: (ThresholdCrossed, BASE, FACTORS),
    twins.OwnOfBandChange: (BandChanged, BASE, FACTORS),
    twins.OwnOfStageChange: (StageChanged, BASE, FACTORS),
    twins.OwnOfTrigger: (TriggerFired, BASE, FACTORS),
    twins.OwnOfRequest: (ActionRequested, BASE, FACTORS),
    twins.OwnOfSkip: (ActionSkipped, BASE, {}),
    twins.ReadSnapshot: (ScoreSnapshot, (), {"accumulators": RAW, "caps": RAW}),
    twins.ReadBand: (ScoreSnapshot, tuple(f.name for f in fields(ScoreSnapshot) if f.name != "band"), {}),
    twins.ReadEntry: (HistoryEntry, (), {"contributions": RAW, "outcome": str, "data": RAW}),
    twins.ReadBatch: (HistoryBatch, (), {"entries": list[twins.ReadEntry]}),
    twins.ReadRawBatch: (HistoryBatch, (), {"entries": list[RAW]}),
    twins.ReadModel: (
        ScoringModel, (), dict.fromkeys(("rules", "bands", "decay", "thresholds", "stages", "caps"), RAW),
    ),
}  # fmt: skip
"""Each with the record, the fields that it leaves out, and those whose type is another, with that type."""


def default_of(field: FieldInfo) -> Any:
    """As JSON, `required` without one. None where all that is empty is left out of the record."""
    if field.required:
        return "required"
    found = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return msgspec.json.decode(msgspec.json.encode(found)) or None


def difference(twin: Record, record: Record, without: tuple[str, ...], other: dict[str, Any]) -> str | None:
    """The first field that is not as the record says, and how; None if all are."""
    ours = {field.name: field for field in fields(twin)}
    theirs = {field.name: field for field in fields(record) if field.name not in without}
    our_types, their_types = get_type_hints(twin), get_type_hints(record) | other
    for name in (*theirs, *ours):
        if name not in ours or name not in theirs:
            return f"{name}: only {record.__name__ if name in theirs else twin.__name__} has it"
        if default_of(ours[name]) != default_of(theirs[name]):
            return f"{name}: default {default_of(ours[name])!r}, not {default_of(theirs[name])!r}"
        if our_types[name] != their_types[name]:
            return f"{name}: type {our_types[name]}, not {their_types[name]}"
    for name, wanted in zip(ours, theirs, strict=True):
        if name != wanted:
            return f"{name}: stands where {wanted} does in {record.__name__}"
    return None


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.__name__)
def test_a_twin_has_the_fields_of_its_record(twin: Record) -> None:
    record, without, other = TWINS[twin]
    assert set(without) <= {field.name for field in fields(record)}
    assert (found := difference(twin, record, without, other)) is None, found


def test_every_twin_is_compared() -> None:
    declared = {one for _, one in getmembers(twins, isclass) if one.__module__ == twins.__name__}
    assert declared == set(TWINS)


def test_a_difference_is_told_by_its_field() -> None:
    class Changed(msgspec.Struct):
        a: int
        b: str = ""
        c: float = 0.0

    def told(*changes: tuple[Any, ...]) -> str | None:
        return difference(msgspec.defstruct("Twin", changes), Changed, (), {})

    same: list[tuple[Any, ...]] = [("a", int), ("b", str, ""), ("c", float, 0.0)]
    assert told(*same) is None
    assert told(*same[:2]) == "c: only Changed has it"
    assert told(*same, ("d", int, 0)) == "d: only Twin has it"
    assert told(same[0], ("b", str, "x"), same[2]) == "b: default 'x', not None"
    assert told(same[0], ("b", bytes, ""), same[2]) == f"b: type {bytes}, not {str}"
    assert told(same[0], same[2], same[1]) == "c: stands where b does in Changed"


def test_what_a_fold_writes_is_what_the_records_would_be() -> None:
    """Of all golden stories each record, read and written again as it is declared."""
    types = set()
    for story in STORIES:
        for _, result in folded(story):
            for step in [] if result is None else result.steps:
                for kind, messages in (("score-snapshot", step.scores), ("history-batch", step.history)):
                    for _, value, _ in messages:
                        types.add(written_again(kind, value))
                for _, value, headers in (*step.actions, *step.decisions):
                    types.add(written_again(dict(headers)["ce_type"].decode(), value))
    assert types == RECORDS.keys() - {"signal", "scoring-model"}


def written_again(kind: str, value: bytes | None) -> str:
    assert value is not None
    again = msgspec.json.encode(msgspec.json.decode(value, type=RECORDS[kind]))
    # An accumulator may leave out that it has no detail: the last of its array.
    assert again.replace(b",null]", b"]") == value.replace(b",null]", b"]")
    return kind
