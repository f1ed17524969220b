"""The next crossing of a lead by itself, from its row on. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from leadstream.records.models import ModelThreshold
from leadstream.records.outputs import Accumulator
from leadstream.scoring.decay.first_exit import first_exit
from leadstream.scoring.decay.segments import segment_of_accumulators
from leadstream.scoring.decay.totals import sum_at
from leadstream.scoring.kernels.kernel import TOLERANCE

MAX_SEGMENTS = 1000
"""How far it looks: changes of form, such as steps of an age table."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that the total passes by the passing of time alone, at `at` (epoch ms).

    Downwards it is passed below `threshold - hysteresis`.
    """

    threshold: float
    hysteresis: float
    direction: Literal["up", "down"]
    at: int


def next_crossing(
    accumulators: Iterable[Accumulator],
    thresholds: Sequence[ModelThreshold],
    passed: Collection[float],
    since: int,
    at: int,
    caps: Mapping[str, tuple[float, float]],
) -> Crossing | None:
    """The first crossing after `at` (epoch ms) that the total makes without a signal, if any.

    `since` is the instant of the accumulators, and `passed` names the thresholds (by their level) whose last
    crossing was upwards then. Never early, on a grid of 1 ms.
    """
    held = tuple(accumulators)

    def total(t: int) -> float:
        return sum_at(held, t, caps)

    over = _passed(thresholds, passed, total(since))
    here = since
    for _ in range(MAX_SEGMENTS):
        above = [one for one in thresholds if one.at not in over]
        below = [one for one in thresholds if one.at in over]
        low = max([_rearmed(one) for one in below], default=float("-inf")) - TOLERANCE
        high = min([one.at for one in above], default=float("inf")) - TOLERANCE
        segment = segment_of_accumulators(held, caps, here)
        found = first_exit(total, segment, low, high)
        if found is None and segment.end is not None and not low <= total(segment.end) < high:
            found = segment.end
        if found is not None and found > at:
            fallen = total(found) < low
            first = max(below, key=_rearmed) if fallen else min(above, key=lambda one: one.at)
            return Crossing(first.at, first.hysteresis, "down" if fallen else "up", found)
        if found is not None:
            over = _passed(thresholds, over, total(found))
            here = found
        elif segment.end is None:
            return None
        else:
            here = segment.end
    return None


def _rearmed(threshold: ModelThreshold) -> float:
    return threshold.at - threshold.hysteresis


def _passed(
    thresholds: Iterable[ModelThreshold], before: Collection[float], total: float
) -> frozenset[float]:
    """The levels that are passed at a total, where those of `before` were."""
    return frozenset(
        one.at for one in thresholds if total >= (_rearmed(one) if one.at in before else one.at) - TOLERANCE
    )
