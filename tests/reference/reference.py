"""What a score, a crossing and an action mean, computed the slow and obvious way.

What every signal contributed is kept, and a total is their sum, computed anew with 40 digits. Nothing here
is shared with the engine. Sentences in quotes are those of the semantics. Where these are silent:

- Of what time does to several leads in one instant the order is that of their keys' bytes.
- Of one lead and instant: crossings, each with its actions after it, then actions owed from a recovery, then
  the band.
- Of several reasons to skip an action the first counts: suppressed, no or invalid phone, repeated.
- Suppression is in log order, as resets are, also for signals from before a reset.
- An e-mail address that becomes known for the first time is no change of it: it may be the one that bounced.
- A field that is null or an empty text is none.
- Of two facts of one time the later in the log stands.
- After `set: X` the total at now is X, also when the signal came late.
- Occurrences are remembered up to a bound: the newest 64, and of those what is less than two windows older
  than the newest. A `repeat` without a window counts all of them.
"""

from dataclasses import dataclass
from decimal import Decimal, getcontext
from functools import lru_cache
from itertools import pairwise
from math import floor
from typing import Any

from .rules import NONE, Action, Model, Rule, Threshold
from .signals import Signal, branch_of, foldable, matches, valid_phone

getcontext().prec = 40
LN2 = Decimal(2).ln()
ALLOWED = Decimal("1e-9")
"""Comparisons allow 1e-9."""
REMEMBERED_IDS = 16
REMEMBERED_OCCURRENCES = 64
REMEMBERED_WINDOWS = 2
FACTS = ("lead.created", "lead.updated", "lead.enriched")


@dataclass(frozen=True)
class Output:
    """A crossing, band change, requested or skipped action. `standing` is threshold, new band or `do`."""

    kind: str
    lead: str
    at: int
    direction: str
    standing: str
    cause: str
    signal: str | None
    before: Decimal
    total: Decimal
    reason: str | None = None


@dataclass(frozen=True)
class History:
    """What one signal did to its lead at now."""

    lead: str
    signal: str
    at: int
    now: int
    outcome: str
    before: Decimal
    after: Decimal
    future: bool
    past: bool


@dataclass(frozen=True)
class Contribution:
    """`points` (weight of the branch times ordinal factor) from `at` on, fading by half every half-life."""

    factor: str
    points: Decimal
    at: int
    half_life: int

    def worth(self, time: int) -> Decimal:
        return self.points * fade(time - self.at, self.half_life)


@lru_cache(maxsize=100_000)
def fade(age: int, half_life: int) -> Decimal:
    """What is left of one point after an age in milliseconds."""
    return Decimal(1) if half_life == NONE else halved(Decimal(age) / half_life)


def halved(times: Decimal) -> Decimal:
    """2 ** -times (of exp, as Decimal computes that faster)."""
    return (-times * LN2).exp()


class Partition:
    """All leads of one partition. "`now` of a partition is the highest broker timestamp met so far." """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.now = 0
        self.leads: dict[str, Lead] = {}
        self.outputs: list[Output] = []
        self.history: list[History] = []

    def fold(self, signal: Signal) -> None:
        self.pass_time(max(self.now, signal.broker_time))
        if not signal.type or not foldable(signal):
            return
        lead = self.leads.setdefault(signal.lead, Lead(signal.lead, self.model, self.now))
        lead.receive(signal, self.now, self.outputs, self.history)

    def pass_time(self, now: int) -> None:
        """ "Crossings are evaluated at now, after the timers up to now", all leads' in order of time."""
        fired: list[Output] = []
        for lead in self.leads.values():
            lead.pass_time(now, fired)
        self.outputs += sorted(fired, key=lambda output: (output.at, output.lead.encode()))
        self.now = now


