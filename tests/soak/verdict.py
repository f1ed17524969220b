"""Whether a quantity grows: a robust slope over the time after the warm-up."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Literal

WARM_UP = 0.25
"""The share of the time at the beginning that is not judged: caches fill, each lead gets its state."""
BINS = 60
"""Samples are judged as the medians of so many spans of equal length, so that a peak of one moment weighs
nothing and days of samples cost no more than minutes."""
CONFIDENCE = 2.33
"""Standard deviations: a rising trend that chance alone shows in one of a hundred runs is none."""
MIN_SECONDS = 120.0
"""Less time than this after the warm-up is not judged."""

Outcome = Literal["flat", "grows", "too short"]


@dataclass(frozen=True)
class Verdict:
    """`growth` is the slope times the judged time, in the unit of the values; `level` is their median."""

    outcome: Outcome
    level: float
    growth: float
    allowed: float


def judge(times: Sequence[float], values: Sequence[float], *, share: float, least: float) -> Verdict:
    """Judges values at times in seconds, ascending.

    They grow if the slope by Theil and Sen (the median of the slopes of all pairs) over the judged time
    comes to more than `share` of the level and more than `least`, and the lower bound of that slope (Sen
    1968, from the variance of Kendall's S, one-sided at 1%) is above 0.
    """
    if not times:
        return Verdict("too short", 0.0, 0.0, least)
    begin = times[0] + WARM_UP * (times[-1] - times[0])
    points = binned([(time, value) for time, value in zip(times, values, strict=True) if time >= begin])
    level = median(value for _, value in points)
    allowed = max(share * abs(level), least)
    span = points[-1][0] - points[0][0]
    if span < MIN_SECONDS or len(points) < 10:
        return Verdict("too short", level, 0.0, allowed)
    slopes = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for place, later in enumerate(points)
        for earlier in points[:place]
    )
    growth = median(slopes) * span
    n = len(points)
    spread = CONFIDENCE * sqrt(n * (n - 1) * (2 * n + 5) / 18)
    lower = slopes[max(0, int((len(slopes) - spread) / 2))]
    return Verdict("grows" if growth > allowed and lower > 0 else "flat", level, growth, allowed)


def binned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The medians of time and value in at most `BINS` spans of equal length; empty spans are left out."""
    begin, width = points[0][0], (points[-1][0] - points[0][0]) / BINS or 1.0
    spans: dict[int, list[tuple[float, float]]] = {}
    for time, value in points:
        spans.setdefault(min(BINS - 1, int((time - begin) / width)), []).append((time, value))
    return [(median(time for time, _ in span), median(value for _, value in span)) for span in spans.values()]
