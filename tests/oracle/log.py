"""A partition's log folded naively: what must come out of it, record by record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.oracle.conditions import is_number
from tests.oracle.evaluation import Evaluation, Event, Log
from tests.oracle.lead import Lead
from tests.oracle.merge import merge
from tests.oracle.moving import move, settle
from tests.oracle.rules import DAY, TOLERANCE, Rules, duration
from tests.oracle.search import next_event
from tests.oracle.signals import Told, tell

FLAT = Decimal("1e-12")
"""A total this near to where a level begins may be told to be on either side by doubles."""


@dataclass
class Oracle:
    """Folds signals given as dictionaries with `offset` and `timestamp` beside their fields."""

    rules: Rules
    app: str
    topic: str
    partition: int = 0
    now: int = 0
    tenants: Mapping[str, Rules] = field(default_factory=dict)
    """Rules of tenants that have their own."""
    leads: dict[tuple[str, str], Lead] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    """What each signal did, in the order of the log; rejected ones are not in it."""
    rejected: int = 0
    turns: dict[tuple[str, str], int] = field(default_factory=dict)
    number: int = 0
    """Of the activations so far."""
    since: int = 0
    """When the last one was."""
    blurred: bool = False
    """Whether time brought a total so near to a level that doubles can't tell the millisecond."""

    @property
    def outcomes(self) -> list[str]:
        return [one.outcome for one in self.told]

    def fold(self, signal: dict[str, Any]) -> None:
        self.advance(max(self.now, signal["timestamp"]))
        if signal["type"] == "tick":
            return
        if signal["type"] == "activate":
            self.rules, self.number, self.since = Rules(signal["file"]), self.number + 1, self.now
            return
        if signal["type"] == "sweep":
            for key in sorted(self.leads, key=lambda key: f"{key[0]}:{key[1]}".encode()):
                self.touch(key, self.now)
            return
        if not legal(signal):
            self.rejected += 1
            return
        key = (signal["tenant"], signal["lead"])
        rules = self.tenants.get(key[0], self.rules)
        lead = self.leads.setdefault(key, Lead(rules, settled=self.now, number=self.number))
        self.touch(key, self.now)
        if not lead.is_new(signal["id"]):
            self.told.append(Told("duplicate"))
            return
        lead.place, lead.ordinal = signal["offset"], 0
        before = lead.total(self.now)
        told = tell(lead, signal, self.now, before)
        self.told.append(told)
        look = self.look(
            key, self.now, before, rise="signal", fall="reset" if told.outcome == "reset" else "signal",
            stage=told.stage, signal=signal,
        )  # fmt: skip
        look.levels(told.gain)
        look.surged(told.surges, told.at)
        look.ruled(told.scored)
        look.begin_waits()

    def merge(self, survivor: tuple[str, str], loser: tuple[str, str], place: int) -> None:
        """Makes one lead of two at now; `place` is the offset of the record that asks for it."""
        lead, other = self.leads[survivor], self.leads.pop(loser)
        lead.place, lead.ordinal = place, 0
        before = lead.total(self.now)
        stage = max(lead.stage, other.stage)
        held = (other.band, other.stage)
        merge(lead, other)
        look = self.look(survivor, self.now, before, rise="merge", fall="merge", stage=stage, held=held)
        look.levels(Decimal(0))
        look.begin_waits()

    def look(self, key: tuple[str, str], at: int, before: Decimal, **more: Any) -> Evaluation:
        log = Log(self.app, self.topic, self.partition, self.turns, self.events)
        return Evaluation(log, key, self.leads[key], at, before, **more)

    def advance(self, now: int) -> None:
        """Fires what is due up to now, in order of time and then of key."""
        due = {key: next_event(lead, now) for key, lead in self.leads.items()}
        while True:
            first = min(
                ((at, f"{key[0]}:{key[1]}".encode(), key) for key, at in due.items() if at is not None),
                default=None,
            )
            if first is None:
                break
            at, _, key = first
            self.fire(key, at)
            due[key] = next_event(self.leads[key], now)
        self.now = now
        for lead in self.leads.values():
            lead.settled = now

    def touch(self, key: tuple[str, str], at: int) -> None:
        """Moves a lead to the rules in force, without asking for anything."""
        lead = self.leads[key]
        if lead.number == self.number:
            return
        before = lead.total(at)
        old, gone = lead.rules, list(lead.waiting)
        look = self.look(key, at, before, rise="model", fall="model")
        names = move(lead, self.rules, self.since)
        lead.rules = old
        look.band, look.stage = lead.rules.band(look.after, lead.band), lead.stage
        for one in gone:
            if one in names.dropped:
                look.act(one.action, one.crossing, "model", "no_longer")
        lead.rules, lead.number = self.rules, self.number
        settle(lead, names, at)
        look = self.look(key, at, before, rise="model", fall="model")
        look.renamed(names.band, names.stage)
        look.begin_waits()

    def fire(self, key: tuple[str, str], at: int) -> None:
        """What is due for a lead at an instant: levels, inactivity, absence, deferred actions."""
        lead = self.leads[key]
        if lead.number != self.number:
            # All that is due at the instant under the new rules is still to come.
            self.touch(key, at - 1)
            return
        before, after = lead.total(at - 1), lead.total(at)
        for bound in lead.bounds():
            self.blurred |= any(abs(one - bound) < FLAT * (1 + abs(one)) for one in (before, after))
        look = self.look(key, at, before, rise="recovery", fall="decay")
        look.levels(Decimal(0))
        for timer in lead.rules.inactivity:
            if lead.anchor is not None and lead.anchor + duration(timer["inactivity"]) == at:
                look.fired(f"timer:{timer['id']}", "timer")
        for timer in lead.rules.absence:
            begin = lead.waits.get(timer["id"])
            if begin is not None and begin + duration(timer["absence"]["within"]) == at:
                del lead.waits[timer["id"]]
                look.fired(f"timer:{timer['id']}", "timer")
        for one in [one for one in lead.waiting if one.until == at]:
            look.retry(one)
        look.begin_waits()


def legal(signal: dict[str, Any]) -> bool:
    """Whether a `score.bumped` is complete; everything else is legal."""
    if signal["type"] != "score.bumped":
        return True
    data = signal["data"]
    texts = all(isinstance(data.get(name), str) and data[name].strip() for name in ("by", "why"))
    one = ("points" in data) != ("set" in data)
    return texts and one and is_number(data.get("points", data.get("set")))


__all__ = ["DAY", "TOLERANCE", "Event", "Oracle"]
