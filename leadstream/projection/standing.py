"""A lead at any time from its row on: total, score, factors, and the next crossing by itself. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from leadstream.projection.errors import ProjectionError
from leadstream.records.outputs import Accumulator
from leadstream.scoring.instants import first_exit
from leadstream.scoring.kernel import TOLERANCE, decayed

KERNELS = frozenset({"none", "exponential"})


class UnknownKernel(ProjectionError):
    """A factor fades in a way that this version can't compute."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that the total passes by the passing of time alone, at `at` (epoch ms)."""

    threshold: float
    direction: Literal["up", "down"]
    at: int


def contribution(accumulator: Accumulator, at: int) -> float:
    """What a factor contributes at `at` >= its `t_ref` (epoch ms), in points.

    `points * mass * 2 ** (-(at - t_ref) / half_life)`: forward decay (Cormode et al., ICDE 2009).
    """
    return accumulator.points * mass(accumulator, at)


def mass(accumulator: Accumulator, at: int) -> float:
    """The decayed sum of multipliers at `at` >= `t_ref` (epoch ms). Raises `UnknownKernel`."""
    if accumulator.kernel not in KERNELS:
        raise UnknownKernel(
            f"factor {accumulator.factor} has the kernel {accumulator.kernel}, which this version of "
            "LeadStream does not know: use the version that wrote it"
        )
    return decayed(accumulator.mass, accumulator.half_life, at - accumulator.t_ref)


def total_at(accumulators: Iterable[Accumulator], at: int) -> float:
    """The unclamped total at `at`, not before any `t_ref` (epoch ms)."""
    return sum(contribution(accumulator, at) for accumulator in accumulators)


def next_crossing(
    accumulators: Iterable[Accumulator], thresholds: Sequence[float], at: int
) -> Crossing | None:
    """The first of the thresholds that the total passes after `at` (epoch ms) without a signal, if any.

    Never early, on a grid of 1 ms. Without hysteresis: where the model has some, the crossing that is
    recorded comes later, at threshold - hysteresis.
    """
    sums: dict[int, float] = defaultdict(float)
    for accumulator in accumulators:
        sums[accumulator.half_life] += contribution(accumulator, at)
    total = sum(sums.values())
    below = max((level for level in thresholds if total >= level - TOLERANCE), default=None)
    above = min((level for level in thresholds if total < level - TOLERANCE), default=None)
    elapsed = first_exit(
        list(sums.values()),
        tuple(sums),
        float("-inf") if below is None else below - TOLERANCE,
        float("inf") if above is None else above - TOLERANCE,
    )
    if elapsed is None:
        return None
    after = sum(decayed(value, half_life, elapsed) for half_life, value in sums.items())
    if below is not None and after < below - TOLERANCE:
        return Crossing(below, "down", at + elapsed)
    assert above is not None
    return Crossing(above, "up", at + elapsed)
