"""Kernels: how a contribution fades with the time since its signal."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

TOLERANCE = 1e-9
"""Comparisons of totals with levels allow this much."""

Kind = Literal["none", "exponential", "linear", "inactivity_step", "inactive"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a mass of one is worth after a time; `half_life` is in milliseconds, whatever it is the time of.

    - `none`: 1; its half-life is 0.
    - `exponential`: `2 ** (-elapsed / half_life)`.
    - `linear`: `1 - elapsed / half_life`, down to nothing.
    - `inactivity_step`: less by `percent` for each full `half_life` without activity of the lead, of what is
      left or, with `linear`, of what there was; `floor` points stay.
    - `inactive`: 1 from a `half_life` after the lead's last activity on; before it, nothing.

    `ages` multiplies any of the first four by the age of the signal: (to, factor), ascending, (0, factor of
    all older ones) at the end.

    The first two without `ages` are memoryless: a sum of masses fades like one mass, so an accumulator needs
    no list of its signals (forward decay, Cormode et al., ICDE 2009).
    """

    kind: Kind
    half_life: int = 0
    percent: float = 0.0
    linear: bool = False
    floor: float = 0.0
    ages: tuple[tuple[int, float], ...] = ()
    memoryless: bool = field(init=False, compare=False, default=True)
    bucketed: bool = field(init=False, compare=False, default=False)
    """Whether its accumulators keep their signals apart."""
    oldest: int = field(init=False, compare=False, default=0)
    """The age in ms from which on a signal changes as a memoryless one does, or counts nothing."""

    def __post_init__(self) -> None:
        if (self.kind == "none") != (self.half_life == 0) or self.half_life < 0:
            raise ValueError(f"a kernel {self.kind} can't have a half-life of {self.half_life} ms")
        oldest = self.ages[-2][0] if len(self.ages) > 1 else 0
        made = {
            "memoryless": self.kind in ("none", "exponential") and not self.ages,
            "bucketed": self.kind == "linear" or bool(self.ages),
            "oldest": self.half_life if self.kind == "linear" else oldest,
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)


def decayed(value: float, half_life: float, elapsed: float) -> float:
    """The value `elapsed` milliseconds (>= 0) later; a half-life of 0 stands for no decay."""
    return value * float(2.0 ** (-elapsed / half_life)) if half_life else value


def age_factor(ages: tuple[tuple[int, float], ...], age: int) -> float:
    """The factor of a signal of this age in ms."""
    for to, factor in ages:
        if age < to:
            return factor
    return ages[-1][1] if ages else 1.0


def fading(kernel: Kernel, elapsed: int) -> float:
    """What time alone leaves of a mass of one after `elapsed` ms (>= 0), `inactivity_step` aside."""
    if kernel.kind == "exponential":
        return float(2.0 ** (-elapsed / kernel.half_life))
    if kernel.kind == "linear":
        return max(0.0, 1.0 - elapsed / kernel.half_life)
    return 1.0


def loss_factor(kernel: Kernel, anchor: int, ref: int, t: int) -> float:
    """What an `inactivity_step` leaves at `t` of what there was at `ref`, the last activity at `anchor`."""
    taken = max(0, (ref - anchor) // kernel.half_life)
    steps = max(0, (t - anchor) // kernel.half_life)
    loss = kernel.percent / 100.0
    if kernel.linear:
        left = 1.0 - loss * taken
        return max(0.0, 1.0 - loss * steps) / left if left > TOLERANCE else 0.0
    return float((1.0 - loss) ** (steps - taken))


def worth(
    points: float,
    kernel: Kernel,
    mass: float,
    ref: int,
    buckets: Iterable[tuple[int, float]],
    active_at: int | None,
    t: int,
) -> float:
    """What an accumulator contributes at `t`, which is not before any of its instants.

    `mass` stands at `ref`, the `buckets` are (effective time, mass). All that reads a score goes through
    this, in this order of operations, so that a timer fires at the very millisecond that the fold sees.
    """
    kind = kernel.kind
    if kind == "inactive":
        return points * mass if t - ref >= kernel.half_life else 0.0
    ages = kernel.ages
    factor = 1.0
    whole = mass * ages[-1][1] if ages else mass
    if kind == "inactivity_step" or kind == "none":
        for at, one in buckets:
            age = t - at
            # As `age_factor`, but for the cost of a call: the last one stands for all older.
            for to, factor in ages:  # noqa: B007 - used behind it
                if age < to:
                    break
            whole += one * factor
        whole *= points
        if kind == "none":
            return whole
        left = whole * loss_factor(kernel, ref if active_at is None else active_at, ref, t)
        return max(left, min(kernel.floor, whole)) if kernel.floor else left
    whole *= fading(kernel, t - ref)
    for at, one in buckets:
        age = t - at
        for to, factor in ages:  # noqa: B007 - used behind it
            if age < to:
                break
        whole += one * factor * fading(kernel, age)
    return points * whole


def score_of(total: float) -> int:
    """The score shown for a total: clamped to 0..100, then rounded down."""
    if total <= 0.0:
        return 0
    return int(total + TOLERANCE) if total < 100.0 else 100
