"""The most that a lead's total can be from its row's instant on, without a new signal. Pure.

Caps and kernels that are not memoryless have no form that time leaves alone. But a capped category is at most
its cap, and what fades by steps is at most what it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from leadstream.records.outputs import Accumulator, Detail
from leadstream.scoring.kernels.kernel import Kernel, loss_factor

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
        category = categories[one.category]
        value = memoryless(one, at)
        if value is None:
            if one.kernel not in KERNELS:
                return None
            _add(category, one, at)
            continue
        if value > 0.0:
            category.most += value
        else:
            category.least += value
        if one.half_life:
            category.fading[one.half_life] = category.fading.get(one.half_life, 0.0) + value
        else:
            category.constant += value
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


def memoryless(one: Accumulator, at: int) -> float | None:
    """What a factor contributes at `at`, if a sum of its kind fades like one of it; else None.

    Raises ValueError if PostgreSQL can't compute it.
    """
    if one.detail is not None:
        return None
    kernel, half_life = one.kernel, one.half_life
    if kernel == "exponential":
        fits = 0 < half_life < LONGEST
    elif kernel == "none":
        fits = half_life == 0
    else:
        return None
    points, t_ref = one.points, one.t_ref
    value = points * one.mass
    if not (
        fits
        and -LARGEST < value < LARGEST
        and -LONGEST < t_ref < LONGEST
        and (points >= SMALLEST or points <= -SMALLEST or points == 0.0)
    ):
        raise ValueError(f"factor {one.factor} is out of range")
    if at > t_ref and half_life:
        value *= 2.0 ** ((t_ref - at) / half_life)
    return value


def _check(one: Accumulator, detail: Detail) -> None:
    """Raises ValueError for a factor that PostgreSQL can't compute."""
    points, factors = abs(one.points), [factor for _, factor in detail.ages]
    largest = max([1.0, *map(abs, factors)])
    instants = [one.t_ref, detail.active_at or 0, one.half_life, *[to for to, _ in detail.ages]]
    for since, mass in [(one.t_ref, one.mass), *detail.buckets]:
        if not (points * abs(mass) * largest < LARGEST and abs(mass) < LARGEST):
            raise ValueError(f"factor {one.factor} is out of range")
        instants.append(since)
    for value in (points, *factors):
        if not (value == 0.0 or SMALLEST <= abs(value) < LARGEST):
            raise ValueError(f"factor {one.factor} is out of range")
    if (
        not -LONGEST < min(instants) <= max(instants) < LONGEST
        or not (0.0 <= detail.percent <= 100.0 and 0.0 <= detail.floor < LARGEST)
        or one.half_life < 0
        or (one.kernel == "none") != (one.half_life == 0)
    ):
        raise ValueError(f"factor {one.factor} is out of range")


def _add(category: _Category, one: Accumulator, at: int) -> None:
    detail = one.detail or Detail()
    _check(one, detail)
    least, most, lasting = _range(one, detail, at)
    category.least += least
    category.most += most
    if one.kernel == "exponential":
        category.fading[one.half_life] = category.fading.get(one.half_life, 0.0) + most
    else:
        category.constant += most + lasting


def _range(one: Accumulator, detail: Detail, at: int) -> tuple[float, float, float]:
    """The least (at most 0) and the most (at least 0) that a factor is worth from `at` on, and what it takes
    away for ever."""
    points, kernel = one.points, one.kernel
    if kernel == "inactive":
        # Once it counts, it does until an activity.
        worth = points * one.mass
        return min(worth, 0.0), max(worth, 0.0), min(worth, 0.0) if at - one.t_ref >= one.half_life else 0.0
    least = most = 0.0
    signals = [(one.t_ref, one.mass * (detail.ages[-1][1] if detail.ages else 1.0))]
    signals += [(since, mass * _largest_factor(detail, at - since)) for since, mass in detail.buckets]
    for since, mass in signals:
        worth = points * mass
        if kernel == "exponential":
            worth *= 2.0 ** (-max(0, at - since) / one.half_life)
        elif kernel == "linear":
            worth *= max(0.0, 1.0 - max(0, at - since) / one.half_life)
        if worth > 0.0:
            most += worth
        else:
            least += worth
    if kernel == "inactivity_step":
        form = Kernel("inactivity_step", one.half_life, detail.percent, detail.linear)
        anchor = one.t_ref if detail.active_at is None else detail.active_at
        left = most * loss_factor(form, anchor, one.t_ref, max(at, one.t_ref))
        return least, max(left, min(detail.floor, most)), 0.0
    return least, most, 0.0


def _largest_factor(detail: Detail, age: int) -> float:
    """The largest factor of a signal from this age in ms on."""
    ages = detail.ages
    return max([factor for to, factor in ages[:-1] if age < to] + [ages[-1][1]]) if ages else 1.0
