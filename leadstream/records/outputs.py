"""What the fold says about leads: crossings, actions, decisions, snapshots, history.

Times in actions and decisions are RFC 3339 in UTC; in snapshots and history, which are many, they are
epoch milliseconds.
"""

from typing import Any, Literal

import msgspec

Cause = Literal["signal", "decay", "reset", "merge", "recovery", "model"]
Direction = Literal["up", "down"]


class SignalRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The signal that caused something."""

    id: str
    type: str
    at: str
    source: str = ""
    data: dict[str, Any] = {}


class FactorShare(msgspec.Struct, frozen=True, gc=False):
    """A factor's part of a total: `points` is what it contributes at the time of the record."""

    factor: str
    points: float


class ActionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all records of the actions and decisions topics carry.

    `id` is a function of the cause: the same record has the same id in every replay. `at` is the fold's
    now, for a crossing by the passing of time its exact instant.
    """

    id: str
    type: str
    tenant: str
    lead: str
    at: str
    cause: Cause
    direction: Direction
    total_before: float
    total_after: float
    score: int
    band: str
    model: str
    signal: SignalRef | None = None


class ThresholdCrossed(ActionRecord, frozen=True, kw_only=True):
    """`lead.threshold.crossed`: the total passed a threshold, up or down."""

    threshold: float
    factors: tuple[FactorShare, ...] = ()


class BandChanged(ActionRecord, frozen=True, kw_only=True):
    """`lead.band.changed`: the lead entered another band; `band` is the new one."""

    previous_band: str


class ActionRequested(ActionRecord, frozen=True, kw_only=True):
    """`lead.action.requested`: what the model wants done because of a crossing."""

    do: str
    channel: str
    threshold: float
    crossing: str
    payload: dict[str, Any] = {}
    factors: tuple[FactorShare, ...] = ()


class ActionSkipped(ActionRecord, frozen=True, kw_only=True):
    """`lead.action.skipped`: an action that the model wanted and a policy withheld, with the reason."""

    do: str
    channel: str
    threshold: float
    crossing: str
    reason: Literal["no_phone", "invalid_phone", "repeated", "suppressed"]


class Accumulator(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One factor of a score: it contributes `points * mass * kernel(t - t_ref)` at a time t >= t_ref.

    An array on the wire, as there are many: what the model says first, what the lead has after it.
    `half_life` is in milliseconds, 0 for a factor that does not decay. `count` is the number of signals
    in it, `last_at` the effective time of the newest.
    """

    factor: str
    category: str
    points: float
    kernel: str
    half_life: int
    mass: float
    t_ref: int
    count: int
    last_at: int


class ScoreSnapshot(msgspec.Struct, frozen=True):
    """The state of a lead at the end of a step, in the compacted topic of scores.

    `at` is the fold's now at the last signal or timer of the lead; total, score and band stand then, and
    any later total follows from the accumulators. `next_change` is when a band, a threshold or the score
    shown next changes by itself, if ever. `last_activity` is the newest effective time of a signal that a
    rule with positive points scored. `offset` is the place of the last record that changed the lead.
    """

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
    accumulators: tuple[Accumulator, ...]


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """What one signal added to one factor, in points at its effective time."""

    factor: str
    points: float


Outcome = Literal["scored", "noted", "unmatched", "reset", "before_reset"]
"""What became of a signal: a rule scored it; no rule did but it was understood (facts, suppression, a request
to write); no rule names it or its conditions; it reset the score; it came late, from before a reset."""


class HistoryEntry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one signal did to its lead.

    `at` is the signal's effective time, `now` the fold's. `points` is what it added to the total at now.
    `data` is the signal's own, left out with its length in `data_bytes` when it is too long to keep.
    """

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
    contributions: tuple[Contribution, ...] = ()
    outcome: Outcome = "scored"
    future: bool = False
    data: dict[str, Any] = {}
    data_bytes: int = 0


class HistoryBatch(msgspec.Struct, frozen=True):
    """History entries of one partition of the signals topic, in the order of the log."""

    partition: int
    entries: tuple[HistoryEntry, ...]
