"""From records of the actions and decisions topics to rows of `action_log` and `decision_log`. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from leadstream.projection.batch import Batch
from leadstream.projection.storable import Origin, Row, Unfit, check_identity, decoded, storable
from leadstream.records.outputs import (
    ActionRecord,
    ActionRequested,
    ActionSkipped,
    BandChanged,
    StageChanged,
    ThresholdCrossed,
    TriggerFired,
)
from leadstream.records.step import LogRecord
from leadstream.records.times import parse_instant

_action = msgspec.json.Decoder(ActionRecord).decode
_BY_TYPE: dict[str, Callable[[bytes], ActionRecord]] = {
    "lead.threshold.crossed": msgspec.json.Decoder(ThresholdCrossed).decode,
    "lead.band.changed": msgspec.json.Decoder(BandChanged).decode,
    "lead.stage.changed": msgspec.json.Decoder(StageChanged).decode,
    "lead.trigger.fired": msgspec.json.Decoder(TriggerFired).decode,
    "lead.action.requested": msgspec.json.Decoder(ActionRequested).decode,
    "lead.action.skipped": msgspec.json.Decoder(ActionSkipped).decode,
}


def read_actions(partition: int, records: Sequence[LogRecord], batch: Batch) -> None:
    """Every record."""
    _read_log(partition, records, batch, _action_values)


def read_decisions(partition: int, records: Sequence[LogRecord], batch: Batch) -> None:
    """Every record."""
    _read_log(partition, records, batch, _decision_values)


def _read_log(
    partition: int, records: Sequence[LogRecord], batch: Batch, own_values: Callable[[ActionRecord], Row]
) -> None:
    for logged in records:
        try:
            value, altered = storable(logged.value)
            record = _read_record(value)
            check_identity(altered, record.tenant, record.lead, record.id)
            at = _instant(record.at)
            common = _common_values(record, at, (partition, logged.offset), altered)
            batch.add((*common, *own_values(record)), Origin(logged), at)
        except Unfit as unfit:
            batch.reject(logged, unfit)


def _read_record(value: bytes) -> ActionRecord:
    """The record; of a type that a later version made, the common part. Raises `Unfit`."""
    record = decoded(_action, value)
    return decoded(_BY_TYPE[record.type], value) if record.type in _BY_TYPE else record


def _common_values(record: ActionRecord, at: int, place: tuple[int, int], altered: bool) -> Row:
    """What both logs have; `place` is partition and offset of the record."""
    signal = record.signal
    action: tuple[Any, ...] = (None, None, None, None, None)
    threshold = None
    if isinstance(record, ActionRequested | ActionSkipped):
        priority = record.priority if isinstance(record, ActionRequested) else ""
        action = (
            record.do,
            record.channel or None,
            record.trigger,
            priority or None,
            record.crossing or None,
        )
        threshold = record.threshold
    elif isinstance(record, TriggerFired):
        action = (None, None, record.trigger, None, None)
    elif isinstance(record, ThresholdCrossed):
        threshold = record.threshold
    return (
        record.id,
        record.type,
        record.tenant,
        record.lead,
        at,
        record.cause,
        record.direction,
        threshold,
        record.total_before,
        record.total_after,
        record.score,
        record.band,
        record.stage,
        record.model,
        *action,
        None if signal is None else signal.id,
        None if signal is None else signal.type,
        None if signal is None else _text(signal),
        *place,
        altered,
    )


def _action_values(record: ActionRecord) -> Row:
    """What `action_log` alone has."""
    factors = None
    if isinstance(record, ThresholdCrossed | BandChanged | StageChanged | TriggerFired | ActionRequested):
        factors = _text(record.factors)
    return (
        record.previous_band if isinstance(record, BandChanged) else None,
        record.previous_stage if isinstance(record, StageChanged) else None,
        record.value if isinstance(record, TriggerFired) else None,
        _text(record.payload) if isinstance(record, ActionRequested) else None,
        factors,
    )


def _decision_values(record: ActionRecord) -> Row:
    """What `decision_log` alone has. Raises `Unfit`."""
    if not isinstance(record, ActionSkipped):
        return (None, None)
    return record.reason, _instant(record.until) if record.until else None


def _instant(text: str) -> int:
    """RFC 3339 as epoch milliseconds. Raises `Unfit`."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Unfit("bad_time", str(error)) from None


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
