"""The most that a lead's total can be from its row's instant on, without a new signal. Pure.

Caps and kernels that are not memoryless have no form that time leaves alone. But a capped category is at most
its cap, and what fades by steps is at most what it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from leadstream.records.outputs import Accumulator, Detail
from leadstream.scoring.kernel import Kernel, loss_factor

LARGEST = 1e100
SMALLEST = 1e-100
"""What a factor is worth, and its points, lie between these, so that PostgreSQL can multiply them."""
LONGEST = 10**15
"""Instants and periods in ms are within this."""
KERNELS = frozenset({"none", "exponential", "linear", "inactivity_step", "inactive"})


class Bound(NamedTuple):
    """A constant, and by half-life (ms) what fades with it, as of the row's instant."""

    constant: float
    fading: Mapping[int, float]


@dataclass(slots=True)
class _Category:
    """The bound of a category's sum, and between what the sum stays."""

    constant: float = 0.0
    fading: dict[int, float] = field(default_factory=dict)
    least: float = 0.0
    most: float = 0.0


def bound_of(
    accumulators: Iterable[Accumulator], at: int, caps: Mapping[str, tuple[float, float]]
) -> Bound | None:
    """A bound of the total at any time from `at` (epoch ms) on; None with a kernel that is not known.

    Exact but for rounding where caps are out of reach and all is memoryless. Raises ValueError for factors
    and caps beyond all measure.
    """
    categories: defaultdict[str, _Category] = defaultdict(_Category)
    for one in accumulators:
        if one.kernel not in KERNELS:
            return None
        check(one)
        category = categories[one.category]
        least, most, lasting = _range(one, at)
        category.least += least
        category.most += most
        if one.kernel == "exponential":
            # Negative parts without ages fade as exactly as positive ones.
            part = most if one.detail is not None else most + least
            category.fading[one.half_life] = category.fading.get(one.half_life, 0.0) + part
        else:
            category.constant += most + lasting
    constant = 0.0
    fading: dict[int, float] = {}
    for name, category in categories.items():
        low, high = caps.get(name, (-LARGEST, LARGEST))
        if not -LARGEST <= low <= high <= LARGEST:
            raise ValueError(f"the cap of {name} is out of range")
        if low <= category.least and category.most <= high:
            constant += category.constant
            for half_life, part in category.fading.items():
                fading[half_life] = fading.get(half_life, 0.0) + part
        else:
            highest = category.constant + sum([part for part in category.fading.values() if part > 0.0])
            constant += min(max(highest, low), high)
    return Bound(constant, fading)


def check(one: Accumulator) -> None:
    """Raises ValueError for a factor that PostgreSQL can't compute."""
    detail = one.detail or Detail()
    points, factors = abs(one.points), [factor for _, factor in detail.ages]
    largest = max([1.0, *map(abs, factors)])
    masses = [one.mass, *[mass for _, mass in detail.buckets]]
    instants = [
        one.t_ref,
        detail.active_at or 0,
        *[at for at, _ in detail.buckets],
        *[to for to, _ in detail.ages],
    ]
    if (
        not all(points * abs(mass) * largest < LARGEST and abs(mass) < LARGEST for mass in masses)
        or not all(value == 0.0 or SMALLEST <= abs(value) < LARGEST for value in (points, *factors))
        or not all(-LONGEST < instant < LONGEST for instant in instants)
        or not (0.0 <= detail.percent <= 100.0 and 0.0 <= detail.floor < LARGEST)
    ):
        raise ValueError(f"factor {one.factor} is out of range")
    if (one.kernel == "none") != (one.half_life == 0) or not 0 <= one.half_life < LONGEST:
        raise ValueError(f"factor {one.factor} has a half-life that is none")


def _range(one: Accumulator, at: int) -> tuple[float, float, float]:
    """The least (at most 0) and the most (at least 0) that a factor is worth from `at` on, and what it takes
    away for ever."""
    points, detail, kernel = one.points, one.detail or Detail(), one.kernel
    if kernel == "inactive":
        # Once it counts, it does until an activity.
        worth = points * one.mass
        return min(worth, 0.0), max(worth, 0.0), min(worth, 0.0) if at - one.t_ref >= one.half_life else 0.0
    least = most = 0.0
    settled = detail.ages[-1][1] if detail.ages else 1.0
    for since, mass, factor in [
        (one.t_ref, one.mass, settled),
        *[(since, mass, _largest_factor(detail, at - since)) for since, mass in detail.buckets],
    ]:
        worth = points * mass * factor
        age = max(0, at - since)
        if kernel == "exponential":
            worth *= 2.0 ** (-age / one.half_life)
        elif kernel == "linear":
            worth *= max(0.0, 1.0 - age / one.half_life)
        least, most = least + min(worth, 0.0), most + max(worth, 0.0)
    if kernel == "inactivity_step":
        form = Kernel("inactivity_step", one.half_life, detail.percent, detail.linear)
        anchor = one.t_ref if detail.active_at is None else detail.active_at
        left = most * loss_factor(form, anchor, one.t_ref, max(at, one.t_ref))
        return least, max(left, min(detail.floor, most)), 0.0
    return least, most, least if kernel == "none" and one.detail is None else 0.0


def _largest_factor(detail: Detail, age: int) -> float:
    """The largest factor of a signal from this age in ms on."""
    ages = detail.ages
    return max([factor for to, factor in ages[:-1] if age < to] + [ages[-1][1]]) if ages else 1.0
