"""Kernels: how a contribution fades with time. The contract that each keeps, and the score shown."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any, NamedTuple, Protocol, Self

from leadstream.scoring.kernels.course import Part

TOLERANCE = 1e-9
"""Comparisons of totals with levels allow this much."""

Bucket = tuple[int, float]
"""A signal that is kept apart: its effective time in ms, its mass."""
Ages = tuple[tuple[int, float], ...]
"""An age table: (to in ms, factor) ascending, (0, factor of all older signals) at the end."""


class Parameters(NamedTuple):
    """What records carry of a kernel beside its time and its age table."""

    percent: float = 0.0
    linear: bool = False
    floor: float = 0.0


class Outlook(NamedTuple):
    """Bounds of an accumulator's worth from an instant on, in points, without a new signal."""

    least: float
    """At most 0."""
    most: float
    """At least 0."""
    lasting: float = 0.0
    """The part of `least` that it takes away for ever; it lowers the bound of the total."""
    half_life: int = 0
    """With which `most` fades, in ms; 0 if it stays."""


class Kernel(Protocol):
    """How the contribution of a signal fades. Kernels are values: immutable, equal if they fade alike. Pure.

    An accumulator of the kernel is worth, at a time t not before any of its instants, what `worth` says of

    - `points`, what one occurrence contributes,
    - `mass`, a sum of occurrences as it stands at the reference instant `ref`,
    - `buckets`, the signals kept apart, ascending by effective time; none unless `bucketed`,
    - `active_at`, the lead's last activity (its reset, if that is later), or None if it had none.

    All instants are epoch ms, all periods ms. The laws, which `tests/scoring/test_kernel_laws.py` runs over
    every registered kernel:

    - A signal of age 0 is worth `points`, and less or as much at any later time, but never less than 0 (of
      points below 0: never more). Only a `spell`, which no signal scores, begins at 0.
    - Worth is proportional to `points` (but for a floor) and does not depend on when it was last read.
    - The form that `course` gives holds up to the instant that it returns: never a millisecond too long.
    - In whatever order signals are added, and however two accumulators are merged, the worth is the same
      within 1e-9, as long as no more than 64 signals are kept apart. One that `locks` may differ: what
      inactivity has taken stays lost.
    - The worth at any time from an instant on lies within the `outlook` at that instant.
    - Making a kernel with parameters out of range raises ValueError with a message of one line.
    """

    kind: str
    """Its name in the registry, in records, and in the SQL of `contribution_of`."""
    half_life: int
    """Its time in ms, whatever it is the time of; 0 for `none` only."""
    parameters: Parameters = Parameters()
    ages: Ages = ()
    memoryless: bool = False
    """Whether a sum of masses fades like one mass, by `2 ** (-elapsed / half_life)` or not at all (forward
    decay, Cormode et al., ICDE 2009). Only such a kernel may be a model's default or that of a fit rule."""
    bucketed: bool = False
    """Whether its accumulators keep their signals apart."""
    pooled: bool = False
    """Whether only the sum of the masses counts, and not the age of each signal."""
    locks: bool = False
    """Whether activity takes for good what inactivity had taken: see `locked`."""
    spell: bool = False
    """Whether it counts while an inactivity lasts, and no signal is scored by it."""

    @property
    def oldest(self) -> int:
        """If `bucketed`, the age in ms from which on a signal is settled: see `settled`."""
        return 0

    @abstractmethod
    def worth(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        t: int,
    ) -> float:
        """What an accumulator contributes at `t`. All that reads a score goes through this, so that a timer
        fires at the very millisecond that the fold sees."""

    def course(
        self,
        part: Part,
        points: float,
        mass: float,
        ref: int,
        buckets: Sequence[Bucket],
        active_at: int | None,
        start: int,
    ) -> float:
        """Adds to `part` the form that an accumulator's worth takes from `start` on, and returns the instant
        from which on it is another one; infinite if it never is. Here: a constant for ever."""
        part.constant += self.worth(points, mass, ref, buckets, active_at, start)
        return inf

    @abstractmethod
    def outlook(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        at: int,
    ) -> Outlook:
        """Bounds of the worth at any time from `at` on."""

    def added(self, first: tuple[float, int], second: tuple[float, int]) -> tuple[float, int]:
        """The sum of two masses with their reference instants, as of the later one. Here: masses that do not
        fade."""
        return first[0] + second[0], max(first[1], second[1])

    def settled(self, mass: float, ref: int, bucket: Bucket) -> tuple[float, int]:
        """The mass and its instant with a signal that is past `oldest`, and so need not be kept apart."""
        return mass + bucket[1], ref

    def joined(self, first: Bucket, second: Bucket) -> Bucket:
        """Two signals, the first the older, as one, when more than 64 are kept. Here: both at their mean time
        weighted by mass."""
        both = first[1] + second[1]
        if not both:
            return second[0], both
        return first[0] + round((second[0] - first[0]) * second[1] / both), both

    def locked(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Sequence[Bucket],
        active_at: int | None,
        at: int,
    ) -> float:
        """If it `locks`: the factor that an activity at `at` leaves of the accumulator's masses for good."""
        return 1.0

    @abstractmethod
    def words(self, span: Callable[[int], str]) -> str:
        """How it fades, in few words; `span` writes a duration in ms. Empty if it does not."""


class Named(Kernel, Protocol):
    """A kernel that rule files and records name: what the registry has."""

    key: str = ""
    """Its key under `decay` in a rule file; empty for one that has none."""
    example: str = ""
    """What is written under the key, for messages: `30d`."""

    @classmethod
    @abstractmethod
    def of_rule(cls, value: Any) -> Kernel:
        """From what stands under its key in a rule file: ms for a duration, a dict for several keys."""

    @classmethod
    @abstractmethod
    def of_record(cls, half_life: int, parameters: Parameters) -> Self:
        """From what a record says of it."""


def refuse_period(kind: str, half_life: int) -> None:
    """Raises ValueError unless the time of a kernel is positive."""
    if half_life <= 0:
        raise ValueError(f"a kernel {kind} can't have a half-life of {half_life} ms")


def score_of(total: float) -> int:
    """The score shown for a total: clamped to 0..100, then rounded down."""
    if total <= 0.0:
        return 0
    return int(total + TOLERANCE) if total < 100.0 else 100
