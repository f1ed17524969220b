"""What signals and facts mean, as the fold runs it. Made by `leadstream.models`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from leadstream.records.outputs import Contribution
from leadstream.records.signal import Signal


@dataclass(frozen=True, slots=True)
class Branch:
    """One accumulator of a model: a rule, or one value of its `by`, or one entry of a fit rule."""

    factor: str
    points: float
    kernel: int
    """Index into the model's kernels."""
    symbol: str
    """What a state calls it: the character whose code point is its index in the model."""
    once: tuple[Contribution, ...]
    """What one occurrence contributes at a factor of one."""
    category: int = 0
    """Index into the model's categories; 0 is none."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Factors by ordinal, the last one holding on; `within` is the window in ms, 0 for all time."""

    ring: int
    within: int
    factors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class After:
    """That the occurrences in a ring have one in the `within` ms up to the signal."""

    ring: int
    within: int


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """What few rules have."""

    group: str = ""
    after: After | None = None
    weights: Mapping[int, float] = field(default_factory=dict)
    """By guard, where the rule gives flagged signals another weight than the guard does."""
    ring: int | None = None
    """Where its occurrences are kept for those that come after it."""
    spikes: tuple[int, ...] = ()
    stage: int = 0
    """Index of the stage that it speaks for."""
    timers: tuple[int, ...] = ()
    """Absences that it begins."""
    actions: tuple[int, ...] = ()
    """Actions that it asks for."""
    aged: bool = False
    """Whether its signals count by their age: then one contributes something else than `Branch.once`."""


class Rule(NamedTuple):
    """A rule for one signal type. `branch` is its accumulator, or `pick` finds it by the signal."""

    test: Callable[[Signal], bool] | None
    branch: Branch | None
    pick: Callable[[Signal], Branch | None] | None
    repeat: Repeat | None
    options: RuleOptions | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a signal of one type sets off."""

    name: str
    """What the type is counted as; types that the model does not know share one name."""
    rules: tuple[Rule, ...] = ()
    effects: tuple["Effect", ...] = ()
    suppress: int = 0
    """Bits of the channels that every signal of the type suppresses."""
    bounces: bool = False
    """Suppresses e-mail, by its kind for a time or until that is lifted."""
    gets_through: bool = False
    """Lifts what soft bounces did."""
    releases: bool = False
    """Lifts every suppression."""
    facts: bool = False
    bump: bool = False
    noted: bool = False
    """Whether any signal of the type means more than points: suppression, facts, a request to write."""
    special: bool = False
    """The same, or that a rule for the type has an effect."""
    guards: tuple["Guard", ...] = ()
    sends: bool = False
    """Whether it is the sending that a guard compares with."""
    consents: tuple[str, ...] = ()
    """The consents that cover it."""
    ends: frozenset[int] = frozenset()
    """Absences that it ends."""
    has_options: bool = False
    """Whether a rule has more than most do."""
    grouped: bool = False
    """Whether a rule has a group or comes `after` another."""
    rare: bool = field(init=False, default=False)
    """Whether it has any of the last: more than most types do."""
    agent_only: bool = field(init=False, default=False)
    """Whether its only guard is one that looks at the `user_agent`, as that of every open does."""

    def __post_init__(self) -> None:
        agent_only = len(self.guards) == 1 and self.guards[0].number < 0
        guarded = bool(self.guards) and not agent_only
        rare = guarded or bool(self.sends or self.ends or self.has_options or self.grouped)
        object.__setattr__(self, "rare", rare)
        object.__setattr__(self, "agent_only", agent_only and not rare)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule does beside points."""

    test: Callable[[Signal], bool] | None
    reset: bool
    suppress: int
    """Bits of the channels."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A way of telling that no person made a signal; the first of its parts that is given."""

    name: str
    number: int
    weight: float
    test: Callable[[Signal], bool] | None = None
    after_send: int = 0
    """In ms after the e-mail was sent."""
    ring: int = 0
    more_than: int = 0
    """How many signals in the ring, within `within` ms, a person may make."""
    within: int = 0


@dataclass(frozen=True, slots=True)
class Fit:
    """Points over a fact: `pick` gives the accumulators for its value, each then with a mass of one."""

    fact: str
    pick: Callable[[Any], tuple[Branch, ...]]
