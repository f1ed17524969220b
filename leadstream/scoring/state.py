"""What is kept of a lead, and its codec."""

from zlib import crc32

import msgspec

from leadstream.records.times import DAY

CODEC = 1
"""The version of the rows' layout; a fold refuses rows of a newer one."""
ENGINE = 1
"""The version of the fold: raised when the same log would give other results."""

REMEMBERED_IDS = 16
ID_BYTES = 8
MEMORY_BYTES = REMEMBERED_IDS * ID_BYTES


class LeadState(msgspec.Struct, array_like=True, gc=False):
    """The state of one lead, a value of the changelog. Instants are epoch milliseconds.

    The accumulators are columns: `branches` has one character each, the branch of the model with that code
    point; `masses` the decayed sums of multipliers at the reference instants `refs`, which are the newest
    effective times in them; `counts` the numbers of signals. Points are the model's, applied when reading.
    What few leads have is None until then.
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
    branches: str = ""
    masses: list[float] = []
    refs: list[int] = []
    counts: list[int] = []
    total: float = 0.0
    """Sum of points x mass at `touched` over the branches with the model's default kernel: a cache that makes
    a total one product."""
    others: list[float] | None = None
    """The same for each further kernel of the model; None until a branch with one is used."""
    touched: int = 0
    """The fold's now at the last signal or timer."""
    change: int = 0
    """When the score shown or a level next changes by itself after `touched`; 0 if never."""
    ids: bytes = b""
    """Hashes of the last distinct signal ids, oldest first."""
    active_at: int | None = None
    """Effective time of the newest signal that a rule with positive points scored."""
    reset_at: int | None = None
    suppressed: int = 0
    """Bit i is set while channel i of the model is suppressed; channel 0 is all outreach."""
    rings: list[bytes] | None = None
    """Per rule with `repeat`, the packed times of its last occurrences, ascending."""
    requested: list[int | None] | None = None
    """Per action name, when it was last requested."""
    owed: dict[int, str] | None = None
    """Thresholds passed by recovery whose actions wait for a positive signal, with the crossing's id."""
    facts: bytes = b""
    """Packed: name -> (value, effective time)."""


class RowHead(msgspec.Struct, array_like=True, gc=False):
    """The beginning of a lead's row, all that a restore reads of it."""

    codec: int
    due: int


_encode_into = msgspec.msgpack.Encoder().encode_into
decode_state = msgspec.msgpack.Decoder(LeadState).decode
decode_head = msgspec.msgpack.Decoder(RowHead).decode


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
