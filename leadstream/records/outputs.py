"""What the fold says about leads: crossings, actions, decisions, snapshots, history.

Times in actions and decisions are RFC 3339 in UTC; in snapshots and history, which are many, they are
epoch milliseconds.
"""

from typing import Any, Literal

import msgspec

Cause = Literal["signal", "decay", "reset", "merge", "recovery", "model", "timer"]
Direction = Literal["up", "down"]
Kind = Literal["scores", "history", "actions", "decisions", "models"]
"""What a topic holds that is projected into tables."""


class SignalRef(msgspec.Struct, frozen=True, omit_defaults=True):
    """The signal that caused something."""

    id: str
    type: str
    at: str
    source: str = ""
    data: dict[str, Any] = {}


class FactorShare(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A factor's part of a total: `points` is what it contributes at the time of the record.

    Of `count` signals in it the newest happened at `last_at` (epoch ms); `offset` is the place of the one
    that was folded last, in the lead's partition of the signals topic. What no signal gives has none:
    inactivity, what a cap takes away (`cap:<category>`), and the sum of the smallest where they are too many
    to name (`rest:smallest`). The points of all shares of a record add up to the total.
    """

    factor: str
    points: float
    count: int = 0
    last_at: int | None = None
    offset: int | None = None
    category: str = ""


class ActionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all records of the actions and decisions topics carry.

    `id` is a function of the cause: the same record has the same id in every replay. `at` is the fold's
    now, for a crossing by the passing of time its exact instant.
    """

    id: str
    type: str
    cause: Cause
    direction: Direction
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


class ThresholdCrossed(ActionRecord, frozen=True, kw_only=True):
    """`lead.threshold.crossed`: the total passed a threshold, up or down."""

    threshold: float
    factors: tuple[FactorShare, ...] = ()


class BandChanged(ActionRecord, frozen=True, kw_only=True):
    """`lead.band.changed`: the lead entered another band; `band` is the new one."""

    previous_band: str
    factors: tuple[FactorShare, ...] = ()


class StageChanged(ActionRecord, frozen=True, kw_only=True):
    """`lead.stage.changed`: the lead entered another stage; `stage` is the new one, left out for none."""

    previous_stage: str
    factors: tuple[FactorShare, ...] = ()


class TriggerFired(ActionRecord, frozen=True, kw_only=True):
    """`lead.trigger.fired`: a spike, an inactivity or an absence of the model came about.

    `trigger` is `spike:<id>` or `timer:<id>`; `value` is what a spike has reached, a count or points.
    """

    trigger: str
    value: float | None = None
    factors: tuple[FactorShare, ...] = ()


class ActionRequested(ActionRecord, frozen=True, kw_only=True):
    """`lead.action.requested`: what the model wants done, and why.

    `trigger` is `threshold:<level>`, `band:<name>`, `stage:<name>`, `spike:<id>`, `timer:<id>` or
    `rule:<id>`; `crossing` is the id of the record that says so, left out for a rule. One without a `channel`
    does not reach the lead.
    """

    do: str
    channel: str = ""
    trigger: str
    threshold: float | None = None
    crossing: str = ""
    priority: str = ""
    factors: tuple[FactorShare, ...] = ()
    payload: dict[str, Any] = {}


Reason = Literal[
    "cooldown", "suppressed", "no_phone", "invalid_phone", "no_email", "invalid_email", "no_consent",
    "no_owner", "repeated", "outside_hours", "deferred", "no_longer",
]  # fmt: skip


class ActionSkipped(ActionRecord, frozen=True, kw_only=True):
    """`lead.action.skipped`: an action that the model wanted and a policy withheld, with the reason.

    One that is `deferred` is judged again at `until` (RFC 3339).
    """

    do: str
    channel: str = ""
    trigger: str
    reason: Reason
    threshold: float | None = None
    crossing: str = ""
    until: str = ""


class Detail(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an accumulator has beside its mass, where its kernel is not memoryless.

    `buckets` are (effective time, mass) of signals that fade each by its own age, `ages` (to, factor) of the
    recency table with (0, last factor) at its end; the accumulator's mass stands beyond the table. Of
    `inactivity_step`: the loss in per cent, whether it is `linear`, the floor in points, and in `active_at`
    the lead's last activity, or its reset if that is later.
    """

    buckets: tuple[tuple[int, float], ...] = ()
    ages: tuple[tuple[int, float], ...] = ()
    percent: float = 0.0
    linear: bool = False
    floor: float = 0.0
    active_at: int | None = None


class Accumulator(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One factor of a score. With a memoryless kernel it contributes `points * mass * kernel(t - t_ref)` at a
    time t >= t_ref; what `detail` adds is in `leadstream.scoring.kernels.kernel`.

    An array on the wire, as there are many: what the model says first, what the lead has after it.
    `half_life` is in milliseconds, 0 for a factor that does not decay; of `linear` it is the period, of
    `inactivity_step` the interval, of `inactive` the time from `t_ref` after which it counts. `count` is the
    number of signals in it, `last_at` the effective time of the newest.
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
    detail: Detail | None = None


class ScoreSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a lead at the end of a step, in the compacted topic of scores.

    `at` is the fold's now at the last signal or timer of the lead; total, score and band stand then, and
    any later total follows from the accumulators, each category's sum clamped to its `caps` (low, high).
    Before `next_change` no band, stage, threshold or score shown changes by itself; None if none ever does.
    `last_activity` is the newest effective time of a signal that a rule with positive points scored and no
    guard flagged. `offset` is the place of the last record that changed the lead. `owner` is the fact of that
    name, else whom an action's sticky `assign` gave the lead to; empty for nobody.
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
    stage: str = ""
    caps: dict[str, tuple[float, float]] = {}
    owner: str = ""


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """What one signal added to one factor, in points at its effective time."""

    factor: str
    points: float


Outcome = Literal["scored", "noted", "unmatched", "reset", "before_reset", "flagged", "no_consent"]
"""What became of a signal: a rule scored it; no rule did but it was understood (facts, suppression, a request
to write); no rule names it or its conditions; it reset the score; it came late, from before a reset; a guard
flagged it and no rule counts such; the lead's consent does not cover it."""


class HistoryEntry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What one signal did to its lead.

    `at` is the signal's effective time, `now` the fold's. `points` is what it added to the total at now.
    `future` says that it claimed to happen more than 5 minutes after now, `past` that it happened more than 5
    years (1,826 days) before. `data` is the signal's own, left out with its length in `data_bytes` when it is
    too long to keep. `flags` are the guards that hold of it, `unread` the facts among the data whose values
    can't be read.
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
    flags: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    past: bool = False


class HistoryBatch(msgspec.Struct, frozen=True):
    """History entries of one partition of the signals topic, in the order of the log."""

    partition: int
    entries: tuple[HistoryEntry, ...]
