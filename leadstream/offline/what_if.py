"""What a model makes of a script: every event, and each lead's total and factors at any time between."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from leadstream.offline.lines import LineRecord
from leadstream.offline.script import ScriptSignal
from leadstream.records.keys import lead_key
from leadstream.records.outputs import Accumulator, HistoryBatch, HistoryEntry
from leadstream.records.step import Step
from leadstream.records.times import parse_instant, rfc3339
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog
from leadstream.scoring.decay.totals import Factor, accumulators, explain, total_at
from leadstream.scoring.kernels.kernel import score_of
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.state.lead_state import LeadState

APP, TOPIC = "simulate", "script"
"""The lineage in the ids of records: no live one has it."""
SAMPLES = 240
"""Intervals in which a curve is sampled, beside the events."""

Kind = Literal["signal", "crossing", "band", "stage", "trigger", "requested", "skipped", "rejected"]
_KINDS: dict[str, Kind] = {
    "lead.threshold.crossed": "crossing",
    "lead.band.changed": "band",
    "lead.stage.changed": "stage",
    "lead.trigger.fired": "trigger",
    "lead.action.requested": "requested",
    "lead.action.skipped": "skipped",
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a lead at `at` (epoch ms), and how the lead stood after it."""

    at: int
    tenant: str
    lead: str
    kind: Kind
    what: str
    why: str
    total: float
    score: int
    band: str
    stage: str
    record: dict[str, Any] | None
    """The record of the actions, decisions or history topic, if there is one."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The total and its factors at the same instants (epoch ms), ascending.

    An instant at which something happened stands twice, before and after it. The factors add up to the
    total, caps included; one that there is not yet is 0.
    """

    times: list[int]
    totals: list[float]
    factors: dict[str, list[float]]


