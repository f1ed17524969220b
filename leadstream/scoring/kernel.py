"""Kernels: how a contribution fades with the time since its signal."""

from dataclasses import dataclass
from typing import Literal

TOLERANCE = 1e-9
"""Comparisons of totals with levels allow this much."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a mass of one is worth after a time.

    1 for `none`, `2 ** (-elapsed / half_life)` for `exponential`; in milliseconds, the half-life of `none`
    is 0. Both are memoryless: a sum of masses fades like one mass, so an accumulator needs no list of its
    signals (forward decay, Cormode et al., ICDE 2009). A kernel that is not needs buckets of its own in the
    state, beside the accumulators.
    """

    kind: Literal["none", "exponential"]
    half_life: int = 0

    def __post_init__(self) -> None:
        if (self.kind == "none") != (self.half_life == 0) or self.half_life < 0:
            raise ValueError(f"a kernel {self.kind} can't have a half-life of {self.half_life} ms")


def decayed(value: float, half_life: float, elapsed: float) -> float:
    """The value `elapsed` milliseconds (>= 0) later; a half-life of 0 stands for no decay."""
    return value * float(2.0 ** (-elapsed / half_life)) if half_life else value


def total_of(sums: list[float], half_lives: tuple[int, ...], elapsed: int) -> float:
    """The sum of one value per kernel, `elapsed` milliseconds later.

    Everything that compares a total with a level, in the present or ahead, goes through the same operations
    in the same order, so that a timer fires at the very millisecond at which the fold sees the level passed.
    """
    return sum([decayed(value, half, elapsed) for value, half in zip(sums, half_lives, strict=True)])


def score_of(total: float) -> int:
    """The score shown for a total: clamped to 0..100, then rounded down."""
    if total <= 0.0:
        return 0
    return int(total + TOLERANCE) if total < 100.0 else 100
