"""From records of the log to rows of PostgreSQL. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from leadstream.projection.log_rows import (
    action_values,
    common_values,
    decision_values,
    read_action,
    read_instant,
)
from leadstream.projection.model_rows import MAX_VERSION, model_of, model_row
from leadstream.projection.ranking import rank_of
from leadstream.projection.storable import (
    DeadRow,
    Origin,
    Row,
    Unfit,
    check_identity,
    decoded,
    instant,
    storable,
)
from leadstream.projection.tables import LEADS
from leadstream.records.keys import lead_key
from leadstream.records.outputs import Accumulator, Contribution, Kind
from leadstream.records.rejection import shorten
from leadstream.records.signal import MAX_TEXT
from leadstream.records.step import LogRecord, Unreadable
from leadstream.records.times import LAST
from leadstream.records.twins import NO_CAPS, ReadBand, ReadBatch, ReadEntry, ReadRawBatch, ReadSnapshot

BAND = LEADS.names.index("score_band")
BAND_OFFSET = LEADS.names.index("band_offset")
"""The last column."""


@dataclass(slots=True)
class Batch:
    """Rows with their origins, one to one. `removed` are tenant, lead (or fingerprint of a model) and offset
    of tombstones that are the last record of their key; `entered` of changes of band behind which a
    coalesced snapshot of the lead has another band. `coalesced` counts records that a later one of the same
    key replaces. `newest` is the highest time of the fold in the rows (epoch ms), 0 without rows."""

    rows: list[Row] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    dead: list[DeadRow] = field(default_factory=list)
    removed: list[tuple[str, str, int]] = field(default_factory=list)
    entered: list[tuple[str, str, int]] = field(default_factory=list)
    coalesced: int = 0
    newest: int = 0

    def reject(self, record: LogRecord, unfit: Unfit, item: int = 0, value: bytes | None = None) -> None:
        value = record.value if value is None else value
        self.dead.append(DeadRow(Origin(record, item), unfit.reason, str(unfit), value))

    def add(self, row: Row, origin: Origin, now: int) -> None:
        self.rows.append(row)
        self.origins.append(origin)
        if now > self.newest:
            self.newest = now


_snapshot = msgspec.json.Decoder(ReadSnapshot).decode
_in_band = msgspec.json.Decoder(ReadBand).decode
_accumulators = msgspec.json.Decoder(tuple[Accumulator, ...]).decode
_caps = msgspec.json.Decoder(dict[str, tuple[float, float]]).decode
_entries = msgspec.json.Decoder(ReadBatch).decode
_raw_entries = msgspec.json.Decoder(ReadRawBatch).decode
_entry = msgspec.json.Decoder(ReadEntry).decode
_contributions = msgspec.json.Decoder(tuple[Contribution, ...]).decode


def read_records(kind: Kind, partition: int, records: Sequence[LogRecord]) -> Batch:
    """The rows of some records of one partition, in their order; of snapshots and models the last of
    each key."""
    batch = Batch()
    for record in records:
        if type(record) is Unreadable:
            last = "" if record.last == record.offset else f"offsets up to {record.last}: "
            batch.reject(record, Unfit("unreadable", f"{last}{record.detail}"))
    if batch.dead:
        records = [record for record in records if type(record) is not Unreadable]
    if kind == "scores":
        _read_scores(partition, records, batch)
        return batch
    if kind == "models":
        _read_models(records, batch)
        return batch
    for record in records:
        try:
            if kind == "history":
                _read_history(record, batch)
            else:
                _read_action(kind, partition, record, batch)
        except Unfit as unfit:
            batch.reject(record, unfit)
    return batch


def refused(kind: Kind, origin: Origin, detail: str) -> DeadRow:
    """A row that PostgreSQL did not take."""
    value = origin.record.value
    if kind == "history" and value is not None:
        value = bytes(_raw_entries(storable(value)[0]).entries[origin.item])
    return DeadRow(origin, "refused", detail, value)


def _read_scores(partition: int, records: Sequence[LogRecord], batch: Batch) -> None:
    # Backwards, so that only the last snapshot of a lead is decoded as a whole. A snapshot that can't be
    # stored does not count as the last one: an older row is better than none.
    rows: dict[bytes, tuple[Row, LogRecord] | None] = {}
    stays: dict[bytes, _Stay] = {}
    for record in reversed(records):
        key = record.key
        if key is None:
            batch.reject(record, Unfit("key_mismatch", "the record has no key"))
            continue
        if key in rows:
            batch.coalesced += 1
            found = rows[key]
            if found is not None:
                if key not in stays:
                    stays[key] = _Stay(found[0][BAND], found[1].offset)
                if not stays[key].entered:
                    stays[key].look_back(record)
            continue
        try:
            if record.value is None:
                batch.removed.append((*_lead_of(key), record.offset))
                rows[key] = None
            else:
                row, at = _lead_row(partition, record)
                rows[key] = row, record
                if at > batch.newest:
                    batch.newest = at
        except Unfit as unfit:
            batch.reject(record, unfit)
    for key, stay in stays.items():
        found = rows[key]
        if found is not None:
            row, record = found
            rows[key] = (*row[:BAND_OFFSET], stay.since), record
            if stay.entered:
                batch.entered.append((row[0], row[1], stay.since))
    # In the order of the primary key: neighbours are on the same pages of its index.
    for key in sorted(rows):
        found = rows[key]
        if found is not None:
            batch.rows.append(found[0])
            batch.origins.append(Origin(found[1]))


@dataclass(slots=True)
class _Stay:
    """Since which offset, in the records at hand, a lead is in the band of its last snapshot.

    So what the tables say of changes of band does not depend on how the records fall into steps.
    """

    band: str
    since: int
    entered: bool = False
    """Whether a snapshot before that has another band, or the lead was removed."""

    def look_back(self, record: LogRecord) -> None:
        """Takes the lead's next snapshot backwards."""
        try:
            same = record.value is not None and _in_band(record.value).band == self.band
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if same:
            self.since = record.offset
        else:
            self.entered = True


