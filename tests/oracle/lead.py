"""What a lead should be worth: every signal kept, everything evaluated from scratch, in 40 digits.

Slow and obvious on purpose; shares nothing with the engine but the words of the rule file.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.oracle import mail
from tests.oracle.kernels import Activity, Part, Stepping
from tests.oracle.rules import TOLERANCE, Rules, duration, exact

MOST_IDS = 64
"""Ids that a lead made of several remembers."""


@dataclass
class Waiting:
    """An action that was deferred to an instant."""

    until: int
    action: dict[str, Any]
    trigger: str
    crossing: str


@dataclass
class Lead:
    """A lead with all that ever happened to it."""

    rules: Rules
    happenings: list[Part | Activity] = field(default_factory=list)
    """What scored and what was activity, by arrival."""
    fit: list[Part] = field(default_factory=list)
    occurrences: dict[str, list[int]] = field(default_factory=dict)
    """Times of rules with `repeat`, and of the signals of guards' types."""
    scored_at: dict[str, list[int]] = field(default_factory=dict)
    """Times at which each rule scored."""
    surges: dict[str, list[tuple[int, Decimal]]] = field(default_factory=dict)
    """What counts for each spike: time and amount, one entry a signal."""
    sends: list[tuple[Any, int]] = field(default_factory=list)
    """Campaign and time of the last four e-mails sent."""
    ids: list[str] = field(default_factory=list)
    facts: dict[str, tuple[Any, int]] = field(default_factory=dict)
    consents: dict[str, tuple[bool, int]] = field(default_factory=dict)
    """By channel or kind: whether it is given, and since when."""
    told: dict[str, int] = field(default_factory=dict)
    """When each consent was last spoken of, also by a null."""
    suppressed: set[str] = field(default_factory=set)
    """Channels in small letters, until something lifts it."""
    soft: mail.SoftBounces = field(default_factory=mail.SoftBounces)
    known_at: int | None = None
    active_at: int | None = None
    reset_at: int | None = None
    spell_at: int | None = None
    """When a reset was folded for which a spell would have lasted too long already."""
    void: set[str] = field(default_factory=set)
    """Facts that a reset made count nothing."""
    passed: set[int] = field(default_factory=set)
    owed: dict[int, str] = field(default_factory=dict)
    calm: dict[int, int] = field(default_factory=dict)
    """When each threshold last asked for its actions."""
    calm_elsewhere: dict[Decimal, int] = field(default_factory=dict)
    """The same by level, of thresholds that the present rules don't have."""
    aside: list[Part] = field(default_factory=list)
    """What scored under rules that the present ones don't have."""
    converted: set[str] = field(default_factory=set)
    """Factors that another kernel has made one signal of."""
    number: int = 0
    """Of the activation that its rules are of."""
    band: int = 0
    stage: int = -1
    requested: dict[str, int] = field(default_factory=dict)
    waits: dict[str, int] = field(default_factory=dict)
    """Absence timers that run, with when they began."""
    waiting: list[Waiting] = field(default_factory=list)
    owner: str | None = None
    place: int = -1
    ordinal: int = 0
    settled: int = 0
    """The instant at which levels were last compared."""

    def __post_init__(self) -> None:
        if self.rules.stage_ladder:
            self.stage = 0

    def fact(self, name: str) -> Any:
        return self.facts.get(name, (None, 0))[0]

    @property
    def belongs_to(self) -> str:
        """Whose the lead is: as the fact says, else whom it was given to; empty for nobody."""
        said = self.fact("owner")
        return said if isinstance(said, str) and said else self.owner or ""

    @property
    def anchor(self) -> int | None:
        """When the present spell of inactivity began: a reset ends one."""
        begin = self.known_at if self.active_at is None else self.active_at
        if begin is None:
            return None
        return max(one for one in (begin, self.reset_at, self.spell_at) if one is not None)

    def suppressed_at(self, at: int) -> set[str]:
        """The channels that are suppressed at an instant."""
        soft = self.soft.holds(at, self.rules.bounces)
        return (self.suppressed & self.rules.channels) | ({"email"} if soft else set())

    def contributions(self, t: int) -> list[tuple[str, str | None, Decimal]]:
        """Factor, category and worth at t of everything that counts; a factor may come many times."""
        found = [
            (part.factor, part.category, part.at_time(t))
            for part in [*self.happenings, *self.fit]
            if isinstance(part, Part) and part.kernel.kind != "inactivity_step"
        ]
        found += [(name, category, factor.worth(t)) for name, category, factor in self.stepping()]
        idle = -1 if self.anchor is None else t - self.anchor
        for timer in self.rules.inactivity:
            if "points" in timer and idle >= duration(timer["inactivity"]):
                found.append((timer["id"], timer.get("category"), exact(timer["points"])))
        return found

    def stepping(self) -> list[tuple[str, str | None, Stepping]]:
        """The factors under `inactivity_step`, each told all that happened."""
        found: dict[str, tuple[str, str | None, Stepping]] = {}
        stepped = [
            one for one in self.happenings if isinstance(one, Part) and one.kernel.kind == "inactivity_step"
        ]
        for part in stepped:
            stepping = Stepping(part.kernel, part.ages, part.points)
            found.setdefault(part.factor, (part.factor, part.category, stepping))
        for happening in self.happenings if found else []:
            for name, _, stepping in found.values():
                if isinstance(happening, Activity) or happening.factor == name:
                    stepping.tell(happening)
        return list(found.values())

    def shares(self, t: int) -> dict[str, Decimal]:
        """The total at t factor by factor, what caps take away as `cap:<category>`."""
        shares: dict[str, Decimal] = {}
        sums: dict[str | None, Decimal] = {}
        for factor, category, worth in self.contributions(t):
            shares[factor] = shares.get(factor, Decimal(0)) + worth
            sums[category] = sums.get(category, Decimal(0)) + worth
        for category, worth in sums.items():
            caps = self.rules.caps(category)
            if caps is not None:
                taken = min(max(worth, caps[0]), caps[1]) - worth
                if taken:
                    shares[f"cap:{category}"] = taken
        return shares

    def evidence(self) -> dict[str, tuple[int, int, int]]:
        """By factor: how many signals are in it, the newest's time, the offset of the last folded."""
        found: dict[str, tuple[int, int, int]] = {}
        for part in self.happenings:
            if isinstance(part, Part) and part.factor not in self.converted:
                count, newest, _ = found.get(part.factor, (0, part.at, -1))
                found[part.factor] = (count + 1, max(newest, part.at), part.place)
        return found

    def total(self, t: int) -> Decimal:
        return sum(self.shares(t).values(), Decimal(0))

    def is_new(self, identity: str) -> bool:
        """Whether the id is none of the last 16 distinct ones; it is the last one afterwards.

        A lead made of two remembers those of both.
        """
        known = identity in self.ids
        if known:
            self.ids.remove(identity)
        elif len(self.ids) >= 16:
            del self.ids[0]
        self.ids.append(identity)
        return not known

    def ordinal_of(self, what: str, window: int, at: int) -> int:
        """Which occurrence within its window this one is, by arrival; of a rule or of a guard."""
        before = self.occurrences.setdefault(what, [])
        counted = [one for one in before if not window or at - window < one <= at]
        before.append(at)
        before.sort()
        if window:
            before[:] = [one for one in before if one > before[-1] - 2 * window]
        del before[:-64]
        return len(counted) + 1

    def clear(self, at: int, now: int) -> None:
        """Everything folded so far counts nothing."""
        self.happenings = [one for one in self.happenings if isinstance(one, Activity)]
        self.fit, self.void, self.aside = [], set(self.facts), []
        self.occurrences, self.scored_at, self.surges, self.waits = {}, {}, {}, {}
        self.reset_at = at if self.reset_at is None else max(self.reset_at, at)
        if self.active_at is not None:
            # The intervals without activity are counted anew from here.
            self.happenings.append(Activity(self.reset_at))
        timed = [duration(timer["inactivity"]) for timer in self.rules.inactivity if "points" in timer]
        if self.anchor is not None and timed and now - self.anchor >= min(timed):
            self.spell_at = now

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
        for ladder, index in ((self.rules.band_ladder, self.band), (self.rules.stage_ladder, self.stage)):
            if ladder and index:
                low = max(low, ladder[index][0] - ladder[index][1] - TOLERANCE)
            if index + 1 < len(ladder):
                high = min(high, ladder[index + 1][0] - TOLERANCE)
        return low, high
