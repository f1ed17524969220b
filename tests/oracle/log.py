"""A partition's log folded naively: what must come out of it, record by record."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import phonenumbers

from tests.oracle.lead import TOLERANCE, Lead, Part
from tests.oracle.rules import DAY, Rules, duration

FACTS = ("lead.created", "lead.updated", "lead.enriched")
SPECIAL = (
    *FACTS,
    "email.bounced",
    "email.unsubscribed",
    "email.complained",
    "email.resubscribed",
    "lead.recompute",
)


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
    signal: str | None
    reason: str | None = None
    crossing: str | None = None
    payload: dict[str, Any] | None = None


@dataclass
class Oracle:
    """Folds signals given as dictionaries with `offset` and `timestamp` beside their fields."""

    rules: Rules
    app: str
    topic: str
    partition: int = 0
    now: int = 0
    leads: dict[tuple[str, str], Lead] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    rejected: int = 0

    def fold(self, signal: dict[str, Any]) -> None:
        self.advance(max(self.now, signal["timestamp"]))
        if signal["type"] == "tick":
            return
        if not self.legal(signal):
            self.rejected += 1
            return
        key = (signal["tenant"], signal["lead"])
        lead = self.leads.setdefault(key, Lead(self.rules, settled=self.now))
        if not lead.is_new(signal["id"]):
            self.outcomes.append("duplicate")
            return
        lead.place, lead.ordinal = signal["offset"], 0
        before = lead.total(self.now)
        reset, gain, outcome = self.apply(lead, signal, before)
        self.outcomes.append(outcome)
        self.settle(
            key,
            self.now,
            before,
            lead.total(self.now),
            "reset" if reset else "signal",
            "signal",
            signal,
            gain,
        )

    def advance(self, now: int) -> None:
        """Fires what is due up to now, in order of time and then of key."""
        while True:
            due = [
                (at, f"{key[0]}:{key[1]}".encode(), key)
                for key, lead in self.leads.items()
                if (at := lead.next_event(now)) is not None
            ]
            if not due:
                break
            at, _, key = min(due)
            lead = self.leads[key]
            self.settle(key, at, lead.total(at - 1), lead.total(at), "decay", "recovery", None, Decimal(0))
        self.now = now
        for lead in self.leads.values():
            lead.settled = now

    def legal(self, signal: dict[str, Any]) -> bool:
        if signal["type"] != "score.bumped":
            return True
        data = signal["data"]
        texts = all(isinstance(data.get(name), str) and data[name].strip() for name in ("by", "why"))
        return texts and ("points" in data) != ("set" in data)

    def apply(self, lead: Lead, signal: dict[str, Any], before: Decimal) -> tuple[bool, Decimal, str]:
        """Changes the lead; whether it was reset, the points gained at their time, and the outcome."""
        kind, data = signal["type"], signal["data"]
        at = min(signal["at"], self.now)
        if kind == "email.bounced":
            lead.email_suppressed = True
        if kind in ("email.unsubscribed", "email.complained"):
            lead.all_suppressed = True
        reset, channels = self.rules.effects(signal)
        lead.email_suppressed |= "email" in channels
        lead.all_suppressed |= "all" in channels
        if kind == "email.resubscribed":
            lead.email_suppressed = lead.all_suppressed = False
        if kind in FACTS:
            self.learn(lead, data, at)
        if reset:
            lead.parts, lead.occurrences = [], {}
            lead.reset_at = at if lead.reset_at is None else max(lead.reset_at, at)
            return True, Decimal(0), "reset"
        matches = self.rules.matching(signal)
        if not matches and kind != "score.bumped":
            return False, Decimal(0), "noted" if kind in SPECIAL or channels else "unmatched"
        if lead.reset_at is not None and at <= lead.reset_at:
            return False, Decimal(0), "before_reset"
        gain = Decimal(0)
        for rule, factor, points in matches:
            share = points
            if "repeat" in rule:
                factors = rule["repeat"]["factors"]
                share *= Decimal(str(factors[min(lead.ordinal_of(rule, at), len(factors)) - 1]))
            lead.parts.append(Part(factor, share, at, self.rules.half_life_of(rule)))
            gain += share
        if kind == "score.bumped":
            by_points = "points" in data
            points = Decimal(str(data["points"])) if by_points else Decimal(str(data["set"])) - before
            lead.parts.append(
                Part("score.bumped", points, at if by_points else self.now, self.rules.half_life)
            )
            gain += points
        return False, gain, "scored"

    def learn(self, lead: Lead, data: dict[str, Any], at: int) -> None:
        old = lead.facts.get("email", (None, 0))[0]
        for name, value in data.items():
            if name not in lead.facts or lead.facts[name][1] <= at:
                lead.facts[name] = (value, at)
        if old is not None and lead.facts["email"][0] != old:
            lead.email_suppressed = False

    def settle(
        self,
        key: tuple[str, str],
        at: int,
        before: Decimal,
        after: Decimal,
        fall: str,
        rise: str,
        signal: dict[str, Any] | None,
        gain: Decimal,
    ) -> None:
        """Records everything that this total changes."""
        lead = self.leads[key]
        lead.settled = at
        band = self.rules.band(after)
        shared = {"before": float(before), "after": float(after), "band": self.rules.bands[band]}

        def put(kind: str, what: str, direction: str, cause: str, **more: Any) -> str:
            place = f"{self.topic}-{self.partition}-{lead.place}"
            parts = [self.app, key[0], key[1], kind, what, direction, place, str(lead.ordinal)]
            identity = hashlib.blake2b("\0".join(parts).encode()).hexdigest()[:32]
            lead.ordinal += 1
            name = signal["id"] if signal else None
            self.events.append(
                Event(
                    identity, kind, key[1], stamp(at), cause, direction, what, signal=name, **shared, **more
                )
            )
            return identity

        def act(threshold: int, crossing: str, cause: str) -> None:
            for action in self.rules.actions(threshold):
                reason, payload = self.judged(lead, action, at)
                kind = "lead.action.skipped" if reason else "lead.action.requested"
                put(kind, action["do"], "up", cause, reason=reason, crossing=crossing, payload=payload)
                if reason is None:
                    lead.requested[action["do"]] = at

        for index in lead.risen(after):
            lead.passed.add(index)
            level = self.rules.thresholds[index]
            crossing = put("lead.threshold.crossed", repr(float(level.at)), "up", rise)
            if rise != "recovery" or level.fire_on_recovery:
                act(index, crossing, rise)
            elif self.rules.actions(index):
                lead.owed[index] = crossing
        for index in lead.fallen(after):
            lead.passed.discard(index)
            lead.owed.pop(index, None)
            put("lead.threshold.crossed", repr(float(self.rules.thresholds[index].at)), "down", fall)
        if gain > 0:
            for index in sorted(lead.owed):
                act(index, lead.owed.pop(index), rise)
        if band != lead.band:
            direction = "up" if band > lead.band else "down"
            lead.band = band
            put("lead.band.changed", self.rules.bands[band], direction, rise if direction == "up" else fall)

    def judged(self, lead: Lead, action: dict[str, Any], at: int) -> tuple[str | None, dict[str, Any] | None]:
        """Why an action is withheld, or the payload of its request."""
        if lead.all_suppressed or (action["channel"] == "email" and lead.email_suppressed):
            return "suppressed", None
        payload: dict[str, Any] = {}
        if action.get("requires") == "phone":
            given = lead.facts.get("phone", (None, 0))[0]
            if given is None or given == "":
                return "no_phone", None
            number = plain(given)
            if number is None:
                return "invalid_phone", None
            payload = {"phone": number}
        window = duration(action.get("dedupe", "none"))
        last = lead.requested.get(action["do"])
        if last is not None and at - last < window:
            return "repeated", None
        return None, payload


def plain(phone: Any) -> str | None:
    if not isinstance(phone, str):
        return None
    number = "".join(character for character in phone if character not in " .-()")
    try:
        good = number.startswith("+") and phonenumbers.is_valid_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return None
    return number if good else None


def stamp(ms: int) -> str:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


__all__ = ["DAY", "TOLERANCE", "Event", "Oracle"]
