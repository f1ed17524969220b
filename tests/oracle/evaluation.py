"""What a total, a signal or an instant sets off for a lead, record by record."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle.lead import Lead, Waiting
from tests.oracle.policy import judged
from tests.oracle.rules import TOLERANCE, duration, exact, trigger_of


@dataclass
class Event:
    """A record of the actions or decisions topic, as far as it is compared."""

    id: str
    type: str
    lead: str
    at: str
    cause: str
    direction: str
    what: str
    before: float
    after: float
    band: str
    stage: str
    signal: str | None
    reason: str | None = None
    crossing: str | None = None
    payload: dict[str, Any] | None = None
    trigger: str | None = None
    channel: str | None = None
    previous: str | None = None
    """The band or stage that was left."""
    until: str = ""
    priority: str = ""
    value: float | None = None
    shares: dict[str, float] = field(default_factory=dict)
    """What each factor was worth."""
    evidence: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Of factors that signals give: how many, the newest's time, the offset of the last that was folded."""


@dataclass
class Log:
    """What ids and assignments are made of, and the records so far."""

    app: str
    topic: str
    partition: int
    turns: dict[tuple[str, str], int]
    """How often each tenant's action was assigned by turn."""
    events: list[Event]


class Evaluation:
    """One look at a lead at an instant."""

    def __init__(
        self,
        log: Log,
        key: tuple[str, str],
        lead: Lead,
        at: int,
        before: Decimal,
        *,
        rise: str,
        fall: str,
        stage: int | None = None,
        held: tuple[int, int] = (0, 0),
        signal: dict[str, Any] | None = None,
    ) -> None:
        """`rise` and `fall` are the causes; `stage` the new one where stages go by rules; `held` are band and
        stage of a lead that is now part of this one.
        """
        self.log, self.key, self.lead, self.at = log, key, lead, at
        self.rules = lead.rules
        self.before, self.after = before, lead.total(at)
        self.rise, self.fall = rise, fall
        self.signal = signal
        self.band = self.rules.band(self.after, max(lead.band, held[0]))
        self.stage = lead.stage if stage is None else stage
        if self.rules.stage_ladder:
            self.stage = self.rules.stage(self.after, max(lead.stage, held[1]))
        self.begun: list[tuple[str, str]] = []
        """What absence timers may wait after: (band, stage or rule, its name)."""
        self.shares = {factor: float(points) for factor, points in lead.shares(at).items()}
        self.evidence = lead.evidence()
        lead.settled = at

    def levels(self, gain: Decimal) -> None:
        """Thresholds, then band, then stage, each with its actions."""
        lead = self.lead
        for index in lead.risen(self.after):
            lead.passed.add(index)
            level = self.rules.thresholds[index]
            crossing = self.put("lead.threshold.crossed", name_of(level.at), "up", self.rise)
            if self.rise in level.fires_on:
                self.passed(index, crossing)
            elif self.rise == "recovery" and self.rules.actions(f"threshold:{name_of(level.at)}"):
                lead.owed[index] = crossing
        for index in lead.fallen(self.after):
            lead.passed.discard(index)
            lead.owed.pop(index, None)
            self.put("lead.threshold.crossed", name_of(self.rules.thresholds[index].at), "down", self.fall)
        if gain > 0:
            for index in sorted(lead.owed):
                self.passed(index, lead.owed.pop(index))
        if self.band != lead.band:
            self.moved("band", self.rules.bands, lead.band, self.band)
        if self.stage != lead.stage:
            self.moved("stage", self.rules.stages, lead.stage, self.stage)

    def passed(self, index: int, crossing: str) -> None:
        """The actions of a threshold, unless it asked for them too short a time ago."""
        level, last = self.rules.thresholds[index], self.lead.calm.get(index)
        cooling = last is not None and self.at - last < level.cooldown
        if level.cooldown and not cooling:
            self.lead.calm[index] = self.at
        for action in self.rules.actions(f"threshold:{name_of(level.at)}"):
            self.act(action, crossing, self.rise, "cooldown" if cooling else None)

    def renamed(self, band: str, stage: str) -> None:
        """Another band or stage than these, for no other reason than other rules: nothing is asked for."""
        lead = self.lead
        stages = self.rules.stages
        for kind, names, left, old, new in (
            ("band", self.rules.bands, band, lead.band, self.band),
            ("stage", stages, stage, lead.stage, self.stage),
        ):
            setattr(lead, kind, new)
            name = names[new] if new >= 0 and names else ""
            if name == left:
                continue
            known = bool(names) and (names[old] if old >= 0 else "") == left
            rose = new > old if known else self.after >= self.before - TOLERANCE
            self.put(f"lead.{kind}.changed", name, "up" if rose else "down", "model", previous=left)
            for timer in self.rules.absence:
                if known and timer["absence"].get(kind) not in (None, name):
                    lead.waits.pop(timer["id"], None)
            self.begun.append((kind, name))

    def moved(self, kind: str, names: list[str], old: int, new: int) -> None:
        """The lead is in another band, or stage, than before."""
        direction, cause = ("up", self.rise) if new > old else ("down", self.fall)
        setattr(self.lead, kind, new)
        name, left = (names[index] if index >= 0 else "" for index in (new, old))
        identity = self.put(f"lead.{kind}.changed", name, direction, cause, previous=left)
        for timer in self.rules.absence:
            if timer["absence"].get(kind) not in (None, name):
                self.lead.waits.pop(timer["id"], None)
        self.begun.append((kind, name))
        if cause in ("recovery", "merge"):
            return
        for action in self.rules.actions(f"{kind}:{name}"):
            was = action["when"].get("was")
            if was == left or (was is None and direction == "up"):
                self.act(action, identity, cause)

    def surged(self, amounts: dict[str, Decimal], at: int) -> None:
        """The spikes, after a signal of this effective time that counts so much for each."""
        for spike in self.rules.file.get("spikes", []):
            name, amount = spike["id"], amounts.get(spike["id"], Decimal(0))
            if amount <= 0:
                continue
            entries = self.lead.surges.setdefault(name, [])
            begin = self.at - duration(spike["within"])
            before = sum((worth for one, worth in entries if begin < one <= self.at), Decimal(0))
            after = before + (amount if begin < at <= self.at else 0)
            entries.append((at, amount))
            entries.sort(key=lambda one: one[0])
            del entries[:-64]
            level = exact(spike["count"] if "count" in spike else spike["points"]) - TOLERANCE
            if before < level <= after:
                self.fired(f"spike:{name}", "signal", float(after))

    def fired(self, trigger: str, cause: str, value: float | None = None) -> None:
        identity = self.put("lead.trigger.fired", trigger, "up", cause, trigger=trigger, value=value)
        for action in self.rules.actions(trigger):
            self.act(action, identity, cause)

    def ruled(self, scored: set[str]) -> None:
        """The actions that wait for rules, in their own order."""
        for action in self.rules.file.get("actions", []):
            if "rule" in action.get("when", {}) and action["when"]["rule"] in scored:
                self.act(action, "", "signal")
        self.begun += [("rule", rule) for rule in scored]

    def begin_waits(self) -> None:
        for timer in self.rules.absence:
            for kind, name in self.begun:
                if timer["absence"].get(kind) == name:
                    self.lead.waits[timer["id"]] = self.at

    def retry(self, one: Waiting) -> None:
        """A deferred action at its instant."""
        self.lead.waiting.remove(one)
        kind, _, name = one.trigger.partition(":")
        if kind == "threshold":
            holds = any(name_of(self.rules.thresholds[index].at) == name for index in self.lead.passed)
        elif kind == "band":
            holds = self.rules.bands[self.lead.band] == name
        elif kind == "stage":
            holds = self.lead.stage >= 0 and self.rules.stages[self.lead.stage] == name
        else:
            holds = True
        self.act(one.action, one.crossing, "timer", None if holds else "no_longer")

    def act(
        self,
        action: dict[str, Any],
        crossing: str,
        cause: str,
        reason: str | None = None,
    ) -> None:
        """Asks for an action, or says why not."""
        lead, trigger = self.lead, trigger_of(action)
        payload: dict[str, Any] | None = None
        until = ""
        if reason is None:
            verdict = judged(lead, action, self.at, self.signal or {}, self.key, self.log.turns)
            reason, payload = verdict.reason, verdict.payload
            if verdict.until is not None:
                until = stamp(verdict.until)
                lead.waiting.append(Waiting(verdict.until, action, trigger, crossing))
        kind = "lead.action.skipped" if reason else "lead.action.requested"
        self.put(
            kind, action["do"], "up", cause, reason=reason, crossing=crossing, trigger=trigger,
            channel=action.get("channel"),
            payload=None if reason else payload, until=until,
            priority="" if reason else action.get("priority", ""),
        )  # fmt: skip
        if reason is None:
            lead.requested[action["do"]] = self.at

    def put(self, kind: str, what: str, direction: str, cause: str, **more: Any) -> str:
        lead, log = self.lead, self.log
        place = f"{log.topic}-{log.partition}-{lead.place}"
        parts = [log.app, *self.key, kind, what, direction, place, str(lead.ordinal)]
        identity = hashlib.blake2b("\0".join(parts).encode()).hexdigest()[:32]
        lead.ordinal += 1
        self.log.events.append(
            Event(
                identity, kind, self.key[1], stamp(self.at), cause, direction, what, float(self.before),
                float(self.after), self.rules.bands[self.band],
                self.rules.stages[self.stage] if self.stage >= 0 and self.rules.stages else "",
                self.signal["id"] if self.signal else None, shares=self.shares, evidence=self.evidence,
                **more,
            )
        )  # fmt: skip
        return identity


def name_of(level: Decimal) -> str:
    return repr(float(level))


def stamp(ms: int) -> str:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
