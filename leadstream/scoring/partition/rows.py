"""The partition's own rows in its changelog, beside those of its leads."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

import msgspec

from leadstream.errors import LeadStreamError
from leadstream.records.keys import CONTROL_PREFIX, hashed_partition
from leadstream.records.rejection import Rejected, shorten
from leadstream.records.step import LogRecord
from leadstream.scoring.compiled.crawlers import LIST_VERSION
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog
from leadstream.scoring.facts.address import IDNA_VERSION, VALIDATOR_VERSION
from leadstream.scoring.facts.countries import CLDR_VERSION
from leadstream.scoring.facts.phone import METADATA_VERSION
from leadstream.scoring.facts.zones import TZDATA_VERSION
from leadstream.scoring.state.lead_state import (
    CODEC,
    ENGINE,
    OLDEST_CODEC,
    LeadState,
    RowHead,
    decode_head,
    decode_state,
)

T = TypeVar("T")

CHECKED_KEYS = 1000

POSITION = b"\0position"
MODEL = b"\0model:"
TURNS = b"\0turns:"


class ModelMismatch(LeadStreamError):
    """State was scored with another model than the one given."""


class NewerEngine(LeadStreamError):
    """Rows were written by another version of this program than can go on with them."""


class DamagedRow(LeadStreamError):
    """A row of the changelog that LeadStream did not write."""


class OtherPartitions(LeadStreamError):
    """Rows are of keys that the partition does not have with the number of partitions given."""


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """What a record of the log is known again by: its offset, its broker's time (epoch ms) and a hash."""

    offset: int
    timestamp: int
    digest: bytes
    """BLAKE2b of key and value, 8 bytes."""


class LogIdentity(msgspec.Struct, array_like=True, frozen=True):
    """The log that a partition is folded from: a position means something in it only.

    An id is "" where the broker has none, `partitions` is 0 where it is not known.
    """

    topic: str = ""
    """The id of the topic of signals."""
    changelog: str = ""
    """The id of the topic that the rows stand in."""
    partitions: int = 0
    """By how many partitions keys are placed."""

    def after(self, before: "LogIdentity") -> "LogIdentity":
        """This, with the ids of `before` where the broker tells none now."""
        return LogIdentity(
            self.topic or before.topic,
            self.changelog or before.changelog,
            self.partitions or before.partitions,
        )


UNKNOWN_LOG = LogIdentity()


class PositionRow(msgspec.Struct, array_like=True, frozen=True):
    """How far the log is folded into the rows: `position` is the next offset, `now` in ms."""

    codec: int
    engine: int
    position: int
    now: int
    data: dict[str, str]
    """Versions of the data that results depend on."""
    log: LogIdentity = UNKNOWN_LOG
    """Unknown in rows of codec 2."""
    last: Mark | None = None
    """The last folded record; None before the first, and in rows of codec 2."""


class ModelRow(msgspec.Struct, array_like=True, frozen=True):
    """The model that a tenant's leads are scored with; `branches` names the accumulators of their states."""

    codec: int
    name: str
    version: str
    fingerprint: str
    branches: tuple[str, ...]


class TurnsRow(msgspec.Struct, array_like=True, frozen=True):
    """By action, how many turns have been taken."""

    codec: int
    counters: dict[str, int]


class _PositionHead(msgspec.Struct, array_like=True, frozen=True):
    codec: int
    engine: int


_encode = msgspec.msgpack.Encoder().encode
_decode_position_head = msgspec.msgpack.Decoder(_PositionHead).decode
_decode_position = msgspec.msgpack.Decoder(PositionRow).decode
_decode_turns = msgspec.msgpack.Decoder(TurnsRow).decode
_decode_model = msgspec.msgpack.Decoder(ModelRow).decode


DATA_VERSIONS = {
    "phonenumbers": METADATA_VERSION,
    "tzdata": TZDATA_VERSION,
    "crawlers": LIST_VERSION,
    "email-validator": VALIDATOR_VERSION,
    "idna": IDNA_VERSION,
    "babel": CLDR_VERSION,
}
"""Of the data that results depend on."""


def position_row(position: int, now: int, log: LogIdentity = UNKNOWN_LOG, last: Mark | None = None) -> bytes:
    return _encode(PositionRow(CODEC, ENGINE, position, now, DATA_VERSIONS, log, last))


