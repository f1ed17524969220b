"""What is kept of a lead, and its codec."""

from zlib import crc32

import msgspec

from leadstream.records.times import DAY
from leadstream.scoring.state.facts import consents_of_facts, unpack
from leadstream.scoring.state.parked import Parked

CODEC = 3
"""The version of the rows' layout; a fold refuses rows of a newer one."""
OLDEST_CODEC = 2
"""Rows from this version on are read and brought up; they are written again when their lead next changes."""
ENGINE = 3
"""The version of the fold: raised when the same log would give other results."""

REMEMBERED_IDS = 16
ID_BYTES = 8
MEMORY_BYTES = REMEMBERED_IDS * ID_BYTES


class Deferred(msgspec.Struct, array_like=True, gc=False):
    """An action that waits for opening hours."""

    due: int
    action: int
    """Its number in the model."""
    crossing: str
    threshold: int | None = None
    """Index of the threshold that asked for it."""
    level: int | None = None
    """Index of the band or stage that asked for it."""


class Bounces(msgspec.Struct, array_like=True, gc=False):
    """Soft bounces of the present address that nothing has made up for."""

    times: list[int]
    """Their effective times, ascending; at least one."""
    for_good: bool = False
    """Whether they were so many in so short a time that the suppression does not end by itself."""


class Extra(msgspec.Struct, array_like=True, gc=False):
    """What only some models ask a state to keep. Instants are epoch milliseconds."""

    known_at: int | None = None
    """Effective time of the lead's first signal, kept where inactivity counts."""
    buckets: dict[str, bytes] | None = None
    """By branch, where its kernel is not memoryless: packed (effective time, mass), ascending."""
    lasts: dict[str, int] | None = None
    """By branch: effective time of its newest signal, where the reference instant is another."""
    spikes: list[bytes] | None = None
    """Per spike, packed (effective time, points) of the signals that may make it, ascending."""
    sends: list[tuple[str, int]] | None = None
    """Campaign and effective time of the last e-mails sent."""
    waits: list[tuple[int, int, int]] | None = None
    """Absences waited for: deadline, index of the timer, start."""
    deferred: list[Deferred] | None = None
    crossed: dict[int, int] | None = None
    """By threshold with a cool-down: when it last asked for its actions."""
    owner: str | None = None
    """Whom the lead was assigned to."""
    consents: dict[str, tuple[bool, int]] | None = None
    """By kind: the value of the fact, and its effective time."""
    void: list[str] | None = None
    """Facts that a reset has made count nothing until they arrive anew."""
    bounces: Bounces | None = None
    spell_at: int | None = None
    """When a reset began a spell of inactivity by being folded, instead of at its effective time."""
    parked: Parked | None = None
    """What earlier models have left, by name."""


class LeadState(msgspec.Struct, array_like=True, gc=False):
    """The state of one lead, a value of the changelog. Instants are epoch milliseconds.

    The accumulators are columns: `branches` has one character each, the branch of the model with that code
    point; `masses` the decayed sums of multipliers at the reference instants `refs`, which for a memoryless
    kernel are the newest effective times in them; `counts` the numbers of signals; `places` the offsets of
    those folded last, -1 of another lead's. Points are the model's, applied when reading. What few leads have
    is None until then.
    """

    codec: int = CODEC
    due: int = 0
    """The next instant at which time alone asks for work; 0 if none."""
    place: int = -1
    """Offset of the last record that changed the lead."""
    ordinal: int = 0
    """Records put out since `place`; with it, what ids are made of."""
    passed: int = 0
    """Bit i is set while threshold i of the model is passed."""
    band: int = 0
    stage: int = 0
    branches: str = ""
    masses: list[float] = []
    refs: list[int] = []
    counts: list[int] = []
    places: list[int] = []
    total: float = 0.0
    """The total at `touched`: a cache."""
    touched: int = 0
    """The fold's now at the last signal or timer."""
    change: int = 0
    """The score shown and all levels stay as they are until this instant after `touched`; 0 for ever."""
    ids: bytes = b""
    """Hashes of the last distinct signal ids, oldest first."""
    active_at: int | None = None
    """Effective time of the newest activity: a signal that a rule with positive points scored, and that no
    guard flagged."""
    reset_at: int | None = None
    suppressed: int = 0
    """Bit i is set while channel i of the model is suppressed; channel 0 is all outreach. What ends by itself
    is not in it: that is in `extra.bounces`."""
    rings: list[bytes] | None = None
    """Packed times, ascending, of the last occurrences that a rule or guard counts."""
    requested: list[int | None] | None = None
    """Per action name, when it was last requested."""
    owed: dict[int, str] | None = None
    """Thresholds passed by recovery whose actions wait for a positive signal, with the crossing's id."""
    facts: bytes = b""
    """Packed: name -> (value, effective time)."""
    extra: Extra | None = None
    activation: int = 0
    """The number of the activation whose model the state is in the terms of; 0 for the model that the
    application was started with."""

    def ensure_extra(self) -> Extra:
        """`extra`, made if it is not there."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra


class RowHead(msgspec.Struct, array_like=True, gc=False):
    """The beginning of a lead's row, all that a restore reads of it."""

    codec: int
    due: int


_encode_into = msgspec.msgpack.Encoder().encode_into
_decode_state = msgspec.msgpack.Decoder(LeadState).decode
decode_head = msgspec.msgpack.Decoder(RowHead).decode


def decode_state(row: bytes) -> LeadState:
    """The state of a row, of this codec or of an earlier one that is still read.

    What an earlier codec does not have is at its default. Raises `msgspec.DecodeError` for what is no row.
    """
    state = _decode_state(row)
    if state.codec != CODEC:
        bring_up(state)
    return state


def bring_up(state: LeadState) -> None:
    """Makes the state of an earlier codec one of this.

    Codec 2 noted consents that were booleans, and no others.
    """
    state.codec = CODEC
    if state.facts:
        consents = consents_of_facts(unpack(state.facts))
        if consents or state.extra is not None:
            state.ensure_extra().consents = consents


def encode_state(state: LeadState, buffer: bytearray | None = None) -> bytes:
    """The row of a state, in a buffer that may be used again.

    The bytes are copied, as those that msgspec's own `encode` gives keep half as much room again.
    """
    buffer = bytearray() if buffer is None else buffer
    _encode_into(state, buffer)
    return bytes(buffer)


def refresh_instant(key: bytes, change: int) -> int:
    """When a lead whose shown score changes at `change` by itself is written again: its own time of the day.

    Between 0 and 24 h after the change, spread over the day by the key's CRC-32, as all leads of a campaign
    would else fall due together.
    """
    return change + (crc32(key) - change) % DAY