@dataclass(slots=True)
class Course:
    """One lead over the script: its states, each from an instant (epoch ms) on, up to `until`."""

    tenant: str
    lead: str
    model: CompiledModel
    until: int
    starts: list[int] = field(default_factory=list)
    states: list[LeadState] = field(default_factory=list)

    def total(self, at: int) -> float:
        """The total at an instant, what happened then included; 0 before the first signal."""
        index = bisect_right(self.starts, at)
        return total_at(self.states[index - 1], self.model, at) if index else 0.0

    def factors(self) -> list[tuple[Factor, Accumulator | None]]:
        """The factors at the end, the weightiest first, and what they are of; None for a cap."""
        found = {one.factor: one for one in accumulators(self.states[-1], self.model)}
        return [(one, found.get(one.factor)) for one in self._explained(len(self.starts), self.until)]

    @property
    def standing(self) -> tuple[str, str]:
        """Band and stage at the end."""
        state = self.states[-1]
        return self.model.bands[state.band].name, self.model.stages[state.stage].name

    def curve(self) -> Curve:
        """From the first signal to the end."""
        first = self.starts[0]
        grid = {first + (self.until - first) * step // SAMPLES for step in range(SAMPLES + 1)}
        curve = Curve([], [], {})
        for at in sorted(grid.union(self.starts)):
            after = bisect_right(self.starts, at)
            before = after
            while before and self.starts[before - 1] == at:
                before -= 1
            for index in (before, after) if before < after else (after,):
                self._sample(curve, index, at)
        return curve

    def _sample(self, curve: Curve, index: int, at: int) -> None:
        """Adds what the first `index` states came to at an instant."""
        for factor in self._explained(index, at):
            values = curve.factors.setdefault(factor.factor, [0.0] * len(curve.times))
            values.append(factor.points)
        curve.times.append(at)
        curve.totals.append(total_at(self.states[index - 1], self.model, at) if index else 0.0)
        for values in curve.factors.values():
            if len(values) < len(curve.times):
                values.append(0.0)

    def _explained(self, index: int, at: int) -> list[Factor]:
        if not index:
            return []
        return explain(accumulators(self.states[index - 1], self.model), at, self.model.caps)


@dataclass(slots=True)
class Trajectory:
    """All leads of a script up to `until` (epoch ms). `left_out` signals would arrive after it."""

    until: int
    events: list[Event] = field(default_factory=list)
    courses: dict[bytes, Course] = field(default_factory=dict)
    left_out: int = 0


def simulate(catalog: ModelCatalog, signals: Sequence[ScriptSignal], until: int) -> Trajectory:
    """Folds a script's signals as they arrive, and fires all timers up to `until`."""
    return _Simulation(catalog, until).run(signals)


class _Simulation:
    def __init__(self, catalog: ModelCatalog, until: int) -> None:
        self.catalog = catalog
        self.found = Trajectory(until)
        self.position = 0
        self.fold = PartitionFold(
            app=APP, topic=TOPIC, partition=0, partitions=None, models=catalog, rows={}
        )  # fmt: skip

    def run(self, signals: Sequence[ScriptSignal]) -> Trajectory:
        for index, signal in enumerate(signals):
            if signal.received_at > self.found.until:
                self.found.left_out += 1
                continue
            self.fire(signal.received_at)
            key = lead_key(signal.tenant, signal.lead)
            record = LineRecord(index + 1, None, 0, index, signal.received_at, key, signal.value)
            while not self.fold.fold([record]):
                pass
            self.position = index + 1
            self.take(signal)
        self.fire(self.found.until)
        return self.found

    def fire(self, instant: int) -> None:
        """Fires what is due up to an instant, each instant by itself."""
        while (due := self.fold.next_due()) is not None and due <= instant:
            self.fold.fire_until(due)
            self.take(None)

    def take(self, signal: ScriptSignal | None) -> None:
        step = self.fold.take(self.position)
        for key, _, _ in step.scores:
            assert key is not None
            tenant, _, lead = key.decode().partition(":")
            course = self.found.courses.get(key)
            if course is None:
                model = self.catalog.for_tenant(tenant)
                course = self.found.courses[key] = Course(tenant, lead, model, self.found.until)
            state = self.fold.state_of(key)
            assert state is not None
            course.starts.append(state.touched)
            course.states.append(state)
        if signal is not None:
            self.found.events.append(self.of_signal(signal, step))
        self.found.events.extend(map(self.of_record, records_of(step)))

    def of_signal(self, signal: ScriptSignal, step: Step) -> Event:
        entry = next(entries_of(step), None)
        now = self.fold.now
        course = self.found.courses.get(lead_key(signal.tenant, signal.lead))
        total = course.total(now) if course else 0.0
        band, stage = course.standing if course else ("", "")
        kind: Kind = "signal"
        if step.dead_letters:
            texts = {name: text.decode() for name, text in step.dead_letters[0][2]}
            kind, why = "rejected", f"{texts['leadstream-reason']}: {texts['leadstream-detail']}"
        elif entry is None:
            why = "duplicate"
        else:
            why = reason_of(entry)
        record = msgspec.to_builtins(entry) if entry else None
        return Event(
            now,
            signal.tenant,
            signal.lead,
            kind,
            signal.type,
            why,
            total,
            score_of(total),
            band,
            stage,
            record,
        )

    def of_record(self, record: dict[str, Any]) -> Event:
        kind = _KINDS[record["type"]]
        what, why = described(kind, record)
        return Event(
            parse_instant(record["at"]), record["tenant"], record["lead"], kind, what, why,
            record["total_after"], record["score"], record["band"], record.get("stage", ""), record,
        )  # fmt: skip


def entries_of(step: Step) -> Iterator[HistoryEntry]:
    """The history entries of a step."""
    for _, value, _ in step.history:
        assert value is not None
        yield from msgspec.json.decode(value, type=HistoryBatch).entries


def records_of(step: Step) -> Iterator[dict[str, Any]]:
    """The actions and decisions of a step in one order."""
    decisions = list(zip(step.decision_places, step.decisions, strict=True))
    for number in range(len(step.actions) + 1):
        found = [decision for place, decision in decisions if place == number]
        for _, value, _ in found + step.actions[number : number + 1]:
            assert value is not None
            yield msgspec.json.decode(value)


def reason_of(entry: HistoryEntry) -> str:
    """Why a signal did what it did, for people."""
    points = [f"{one.factor} {one.points:+.4g}" for one in entry.contributions]
    parts: list[str] = [", ".join(points)] if points else []
    if entry.outcome != "scored":
        parts.append(entry.outcome)
    if entry.flags:
        parts.append(f"flags: {', '.join(entry.flags)}")
    if entry.unread:
        parts.append(f"can't be read: {', '.join(entry.unread)}")
    if entry.at != entry.now:
        parts.append(f"of {rfc3339(entry.at)}")
    return "; ".join(parts)


def described(kind: Kind, record: dict[str, Any]) -> tuple[str, str]:
    """What a record of actions or decisions says, and why, for people."""
    cause = record["cause"]
    if kind == "crossing":
        return f"threshold {record['threshold']:g} passed {record['direction']}", cause
    if kind == "band":
        return f"band {record['previous_band']} -> {record['band']}", cause
    if kind == "stage":
        return f"stage {record['previous_stage'] or 'none'} -> {record.get('stage') or 'none'}", cause
    if kind == "trigger":
        value = record.get("value")
        return f"{record['trigger']} fired", cause if value is None else f"{cause}: {value:g}"
    trigger, do = record["trigger"], record["do"]
    if kind == "requested":
        payload = record.get("payload", {})
        extra = [f"{name} {payload[name]}" for name in ("route", "owner") if name in payload]
        channel = [f"channel {record['channel']}"] if "channel" in record else []
        return f"{do} requested", ", ".join([trigger, *channel, *extra])
    until = f" until {record['until']}" if "until" in record else ""
    return f"{do} skipped", f"{record['reason']}{until}, {trigger}"
