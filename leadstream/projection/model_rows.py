"""From records of the topic of models to rows of `lead_scoring_models`. Pure."""

from collections.abc import Sequence

import msgspec

from leadstream.projection.batch import Batch
from leadstream.projection.storable import Origin, Row, Unfit, check_identity, decoded, instant, storable
from leadstream.records.keys import CONTROL_PREFIX
from leadstream.records.models import model_key
from leadstream.records.rejection import shorten
from leadstream.records.step import LogRecord
from leadstream.records.twins import ReadModel

MAX_VERSION = 50
"""As the rule file has it, and `leads.score_version`."""


_model = msgspec.json.Decoder(ReadModel).decode


def read_models(_: int, records: Sequence[LogRecord], batch: Batch) -> None:
    """Of each model the last record that can be stored."""
    seen: set[bytes] = set()
    for record in reversed(records):
        key = record.key
        if key is None:
            batch.reject(record, Unfit("key_mismatch", "the record has no key"))
            continue
        if key.startswith(CONTROL_PREFIX):
            # What operators mean to do: it goes to the workers.
            continue
        if key in seen:
            batch.coalesced += 1
            continue
        try:
            if record.value is None:
                batch.removed.append((*_model_of(key), record.offset))
            else:
                # Its time is none of a fold.
                batch.add(*_model_row(record), 0)
            seen.add(key)
        except Unfit as unfit:
            batch.reject(record, unfit)


def _model_row(record: LogRecord) -> tuple[Row, Origin]:
    """The row of a record, not yet in force, and where it comes from. Raises `Unfit`."""
    value, altered = storable(record.value)
    model = decoded(_model, value)
    check_identity(altered, model.tenant, model.fingerprint)
    key = model_key(model.tenant, model.fingerprint)
    if record.key != key:
        raise Unfit("key_mismatch", f"the key is {shorten(record.key)}, the body says {shorten(key)}")
    for name, raw, first in (
        ("rules", model.rules, b"{"), ("caps", model.caps, b"{"), ("bands", model.bands, b"["),
        ("decay", model.decay, b"["), ("thresholds", model.thresholds, b"["), ("stages", model.stages, b"["),
    ):  # fmt: skip
        if bytes(raw)[:1] != first:
            raise Unfit("bad_field", f"`{name}` is no {'object' if first == b'{' else 'array'}")
    version = model.version
    if len(version) > MAX_VERSION:
        version, altered = version[:MAX_VERSION], True
    logged = instant(record.timestamp)
    row = (
        model.tenant,
        model.fingerprint,
        f"{model.name}/{model.version}",
        model.name,
        version,
        False,
        bytes(model.rules).decode(),
        bytes(model.decay).decode(),
        bytes(model.bands).decode(),
        bytes(model.thresholds).decode(),
        bytes(model.stages).decode(),
        bytes(model.caps).decode(),
        model.timezone,
        logged if model.created is None else instant(model.created),
        logged,
        not model.active,
        record.offset,
        altered,
    )
    return row, Origin(record)


def _model_of(key: bytes) -> tuple[str, str]:
    """Tenant and fingerprint of a key. Raises `Unfit`."""
    try:
        tenant, colon, fingerprint = key.decode().partition(":")
    except UnicodeDecodeError:
        tenant = colon = fingerprint = ""
    if not (colon and fingerprint) or "\0" in tenant + fingerprint:
        raise Unfit("key_mismatch", f"no model has the key {shorten(key)}")
    return tenant, fingerprint