def _read_models(records: Sequence[LogRecord], batch: Batch) -> None:
    """Of each model the last record that can be stored."""
    seen: set[bytes] = set()
    for record in reversed(records):
        key = record.key
        if key is None:
            batch.reject(record, Unfit("key_mismatch", "the record has no key"))
            continue
        if key in seen:
            batch.coalesced += 1
            continue
        try:
            if record.value is None:
                batch.removed.append((*model_of(key), record.offset))
            else:
                # Its time is none of a fold.
                batch.add(*model_row(record), 0)
            seen.add(key)
        except Unfit as unfit:
            batch.reject(record, unfit)


def _lead_of(key: bytes) -> tuple[str, str]:
    try:
        tenant, colon, lead = key.decode().partition(":")
    except UnicodeDecodeError:
        tenant = colon = lead = ""
    if not (tenant and colon and lead) or "\0" in tenant + lead or max(len(tenant), len(lead)) > MAX_TEXT:
        raise Unfit("key_mismatch", f"no lead has the key {shorten(key)}")
    return tenant, lead


def _lead_row(partition: int, record: LogRecord) -> tuple[Row, int]:
    value, altered = storable(record.value)
    snapshot = decoded(_snapshot, value)
    at = instant(snapshot.at)
    try:
        caps = {} if snapshot.caps is NO_CAPS else decoded(_caps, snapshot.caps)
        rank = rank_of(decoded(_accumulators, snapshot.accumulators), at, snapshot.total, caps)
    except ValueError as error:
        raise Unfit("bad_field", str(error)) from None
    check_identity(altered, snapshot.tenant, snapshot.lead)
    key = lead_key(snapshot.tenant, snapshot.lead)
    if record.key != key:
        raise Unfit("key_mismatch", f"the key is {shorten(record.key)}, the body says {shorten(key)}")
    version = snapshot.version
    if len(version) > MAX_VERSION:
        version, altered = version[:MAX_VERSION], True
    next_change = snapshot.next_change
    row = (
        snapshot.tenant,
        snapshot.lead,
        snapshot.score,
        snapshot.band,
        version,
        at,
        snapshot.total,
        snapshot.model,
        # A change beyond the year 9999 is none that a row needs.
        next_change if next_change is None or next_change <= LAST else None,
        None if snapshot.last_activity is None else instant(snapshot.last_activity),
        snapshot.suppressed,
        snapshot.stage,
        snapshot.owner or None,
        str(snapshot.accumulators, "utf-8"),
        str(snapshot.caps, "utf-8"),
        partition,
        snapshot.offset,
        altered,
        *rank,
        record.offset,
        record.offset,
    )
    return row, at


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


def _read_action(kind: Kind, partition: int, logged: LogRecord, batch: Batch) -> None:
    value, altered = storable(logged.value)
    record = read_action(value)
    check_identity(altered, record.tenant, record.lead, record.id)
    at = read_instant(record.at)
    common = common_values(record, at, (partition, logged.offset), altered)
    own = action_values(record) if kind == "actions" else decision_values(record)
    batch.add((*common, *own), Origin(logged), at)