class Lead:
    def __init__(self, name: str, model: Model, now: int) -> None:
        self.name = name
        self.model = model
        self.evaluated = now
        self.contributions: list[Contribution] = []
        self.occurrences: dict[str, list[int]] = {}
        self.ids: list[str] = []
        self.reset_at: int | None = None
        self.facts: dict[str, tuple[int, Any]] = {}
        self.suppressed: set[str] = set()
        self.passed: set[Threshold] = set()
        self.recovered: set[Threshold] = set()
        self.band = model.bands[0][0]
        self.requested: dict[str, int] = {}

    # Reading: pure functions of a time.

    def total(self, time: int) -> Decimal:
        return sum((one.worth(time) for one in self.contributions), Decimal(0))

    def score(self, time: int) -> int:
        """ "floor(clamp(total, 0, 100) + 1e-9)" """
        return floor(min(max(self.total(time), Decimal(0)), Decimal(100)) + ALLOWED)

    def factors(self, time: int) -> dict[str, Decimal]:
        """The explanation: what each factor contributes; it adds up to the total."""
        shares: dict[str, Decimal] = {}
        for one in self.contributions:
            shares[one.factor] = shares.get(one.factor, Decimal(0)) + one.worth(time)
        return shares

    def band_of(self, total: Decimal) -> str:
        """ "A band begins at its lower bound (>=)"; what is below all is in the first.

        A lead stays in its present band, and in those below it, down to their bound less their hysteresis.
        """
        names = [name for name, _ in self.model.bands]
        present = names.index(self.band)
        held = [
            name
            for index, (name, lower) in enumerate(self.model.bands)
            if total >= lower - (self.model.hysteresis_of(index) if index <= present else 0) - ALLOWED
        ]
        return held[-1] if held else names[0]

    # A signal.

    def receive(self, signal: Signal, now: int, outputs: list[Output], history: list[History]) -> None:
        known = signal.id in self.ids
        self.ids = [*(one for one in self.ids if one != signal.id), signal.id][-REMEMBERED_IDS:]
        if known:
            return
        # "A signal's effective time is min(`at`, now), flagged `future` if more than 5 minutes ahead."
        at = min(signal.at, now)
        before, known_contributions = self.total(now), len(self.contributions)
        matching = [rule for rule in self.model.rules if matches(rule, signal)]
        resets = any(rule.reset for rule in matching)
        # "later arrivals count only if their `at` is after the reset's"
        counts = self.reset_at is None or at > self.reset_at
        if resets:
            self.reset(at)
        elif counts:
            for rule in matching:
                self.score_rule(rule, signal, at)
            if signal.type == "score.bumped":
                self.bump(signal, at, now)
        noted = self.suppress(signal, matching) | self.note_facts(signal, at)
        after = self.total(now)
        scores = signal.type == "score.bumped" or any(rule.points is not None or rule.by for rule in matching)
        outcome = (
            "reset" if resets
            else "scored" if scores and counts
            else "before_reset" if scores
            else "noted" if noted or signal.type == "lead.recompute"
            else "unmatched"
        )  # fmt: skip
        future = signal.at > now + 5 * 60_000
        past = at < now - 1826 * 86_400_000  # "five years (1,826 days)"
        history.append(History(self.name, signal.id, at, now, outcome, before, after, future, past))
        gain = sum(one.points for one in self.contributions[known_contributions:])
        self.evaluate(now, before, outputs, "reset" if resets else "signal", signal, positive=gain > 0)

    def reset(self, at: int) -> None:
        """ "in log order: all that was folded so far counts 0 ... Ordinals clear, dedupe ids stay." """
        self.contributions = []
        self.occurrences = {}
        self.reset_at = at if self.reset_at is None else max(at, self.reset_at)

    def score_rule(self, rule: Rule, signal: Signal, at: int) -> None:
        points, factor = rule.points, rule.id
        if rule.by is not None:
            branch = branch_of(rule, signal)
            assert branch is not None
            points, factor = rule.by[1][branch], f"{rule.id}:{branch}"
        if points is None:
            return
        if rule.repeat is not None:
            # "Ordinals count by arrival; the window holds occurrences with `at` in (at - window, at], the
            # present one counted."
            factors, window = rule.repeat
            occurrences = sorted([*self.occurrences.get(rule.id, []), at])
            inside = [one for one in occurrences if not window or at - window < one <= at]
            recent = occurrences[-REMEMBERED_OCCURRENCES:]
            if window:
                recent = [one for one in recent if one > recent[-1] - REMEMBERED_WINDOWS * window]
            self.occurrences[rule.id] = recent
            ordinal = len(inside)
            points *= factors[min(ordinal, len(factors)) - 1]
        half_life = self.model.half_life if rule.half_life is None else rule.half_life
        self.contributions.append(Contribution(factor, points, at, half_life))

    def bump(self, signal: Signal, at: int, now: int) -> None:
        """ "`set: X` adds X minus the total at now; either form decays with the model's half-life" """
        if "set" in signal.data:
            points, at = Decimal(str(signal.data["set"])) - self.total(now), now
        else:
            points = Decimal(str(signal.data["points"]))
        self.contributions.append(Contribution("score.bumped", points, at, self.model.half_life))

    def suppress(self, signal: Signal, matching: list[Rule]) -> bool:
        """Suppression takes effect in log order. True if the signal means something to it."""
        channels = {rule.suppress for rule in matching if rule.suppress is not None}
        if signal.type == "email.bounced":
            channels.add("email")
        if signal.type in ("email.unsubscribed", "email.complained"):
            channels.add("all")
        self.suppressed |= channels
        if signal.type == "email.resubscribed":
            self.suppressed.clear()
        return bool(channels) or signal.type == "email.resubscribed"

    def note_facts(self, signal: Signal, at: int) -> bool:
        """Facts "are kept per field, last writer by `at`"; of two at one time the later in the log."""
        if signal.type not in FACTS:
            return False
        for name, value in signal.data.items():
            written, old = self.facts.get(name, (at, None))
            if at >= written:
                self.facts[name] = (at, value)
                if name == "email" and old is not None and value != old:
                    # Bounces suppress "until the `email` fact changes"; an address that becomes known for the
                    # first time may be the one that bounced.
                    self.suppressed.discard("email")
        return True

    # What changes when the total does.

    def evaluate(
        self,
        now: int,
        before: Decimal,
        outputs: list[Output],
        cause: str,
        signal: Signal | None = None,
        positive: bool = False,
    ) -> None:
        """Puts out what the total at now means: crossings with their actions, then the change of band."""
        total = self.total(now)
        self.evaluated = now
        identity = signal.id if signal else None

        def put(kind: str, direction: str, standing: str, why: str, reason: str | None = None) -> None:
            outputs.append(
                Output(kind, self.name, now, direction, standing, why, identity, before, total, reason)
            )

        def act(threshold: Threshold, why: str) -> None:
            for action in self.model.actions:
                if action.at == threshold.at:
                    reason = self.refusal(action, now)
                    put("skipped" if reason else "requested", "up", action.do, why, reason)
                    if reason is None:
                        self.requested[action.do] = now

        # "by itself", downwards it is decay; upwards a negative contribution has faded
        up = cause if signal else "recovery"
        for threshold in self.falls(total):  # "down: descending"
            self.passed.discard(threshold)
            self.recovered.discard(threshold)
            put("crossed", "down", f"{threshold.at:f}", cause)
        for threshold in self.rises(total):  # "all, ascending"
            self.passed.add(threshold)
            put("crossed", "up", f"{threshold.at:f}", up)
            if signal or threshold.on_recovery == "fire":
                act(threshold, up)
            else:
                self.recovered.add(threshold)
        if signal and positive:
            # "the next positive signal while above fires the actions once"
            for threshold in sorted(self.recovered, key=lambda one: one.at):
                act(threshold, up)
            self.recovered.clear()
        band = self.band_of(total)
        if band != self.band:
            names = [name for name, _ in self.model.bands]
            higher = names.index(band) > names.index(self.band)
            self.band = band
            put("band", "up" if higher else "down", band, up if higher else cause)

    def falls(self, total: Decimal) -> list[Threshold]:
        """Those passed of which "the total falls below T - h"."""
        below = [one for one in self.passed if total < one.at - one.hysteresis - ALLOWED]
        return sorted(below, key=lambda one: -one.at)

    def rises(self, total: Decimal) -> list[Threshold]:
        """Those armed that are passed now: "at `total >= T`"."""
        armed = [one for one in self.model.thresholds if one not in self.passed]
        return sorted((one for one in armed if total >= one.at - ALLOWED), key=lambda one: one.at)

    def refusal(self, action: Action, now: int) -> str | None:
        """Why the action is not requested: None if it is."""
        if self.suppressed & {"all", action.channel}:
            return "suppressed"
        if action.needs_phone:
            phone = self.facts.get("phone", (0, None))[1]
            if phone is None or phone == "":
                return "no_phone"
            if not valid_phone(phone):
                return "invalid_phone"
        last = self.requested.get(action.do)
        # "sliding, from the last *requested* action ...; at exactly 24 h it fires again"
        return "repeated" if last is not None and now - last < action.dedupe else None

    # The passing of time.

    def pass_time(self, now: int, outputs: list[Output]) -> None:
        """Fires what happens by itself in (evaluated, now], each in the first millisecond it holds."""
        while (due := self.next_change(now)) is not None:
            self.evaluate(due, self.total(due - 1), outputs, "decay")
        self.evaluated = max(self.evaluated, now)

    def next_change(self, until: int) -> int | None:
        """The first millisecond in (evaluated, until] in which a threshold or the band is not as it was."""
        levels = {lower for _, lower in self.model.bands}
        levels |= {
            lower - self.model.hysteresis_of(index) for index, (_, lower) in enumerate(self.model.bands)
        }
        levels |= {level for one in self.model.thresholds for level in (one.at, one.at - one.hysteresis)}
        moments = self.passages(levels, self.evaluated, until)
        return next((time for time in moments if self.changes_at(time)), None)

    def next_score(self, after: int, until: int) -> int | None:
        """The first millisecond in (after, until] in which the score shown is another."""
        shown = self.score(after)
        moments = self.passages({Decimal(shown), Decimal(shown + 1)}, after, until)
        return next((time for time in moments if self.score(time) != shown), None)

    def passages(self, levels: set[Decimal], start: int, until: int) -> list[int]:
        """Every millisecond in (start, until] in which the total has changed its side of a level."""
        curve: dict[Decimal, Decimal] = {Decimal(0): ALLOWED}
        for one in self.contributions:
            rate = Decimal(0) if one.half_life == NONE else 1 / Decimal(one.half_life)
            curve[rate] = curve.get(rate, Decimal(0)) + one.worth(start)
        found: set[int] = set()
        for level in levels:
            above = curve | {Decimal(0): curve[Decimal(0)] - level}
            found.update(
                start + last + 1 for last in sign_changes(tuple(sorted(above.items())), until - start)
            )
        return sorted(found)

    def changes_at(self, time: int) -> bool:
        total = self.total(time)
        return bool(self.falls(total) or self.rises(total)) or self.band_of(total) != self.band


