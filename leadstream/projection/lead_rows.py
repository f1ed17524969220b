"""From records of the scores topic to rows of `leads`. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from leadstream.projection.batch import Batch
from leadstream.projection.model_rows import MAX_VERSION
from leadstream.projection.ranking import rank_of
from leadstream.projection.storable import Origin, Row, Unfit, check_identity, decoded, instant, storable
from leadstream.projection.tables import LEADS
from leadstream.records.keys import lead_key
from leadstream.records.outputs import Accumulator
from leadstream.records.rejection import shorten
from leadstream.records.signal import MAX_TEXT
from leadstream.records.step import LogRecord
from leadstream.records.times import LAST
from leadstream.records.twins import NO_CAPS, ReadBand, ReadSnapshot

BAND = LEADS.names.index("score_band")
BAND_OFFSET = LEADS.names.index("band_offset")
"""The last column."""

_snapshot = msgspec.json.Decoder(ReadSnapshot).decode
_in_band = msgspec.json.Decoder(ReadBand).decode
_accumulators = msgspec.json.Decoder(tuple[Accumulator, ...]).decode
_caps = msgspec.json.Decoder(dict[str, tuple[float, float]]).decode


def read_scores(partition: int, records: Sequence[LogRecord], batch: Batch) -> None:
    """Of each lead the last snapshot that can be stored."""
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
