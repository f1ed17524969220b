"""The partition's own rows in its changelog, beside those of its leads."""

import msgspec

from leadstream.records.rejection import Rejected
from leadstream.scoring.crawlers import LIST_VERSION
from leadstream.scoring.hours import TZDATA_VERSION
from leadstream.scoring.model import CompiledModel, ModelCatalog
from leadstream.scoring.phone import METADATA_VERSION
from leadstream.scoring.state import CODEC, ENGINE

POSITION = b"\0position"
MODEL = b"\0model:"
TURNS = b"\0turns:"


class ModelMismatch(Exception):
    """State was scored with another model than the one given."""


class NewerEngine(Exception):
    """Rows were written by another version of this program than can go on with them."""


class PositionRow(msgspec.Struct, array_like=True, frozen=True):
    """How far the log is folded into the rows: `position` is the next offset, `now` in ms."""

    codec: int
    engine: int
    position: int
    now: int
    data: dict[str, str]
    """Versions of the data that results depend on."""


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
_decode_head = msgspec.msgpack.Decoder(_PositionHead).decode
_decode_position = msgspec.msgpack.Decoder(PositionRow).decode
_decode_turns = msgspec.msgpack.Decoder(TurnsRow).decode
_decode_model = msgspec.msgpack.Decoder(ModelRow).decode


DATA_VERSIONS = {"phonenumbers": METADATA_VERSION, "tzdata": TZDATA_VERSION, "crawlers": LIST_VERSION}
"""Of the data that results depend on."""


def position_row(position: int, now: int) -> bytes:
    return _encode(PositionRow(CODEC, ENGINE, position, now, DATA_VERSIONS))


def turns_row(counters: dict[str, int]) -> bytes:
    """Whose turn it is among the owners of each action of a tenant."""
    return _encode(TurnsRow(CODEC, counters))


def read_turns(row: bytes) -> dict[str, int]:
    stored = _decode_turns(row)
    refuse_other(stored.codec)
    return stored.counters


def model_row(model: CompiledModel) -> bytes:
    names = tuple(branch.factor for branch in model.branches)
    return _encode(ModelRow(CODEC, model.name, model.version, model.fingerprint, names))


def read_position(row: bytes) -> PositionRow:
    """Raises `NewerEngine` for a row of a newer engine or codec."""
    head = _decode_head(row)
    if head.engine > ENGINE:
        raise NewerEngine(
            f"the state was written by engine {head.engine}, this is {ENGINE}: start the newer release again"
        )
    refuse_other(head.codec)
    return _decode_position(row)


def refuse_other(codec: int) -> None:
    """Raises `NewerEngine` for rows of another codec."""
    if codec > CODEC:
        raise NewerEngine(
            f"the state has rows of codec {codec}, this release reads {CODEC}: start the newer release again"
        )
    if codec < CODEC:
        raise NewerEngine(
            f"the state has rows of codec {codec}, this release reads {CODEC}: start under another app name "
            "to score the log anew"
        )


def check_model(key: bytes, row: bytes, models: ModelCatalog) -> None:
    """Raises `ModelMismatch` if a tenant's leads were scored with another model than they would be now."""
    tenant = key[len(MODEL) :].decode()
    stored = _decode_model(row)
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
            "same rule file and half-life, or under another app name to score the log anew"
        )
