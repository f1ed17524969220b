"""What a lead should be worth: every signal kept, everything evaluated from scratch, in 40 digits.

Slow and obvious on purpose; shares nothing with the engine but the words of the rule file.
"""

from dataclasses import dataclass, field
from decimal import Decimal, getcontext
from typing import Any

from tests.oracle.rules import DAY, Rules

getcontext().prec = 40
TOLERANCE = Decimal("1e-9")
LN2 = Decimal(2).ln()


@dataclass
class Part:
    """One scored signal's part in the total: `points` at the instant `at`, then fading."""

    factor: str
    points: Decimal
    at: int
    half_life: int

    def at_time(self, t: int) -> Decimal:
        return self.points * fading(self.half_life, t - self.at)


def fading(half_life: int, elapsed: int) -> Decimal:
    """2 ** (-elapsed / half_life), one for a half-life of 0."""
    return (-LN2 * elapsed / half_life).exp() if half_life else Decimal(1)


@dataclass
class Lead:
    """A lead with all that ever happened to it."""

    rules: Rules
    parts: list[Part] = field(default_factory=list)
    occurrences: dict[str, list[int]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    facts: dict[str, tuple[Any, int]] = field(default_factory=dict)
    email_suppressed: bool = False
    all_suppressed: bool = False
    reset_at: int | None = None
    passed: set[int] = field(default_factory=set)
    owed: dict[int, str] = field(default_factory=dict)
    band: int = 0
    requested: dict[str, int] = field(default_factory=dict)
    place: int = -1
    ordinal: int = 0
    settled: int = 0
    """The instant at which thresholds and band were last compared."""

    def total(self, t: int) -> Decimal:
        return sum((part.at_time(t) for part in self.parts), Decimal(0))

    def is_new(self, identity: str) -> bool:
        """Whether the id is none of the last 16 distinct ones; it is the last one afterwards."""
        known = identity in self.ids
        if known:
            self.ids.remove(identity)
        self.ids = [*self.ids, identity][-16:]
        return not known

    def ordinal_of(self, rule: dict[str, Any], at: int) -> int:
        """Which occurrence of a rule within its window this one is, by arrival."""
        window = self.rules.duration(rule["repeat"].get("within", "none"))
        before = self.occurrences.setdefault(rule["id"], [])
        counted = [one for one in before if not window or at - window < one <= at]
        before.append(at)
        before.sort()
        if window:
            before[:] = [one for one in before if one > before[-1] - 2 * window]
        del before[:-64]
        return len(counted) + 1

    def outside(self, total: Decimal) -> bool:
        """Whether a threshold or the band has to change at this total."""
        return bool(self.risen(total) or self.fallen(total) or self.rules.band(total) != self.band)

    def risen(self, total: Decimal) -> list[int]:
        levels = self.rules.thresholds
        return [i for i in range(len(levels)) if i not in self.passed and total >= levels[i].at - TOLERANCE]

    def fallen(self, total: Decimal) -> list[int]:
        levels = self.rules.thresholds
        return [
            i
            for i in reversed(range(len(levels)))
            if i in self.passed and total < levels[i].at - levels[i].hysteresis - TOLERANCE
        ]

    def bounds(self) -> tuple[Decimal, Decimal]:
        """The totals between which nothing has to change, from the first to below the second."""
        low, high = Decimal("-Infinity"), Decimal("Infinity")
        for i, level in enumerate(self.rules.thresholds):
            if i in self.passed:
                low = max(low, level.at - level.hysteresis - TOLERANCE)
            else:
                high = min(high, level.at - TOLERANCE)
        starts = self.rules.band_starts
        if self.band:
            low = max(low, starts[self.band] - TOLERANCE)
        if self.band + 1 < len(starts):
            high = min(high, starts[self.band + 1] - TOLERANCE)
        return low, high

    def next_event(self, until: int) -> int | None:
        """The first millisecond in (settled, until] at which time alone changes a threshold or the band.

        By halving: between two instants each half-life's sum lies between its values there, so a stretch in
        which the sum of the extremes stays inside can be passed over, and no other can.
        """
        sums: dict[int, Decimal] = {}
        for part in self.parts:
            sums[part.half_life] = sums.get(part.half_life, Decimal(0)) + part.at_time(self.settled)
        low, high = self.bounds()
        start = self.settled

        def values(t: int) -> list[Decimal]:
            return [value * fading(half_life, t - start) for half_life, value in sums.items()]

        def first(a: int, at_a: list[Decimal], b: int, at_b: list[Decimal]) -> int | None:
            least = sum((min(pair) for pair in zip(at_a, at_b, strict=True)), Decimal(0))
            most = sum((max(pair) for pair in zip(at_a, at_b, strict=True)), Decimal(0))
            if low <= least and most < high:
                return None
            if b - a == 1:
                return b if not low <= sum(at_b, Decimal(0)) < high else None
            middle = (a + b) // 2
            at_middle = values(middle)
            found = first(a, at_a, middle, at_middle)
            return found if found is not None else first(middle, at_middle, b, at_b)

        if not sums or until <= start:
            return None
        return first(start, values(start), until, values(until))


__all__ = ["DAY", "Lead", "Part"]
