"""What totals, surges and time lead to, as the fold runs it. Made by `leadstream.models`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

from leadstream.records.signal import Signal
from leadstream.scoring.compiled.hours import Hours
from leadstream.scoring.compiled.rules import Branch
from leadstream.scoring.kernels.kernel import TOLERANCE


@dataclass(frozen=True, slots=True)
class Timer:
    """An inactivity of `after` ms, or an absence within as many."""

    name: str
    after: int
    inactivity: bool
    branch: Branch | None
    """What counts while an inactivity lasts."""
    actions: tuple[int, ...]

    @property
    def trigger(self) -> str:
        return f"timer:{self.name}"


@dataclass(frozen=True, slots=True)
class Spike:
    """So many points, or with `counting` signals, within a window in ms."""

    name: str
    level: float
    counting: bool
    within: int
    actions: tuple[int, ...]

    @property
    def trigger(self) -> str:
        return f"spike:{self.name}"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A level whose crossings are records: up at `at`, down below `at - hysteresis`."""

    at: float
    hysteresis: float
    fires_on: frozenset[str]
    """Causes other than a signal on which it asks for its actions: `recovery`, `merge`."""
    cooldown: int
    """In ms."""
    actions: tuple[int, ...]

    @property
    def trigger(self) -> str:
        return f"threshold:{self.at!r}"


class Entry(NamedTuple):
    """An action of a band or stage, and from which one alone the lead must come, if from one."""

    action: int
    was: int | None


@dataclass(frozen=True, slots=True)
class Level:
    """A band or a stage: entered from its `start` on, or, without one, by what rules speak for."""

    name: str
    start: float | None
    entries: tuple[Entry, ...] = ()
    timers: tuple[int, ...] = ()
    """Absences that entering begins."""
    hysteresis: float = 0.0
    """It is left downwards below `start - hysteresis`."""

    @property
    def falls(self) -> float:
        """The total below which it is left downwards."""
        return (self.start or 0.0) - self.hysteresis


@dataclass(frozen=True, slots=True)
class Assign:
    owners: tuple[str, ...]
    by_turn: bool
    sticky: bool


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When an action is asked for; `outside` is `defer`, `skip` or `route`."""

    hours: Hours
    outside: str
    route: str | None
    """The route within the hours."""
    other_route: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """What the model wants done when its trigger comes about."""

    do: str
    number: int
    """Index of `do` in the lead's times of last requests."""
    index: int
    """Its own in the model."""
    trigger: str
    channel: str
    """Empty for none."""
    channel_bits: int
    """The channels whose suppression withholds it."""
    outreach: bool
    """Whether it reaches out to the lead, as all channels do but internal ones."""
    requires: tuple[str, ...]
    dedupe: int
    """Window in ms, 0 for none."""
    hours: OpeningHours | None
    assign: Assign | None
    priority: str
    payload: tuple[tuple[str, Any], ...]
    fact_payload: tuple[tuple[str, str], ...]
    signal_payload: tuple[tuple[str, Callable[[Signal], Any]], ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A part of the total: its name, and the bounds of its sum."""

    name: str
    low: float = -inf
    high: float = inf

    @property
    def clamped(self) -> bool:
        return self.low > -inf or self.high < inf


class Interval(NamedTuple):
    """The totals [low, high) in which no threshold, band or stage changes."""

    low: float
    high: float


def level_of(levels: Sequence[Level], total: float, present: int) -> int:
    """The index of the level, by totals, that a total leads to from the level `present`.

    Upwards each begins at its start; downwards each is left only below its own `falls`.
    """
    index = len(levels) - 1
    while index > present and total < (levels[index].start or 0.0) - TOLERANCE:
        index -= 1
    while index and index <= present and total < levels[index].falls - TOLERANCE:
        index -= 1
    return index