@lru_cache(maxsize=1000)
def sign_changes(terms: tuple[tuple[Decimal, Decimal], ...], end: int) -> list[int]:
    """Every k in [0, end) for which of f(k) and f(k + 1) one is below 0 and the other is not.

    f(t) is the sum of weight * 2**(-rate * t) over terms (rate, weight), which come by ascending rate. Times
    2**(slowest * t), which has the same sign, one term is constant; the slope of that has a term less.
    Between the places where the slope changes its sign, f is monotone: bisection finds where f does.
    """
    terms = tuple((rate, weight) for rate, weight in terms if weight)
    if len(terms) < 2:
        return []
    shifted = [(rate - terms[0][0], weight) for rate, weight in terms]
    slope = tuple((rate, -rate * weight) for rate, weight in shifted if rate)

    def below(time: int) -> bool:
        return sum(weight * halved(rate * time) for rate, weight in shifted) < 0

    turns = {k + step for k in sign_changes(slope, end) for step in (0, 1)}
    found = []
    for low, high in pairwise(sorted({0, end} | turns)):
        if below(low) != below(high):
            first, last = low, high
            while last - first > 1:
                middle = (first + last) // 2
                first, last = (middle, last) if below(middle) == below(first) else (first, middle)
            found.append(first)
    return found
