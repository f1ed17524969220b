"""Twins of the records in `outputs` and `models`: the same on the wire, cheaper to write or to read.

A record is declared in `outputs` or `models` alone. A twin has the same fields in the same order with the
same defaults, and differs only in what `tests/records/test_twins.py` lists; a field that is added to a
record is added to its twins, or that test names it. What the scorer writes is JSON put together from parts
that many records share; what the projector reads leaves as JSON what goes into a column of JSON.
"""

from typing import Any

import msgspec

from leadstream.records.outputs import Reason, SignalRef

NO_CAPS = msgspec.Raw(b"{}")
EMPTY_LIST = msgspec.Raw(b"[]")
EMPTY_OBJECT = msgspec.Raw(b"{}")

# What the scorer writes.


class WrittenSnapshot(msgspec.Struct, omit_defaults=True, gc=False):
    """`ScoreSnapshot` of a plain model, which has no caps."""

    tenant: str
    lead: str
    at: int
    total: float
    score: int
    band: str
    model: str
    version: str
    suppressed: tuple[str, ...]
    next_change: int | None
    last_activity: int | None
    offset: int
    accumulators: list[tuple[msgspec.Raw, float, int, int, int]]
    """Each as `Accumulator`, its first five values written already."""
    stage: str = ""
    owner: str = ""


class Common(msgspec.Struct, omit_defaults=True, gc=False):
    """What all records of one evaluation share of `ActionRecord`: all but `id`, `type`, `cause` and
    `direction`, which stand before it."""

    tenant: str
    lead: str
    at: str
    total_before: float
    total_after: float
    score: int
    band: str
    model: str
    stage: str = ""
    signal: SignalRef | None = None


class OwnOfCrossing(msgspec.Struct, omit_defaults=True, gc=False):
    """What `ThresholdCrossed` has beside `ActionRecord`."""

    threshold: float
    factors: msgspec.Raw | None = None


class OwnOfBandChange(msgspec.Struct, omit_defaults=True, gc=False):
    """What `BandChanged` has beside `ActionRecord`."""

    previous_band: str
    factors: msgspec.Raw | None = None


class OwnOfStageChange(msgspec.Struct, omit_defaults=True, gc=False):
    """What `StageChanged` has beside `ActionRecord`."""

    previous_stage: str
    factors: msgspec.Raw | None = None


class OwnOfTrigger(msgspec.Struct, omit_defaults=True, gc=False):
    """What `TriggerFired` has beside `ActionRecord`."""

    trigger: str
    value: float | None = None
    factors: msgspec.Raw | None = None


class OwnOfRequest(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What `ActionRequested` has beside `ActionRecord`."""

    do: str
    channel: str = ""
    trigger: str
    threshold: float | None = None
    crossing: str = ""
    priority: str = ""
    factors: msgspec.Raw | None = None
    payload: dict[str, Any] = {}


class OwnOfSkip(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What `ActionSkipped` has beside `ActionRecord`."""

    do: str
    channel: str = ""
    trigger: str
    reason: Reason
    threshold: float | None = None
    crossing: str = ""
    until: str = ""


# What the projector reads.


class ReadSnapshot(msgspec.Struct, gc=False):
    """`ScoreSnapshot`."""

    tenant: str
    lead: str
    at: int
    total: float
    score: int
    band: str
    model: str
    version: str
    suppressed: tuple[str, ...]
    next_change: int | None
    last_activity: int | None
    offset: int
    accumulators: msgspec.Raw
    stage: str = ""
    caps: msgspec.Raw = NO_CAPS
    owner: str = ""


class ReadBand(msgspec.Struct, gc=False):
    """What a `ScoreSnapshot` that a later one replaces is still read for."""

    band: str


class ReadEntry(msgspec.Struct, gc=False):
    """`HistoryEntry`; an outcome that a later version knows is kept."""

    offset: int
    tenant: str
    lead: str
    signal: str
    type: str
    source: str
    at: int
    now: int
    points: float
    before: float
    after: float
    score_before: int
    score_after: int
    contributions: msgspec.Raw = EMPTY_LIST
    outcome: str = "scored"
    future: bool = False
    data: msgspec.Raw = EMPTY_OBJECT
    data_bytes: int = 0
    flags: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    past: bool = False


class ReadBatch(msgspec.Struct, gc=False):
    """`HistoryBatch`."""

    partition: int
    entries: list[ReadEntry]


class ReadRawBatch(msgspec.Struct, gc=False):
    """`HistoryBatch`, its entries to be read one by one."""

    partition: int
    entries: list[msgspec.Raw]


class ReadModel(msgspec.Struct, gc=False):
    """`ScoringModel`."""

    tenant: str
    name: str
    version: str
    fingerprint: str
    active: bool
    rules: msgspec.Raw
    bands: msgspec.Raw
    decay: msgspec.Raw
    thresholds: msgspec.Raw = EMPTY_LIST
    stages: msgspec.Raw = EMPTY_LIST
    caps: msgspec.Raw = EMPTY_OBJECT
    timezone: str | None = None
    created: int | None = None
