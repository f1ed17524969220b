"""The next crossing of a lead by itself, from its row on. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from leadstream.records.outputs import Accumulator
from leadstream.scoring.course import stretch_of_accumulators
from leadstream.scoring.instants import first_exit
from leadstream.scoring.kernel import TOLERANCE
from leadstream.scoring.reading import sum_at

MAX_STRETCHES = 1000
"""How far it looks: changes of form, such as steps of an age table."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that the total passes by the passing of time alone, at `at` (epoch ms)."""

    threshold: float
    direction: Literal["up", "down"]
    at: int


def next_crossing(
    accumulators: Iterable[Accumulator],
    thresholds: Sequence[float],
    at: int,
    caps: Mapping[str, tuple[float, float]],
) -> Crossing | None:
    """The first of the thresholds that the total passes after `at` (epoch ms) without a signal, if any.

    Never early, on a grid of 1 ms. Without hysteresis: where the model has some, the crossing that is
    recorded comes later, at threshold - hysteresis.
    """
    held = tuple(accumulators)

    def total(t: int) -> float:
        return sum_at(held, t, caps)

    present = total(at)
    below = max((level for level in thresholds if present >= level - TOLERANCE), default=None)
    above = min((level for level in thresholds if present < level - TOLERANCE), default=None)
    low = float("-inf") if below is None else below - TOLERANCE
    high = float("inf") if above is None else above - TOLERANCE
    for _ in range(MAX_STRETCHES):
        stretch = stretch_of_accumulators(held, caps, at)
        found = first_exit(total, stretch, low, high)
        if found is None and stretch.end is not None and not low <= total(stretch.end) < high:
            found = stretch.end
        if found is not None:
            fallen = below is not None and total(found) < low
            level = below if fallen else above
            assert level is not None
            return Crossing(level, "down" if fallen else "up", found)
        if stretch.end is None:
            return None
        at = stretch.end
    return None
