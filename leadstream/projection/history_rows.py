"""From records of the history topic to rows of `score_events`. Pure."""

from collections.abc import Sequence

import msgspec

from leadstream.projection.batch import Batch
from leadstream.projection.storable import Origin, Row, Unfit, check_identity, decoded, instant, storable
from leadstream.records.outputs import Contribution
from leadstream.records.step import LogRecord
from leadstream.records.twins import ReadBatch, ReadEntry, ReadRawBatch

_entries = msgspec.json.Decoder(ReadBatch).decode
_raw_entries = msgspec.json.Decoder(ReadRawBatch).decode
_entry = msgspec.json.Decoder(ReadEntry).decode
_contributions = msgspec.json.Decoder(tuple[Contribution, ...]).decode


def read_history(_: int, records: Sequence[LogRecord], batch: Batch) -> None:
    """Every entry of every record."""
    for record in records:
        try:
            _read_history(record, batch)
        except Unfit as unfit:
            batch.reject(record, unfit)


def entry_of(origin: Origin) -> bytes | None:
    """The entry that a row comes from, as it stands in its record."""
    value = origin.record.value
    return None if value is None else bytes(_raw_entries(storable(value)[0]).entries[origin.item])


def _read_history(record: LogRecord, batch: Batch) -> None:
    value, altered = storable(record.value)
    try:
        batched = _entries(value)
        rows = [_event_row(batched.partition, entry, altered) for entry in batched.entries]
    except (Unfit, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        _read_entries_singly(record, value, altered, batch)
        return
    for item, (row, entry) in enumerate(zip(rows, batched.entries, strict=True)):
        batch.add(row, Origin(record, item), entry.now)


def _read_entries_singly(record: LogRecord, value: bytes, altered: bool, batch: Batch) -> None:
    """One entry that can't be stored costs the others of its record nothing."""
    batched = decoded(_raw_entries, value)
    for item, raw in enumerate(batched.entries):
        try:
            entry = decoded(_entry, bytes(raw))
            batch.add(_event_row(batched.partition, entry, altered), Origin(record, item), entry.now)
        except Unfit as unfit:
            batch.reject(record, unfit, item, bytes(raw))


def _event_row(partition: int, entry: ReadEntry, altered: bool) -> Row:
    data = str(entry.data, "utf-8")
    if data[:1] != "{":
        raise Unfit("bad_field", "`data` is no object")
    decoded(_contributions, entry.contributions)
    check_identity(altered, entry.tenant, entry.lead)
    return (
        partition,
        entry.offset,
        entry.tenant,
        entry.lead,
        entry.signal,
        entry.type,
        data,
        entry.data_bytes,
        entry.source,
        instant(entry.at),
        instant(entry.now),
        entry.points,
        entry.score_before,
        entry.score_after,
        entry.before,
        entry.after,
        str(entry.contributions, "utf-8"),
        entry.outcome,
        (*entry.flags, *[f"unread:{field}" for field in entry.unread]),
        entry.future,
        entry.past,
        altered,
    )
