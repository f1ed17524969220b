"""The form that a category's sum takes within a segment of time, as kernels give it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp2, log

LN2 = log(2.0)

Curve = Callable[[int, int], tuple[float, float, float, float]]
"""Any other form: between x and y, in ms since the segment began, its least and greatest value, and its least
and greatest slope per ms. Bounds may be wide, but must come close to each other as y comes close to x."""


@dataclass(slots=True)
class Part:
    """A category in a segment: `constant + slope * x + sum(value * 2 ** (-x / half_life))`, and its curves,
    clamped to low and high.

    x is in milliseconds since the segment began; `fading` has a value for each half-life.
    """

    low: float
    high: float
    constant: float = 0.0
    slope: float = 0.0
    fading: dict[int, float] = field(default_factory=dict)
    curves: tuple[Curve, ...] = ()
    """A segment that has any must have an end."""


def part_bounds(part: Part, x: int, y: int) -> tuple[float, float, float, float]:
    """The least and greatest value of a part between x and y, unclamped, and of its slope per ms."""
    slope = part.slope
    least = part.constant + slope * (y if slope < 0 else x)
    most = part.constant + slope * (x if slope < 0 else y)
    falls = rises = slope
    for half_life, value in part.fading.items():
        first, last = value * exp2(-x / half_life), value * exp2(-y / half_life)
        rate = -LN2 / half_life
        if value > 0:
            least, most = least + last, most + first
            falls, rises = falls + rate * first, rises + rate * last
        else:
            least, most = least + first, most + last
            falls, rises = falls + rate * last, rises + rate * first
    for curve in part.curves:
        lower, upper, down, up = curve(x, y)
        least, most, falls, rises = least + lower, most + upper, falls + down, rises + up
    return least, most, falls, rises
