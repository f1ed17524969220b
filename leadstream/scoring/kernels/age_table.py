"""Age tables (`recency`): a factor by the age of each signal, on top of any kernel."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from leadstream.scoring.kernels.course import Part
from leadstream.scoring.kernels.kernel import Ages, Bucket, Kernel, Outlook, Parameters


@dataclass(frozen=True, slots=True)
class AgeTable(Kernel):
    """The kernel `base`, each of its signals weighted by the factor of its age.

    Signals are kept apart until they are past the table; then the last factor holds, and they go into one
    mass, exactly. In records it is the base with `ages`.
    """

    base: Kernel
    ages: Ages
    kind: str = field(init=False, compare=False)
    half_life: int = field(init=False, compare=False)
    parameters: Parameters = field(init=False, compare=False)
    locks: bool = field(init=False, compare=False)
    pooled: bool = field(init=False, compare=False)
    oldest: int = field(init=False, compare=False)
    tos: tuple[int, ...] = field(init=False, compare=False, repr=False)
    factors: tuple[float, ...] = field(init=False, compare=False, repr=False)
    """By the number of `tos` that an age has reached."""

    bucketed = True

    def __post_init__(self) -> None:
        tos = tuple([to for to, _ in self.ages[:-1]])
        if not self.ages or self.ages[-1][0] or tuple(sorted({*tos, 0})[1:]) != tos:
            raise ValueError(f"an age table ascends, and ends with 0: {self.ages}")
        base = self.base
        made = {
            "kind": base.kind,
            "half_life": base.half_life,
            "parameters": base.parameters,
            "locks": base.locks,
            "pooled": base.pooled,
            "oldest": base.oldest if base.bucketed else tos[-1] if tos else 0,
            "tos": tos,
            "factors": tuple([factor for _, factor in self.ages]),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def factor_at(self, age: int) -> float:
        """The factor of a signal of an age in ms."""
        return self.factors[bisect_right(self.tos, age)]

    def weighted(self, mass: float, buckets: Iterable[Bucket], t: int) -> tuple[float, Sequence[Bucket]]:
        """The mass and the signals kept apart as they count at `t`."""
        tos, factors = self.tos, self.factors
        mass *= factors[-1]
        if not self.pooled:
            return mass, [(at, one_mass * factors[bisect_right(tos, t - at)]) for at, one_mass in buckets]
        for at, one_mass in buckets:
            mass += one_mass * factors[bisect_right(tos, t - at)]
        return mass, ()

    def worth(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        t: int,
    ) -> float:
        mass, kept = self.weighted(mass, buckets, t)
        return self.base.worth(points, mass, ref, kept, active_at, t)

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
        mass, kept = self.weighted(mass, buckets, start)
        end = self.base.course(part, points, mass, ref, kept, active_at, start)
        for to in self.tos:
            # The buckets are in order: the first of them that is younger is the first to come of that age.
            for at, _ in buckets:
                if at + to > start:
                    end = min(end, at + to)
                    break
        return end

    def outlook(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        at: int,
    ) -> Outlook:
        """With the largest factor that each signal has from now on."""
        last = self.ages[-1][1]
        kept = [
            (since, one_mass * max([factor for to, factor in self.ages[:-1] if at - since < to] + [last]))
            for since, one_mass in buckets
        ]
        return self.base.outlook(points, mass * last, ref, kept, active_at, at)

    def added(self, first: tuple[float, int], second: tuple[float, int]) -> tuple[float, int]:
        return self.base.added(first, second)

    def settled(self, mass: float, ref: int, bucket: Bucket) -> tuple[float, int]:
        return self.base.settled(mass, ref, bucket)

    def joined(self, first: Bucket, second: Bucket) -> Bucket:
        return self.base.joined(first, second)

    def locked(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Sequence[Bucket],
        active_at: int | None,
        at: int,
    ) -> float:
        mass, kept = self.weighted(mass, buckets, at)
        return self.base.locked(points, mass, ref, kept, active_at, at)

    def words(self, span: Callable[[int], str]) -> str:
        return ", ".join([*filter(None, [self.base.words(span)]), "by age"])
