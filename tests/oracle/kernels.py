"""How what was scored fades: one signal's worth by its age, and the loss of a lead that is not active."""

from dataclasses import dataclass
from decimal import Decimal, getcontext
from functools import lru_cache

getcontext().prec = 40
LN2 = Decimal(2).ln()
BASE = 1_767_225_600_000
"""2026-01-01; instants are counted from here so that powers stay of a size."""
Ages = tuple[tuple[int | None, Decimal], ...]


@dataclass(frozen=True)
class Kernel:
    """`none`, `exponential`, `linear` or `inactivity_step`; `time` is its half-life, period or interval."""

    kind: str
    time: int = 0
    loss: Decimal = Decimal(0)
    compounding: bool = True
    floor: Decimal = Decimal(0)


@dataclass(frozen=True)
class Part:
    """One scored signal's part in a factor: `points` times `weight` at the instant `at`, then fading."""

    factor: str
    category: str | None
    points: Decimal
    weight: Decimal
    at: int
    kernel: Kernel
    ages: Ages = ((None, Decimal(1)),)
    place: int = -1
    """The offset of the signal."""

    def at_time(self, t: int) -> Decimal:
        """Its worth at t, for all kernels but `inactivity_step`."""
        return self.points * self.weight * of_age(self.ages, t - self.at) * fading(self.kernel, self.at, t)


@dataclass(frozen=True)
class Activity:
    """A signal that shows a person, at its effective time."""

    at: int


def of_age(ages: Ages, age: int) -> Decimal:
    """The factor of an age table; an age of exactly `to` belongs to the next step."""
    return next(factor for to, factor in ages if to is None or age < to)


def fading(kernel: Kernel, since: int, t: int) -> Decimal:
    if t == since:
        return Decimal(1)
    if kernel.kind == "exponential":
        return power(kernel.time, BASE - t) * power(kernel.time, since - BASE)
    if kernel.kind == "linear":
        return max(Decimal(0), 1 - Decimal(t - since) / kernel.time)
    return Decimal(1)


@lru_cache(maxsize=100_000)
def power(half_life: int, elapsed: int) -> Decimal:
    """2 ** (elapsed / half_life)"""
    return (LN2 * elapsed / half_life).exp()


class Stepping:
    """A factor under `inactivity_step`: told again from all that happened, in the order of arrival."""

    def __init__(self, kernel: Kernel, ages: Ages, points: Decimal) -> None:
        self.kernel = kernel
        self.ages = ages
        self.points = points
        self.parts: list[tuple[int, Decimal]] = []
        """Effective time and what is left of the weight, as of `since`."""
        self.since: int | None = None
        self.active: int | None = None

    def tell(self, happening: Part | Activity) -> None:
        if isinstance(happening, Activity):
            if self.active is None or happening.at > self.active:
                self.lock(happening.at)
                self.active = happening.at
            return
        self.lock(happening.at)
        self.parts.append((happening.at, happening.weight))
        if self.since is None:
            self.since = happening.at

    def lock(self, until: int) -> None:
        """The loss up to an instant is final; an instant not after the last one has none."""
        if self.since is None or until <= self.since:
            return
        share = self.share(until)
        self.parts = [(at, weight * share) for at, weight in self.parts]
        self.since = until

    def steps(self, t: int) -> int:
        """Full intervals without activity up to t."""
        start = self.since if self.active is None else self.active
        assert start is not None
        return max(0, (t - start) // self.kernel.time)

    def left(self, t: int) -> Decimal:
        """What the loss since `since` leaves."""
        assert self.since is not None
        now, then, loss = self.steps(t), self.steps(self.since), self.kernel.loss
        if self.kernel.compounding:
            return (1 - loss) ** (now - then) if now > then else Decimal(1)
        divisor = max(Decimal(0), 1 - loss * then)
        return max(Decimal(0), 1 - loss * now) / divisor if divisor else Decimal(0)

    def worth(self, t: int) -> Decimal:
        """The contribution at t, the floor included."""
        whole = self.whole(t)
        return max(whole * self.left(t), min(self.kernel.floor, whole))

    def whole(self, t: int) -> Decimal:
        return self.points * sum(
            (weight * of_age(self.ages, t - at) for at, weight in self.parts), Decimal(0)
        )

    def share(self, t: int) -> Decimal:
        """What is left at t of the whole, the floor included."""
        whole = self.whole(t)
        return self.worth(t) / whole if whole else self.left(t)