def mark_of(record: LogRecord) -> Mark:
    """What the record is known again by.

    Headers are left out: what tells two records apart is their time, key and value.
    """
    hashed = blake2b(digest_size=8)
    for part in (record.key, record.value):
        # Lengths keep apart what a key ends with and a value begins with, and null from empty.
        hashed.update(b"-" if part is None else b"%d:" % len(part))
        hashed.update(part or b"")
    return Mark(record.offset, record.timestamp, hashed.digest())


def check_keys(rows: Iterable[bytes], partition: int, partitions: int) -> None:
    """Raises `OtherPartitions` if leads among the rows belong elsewhere, were there so many partitions.

    For rows that do not say by how many partitions their keys were placed. A lead has a row in the partition
    of its key only, so a few of them tell.
    """
    leads = (key for key in rows if not key.startswith(CONTROL_PREFIX))
    for key in islice(leads, CHECKED_KEYS):
        home = hashed_partition(key, partitions)
        if home != partition:
            raise OtherPartitions(
                f"the state of {shorten(key)} is in partition {partition}, and its key belongs in {home} of "
                f"{partitions}"
            )


def read(decode: Callable[[bytes], T], key: bytes, row: bytes) -> T:
    """What the bytes of a row say. Raises `DamagedRow`."""
    try:
        return decode(row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedRow(
            f"the row of {shorten(key)} in the changelog can't be read ({error}): something else writes to "
            "that topic; find out what, and restore the topic from a copy"
        ) from None


def read_state(key: bytes, row: bytes) -> LeadState:
    """The state of a lead. Raises `DamagedRow`."""
    return read(decode_state, key, row)


def read_head(key: bytes, row: bytes) -> RowHead:
    """The beginning of a lead's row. Raises `DamagedRow`, and `NewerEngine` for a codec that is not read."""
    head = read(decode_head, key, row)
    refuse_other(head.codec)
    return head


def tenant_of(key: bytes, kind: bytes) -> str:
    """The tenant of a row whose key begins with `kind`. Raises `DamagedRow`."""
    return read(bytes.decode, key, key[len(kind) :])


def turns_row(counters: dict[str, int]) -> bytes:
    """Whose turn it is among the owners of each action of a tenant."""
    return _encode(TurnsRow(CODEC, counters))


def read_turns(key: bytes, row: bytes) -> dict[str, int]:
    stored = read(_decode_turns, key, row)
    refuse_other(stored.codec)
    return stored.counters


def model_row(model: CompiledModel) -> bytes:
    names = tuple(branch.factor for branch in model.branches)
    return _encode(ModelRow(CODEC, model.name, model.version, model.fingerprint, names))


def read_position(row: bytes) -> PositionRow:
    """Raises `NewerEngine` for a row of a newer engine or codec."""
    head = read(_decode_position_head, POSITION, row)
    if head.engine > ENGINE:
        raise NewerEngine(
            f"the state was written by engine {head.engine}, this is {ENGINE}: start the newer release again"
        )
    refuse_other(head.codec)
    return read(_decode_position, POSITION, row)


def refuse_other(codec: int) -> None:
    """Raises `NewerEngine` for rows of a codec that this release does not read."""
    if codec > CODEC:
        raise NewerEngine(
            f"the state has rows of codec {codec}, this release reads {CODEC}: start the newer release again"
        )
    if codec < OLDEST_CODEC:
        raise NewerEngine(
            f"the state has rows of codec {codec}, this release reads {OLDEST_CODEC} to {CODEC}: start "
            "a release between the two first"
        )


def check_model(key: bytes, row: bytes, models: ModelCatalog) -> None:
    """Raises `ModelMismatch` if a tenant's leads were scored with another model than they would be now."""
    tenant = tenant_of(key, MODEL)
    stored = read(_decode_model, key, row)
    refuse_other(stored.codec)
    try:
        model = models.for_tenant(tenant)
    except Rejected:
        raise ModelMismatch(
            f"tenant {tenant} has state here, scored with {stored.name}/{stored.version}, and is not in the "
            "tenants file: list it again"
        ) from None
    if model.fingerprint != stored.fingerprint:
        raise ModelMismatch(
            f"the leads of tenant {tenant} were scored with {stored.name}/{stored.version} "
            f"({stored.fingerprint}), the model given is {model.label} ({model.fingerprint}): start with the "
            "same rule file and half-life, then `leadstream models activate` the other one"
        )
