"""The most that a lead's total can be from its row's instant on, without a new signal. Pure.

Caps and kernels that are not memoryless have no form that time leaves alone. But a capped category is at most
its cap, and what fades by steps is at most what it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from leadstream.records.outputs import Accumulator, Detail
from leadstream.scoring.decay.totals import kernel_of
from leadstream.scoring.kernels.registry import KERNELS

LARGEST = 1e100
SMALLEST = 1e-100
"""What a factor is worth, and its points, lie between these, so that PostgreSQL can multiply them."""
LONGEST = 10**15
"""Instants and periods in ms are within this."""


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
    """What a factor contributes at `at`, if a sum of its kind fades like one of it; else None. Inlined for
    speed: it is asked for each factor of each row.

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
    if not (
        -LONGEST < min(instants) <= max(instants) < LONGEST
        and 0.0 <= detail.percent <= 100.0
        and 0.0 <= detail.floor < LARGEST
    ):
        raise ValueError(f"factor {one.factor} is out of range")


def _add(category: _Category, one: Accumulator, at: int) -> None:
    detail = one.detail or Detail()
    _check(one, detail)
    try:
        kernel = kernel_of(one)
    except ValueError:
        raise ValueError(f"factor {one.factor} is out of range") from None
    least, most, lasting, half_life = kernel.outlook(
        one.points, one.mass, one.t_ref, detail.buckets, detail.active_at, at
    )
    category.least += least
    category.most += most
    if half_life:
        category.fading[half_life] = category.fading.get(half_life, 0.0) + most
    else:
        category.constant += most + lasting
