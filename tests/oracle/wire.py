"""A snapshot's total at any later time, from what stands on the wire alone."""

from decimal import Decimal
from typing import Any

from tests.oracle.kernels import LN2


def total(snapshot: dict[str, Any], t: int) -> Decimal:
    """Categories are sums of contributions, clamped to their caps; the total is their sum."""
    sums: dict[str, Decimal] = {}
    for accumulator in snapshot["accumulators"]:
        category = accumulator[1]
        sums[category] = sums.get(category, Decimal(0)) + contribution(accumulator, t)
    for category, (low, high) in snapshot.get("caps", {}).items():
        if category in sums:
            sums[category] = min(max(sums[category], Decimal(low)), Decimal(high))
    return sum(sums.values(), Decimal(0))


def contribution(accumulator: list[Any], t: int) -> Decimal:
    """Points times what is left at t of the mass and of each signal kept apart."""
    _, _, points, kernel, time, mass, since, _, _, *rest = accumulator
    detail = (rest[0] if rest else None) or {}
    if kernel == "inactive":
        return Decimal(points) if t - since >= time else Decimal(0)
    ages = detail.get("ages", [])
    kept = [(at, Decimal(one) * of_age(ages, t - at)) for at, one in detail.get("buckets", [])]
    settled = Decimal(mass) * Decimal(ages[-1][1] if ages else 1)
    if kernel == "inactivity_step":
        whole = Decimal(points) * (settled + sum((one for _, one in kept), Decimal(0)))
        left = whole * loss(detail, time, since, t)
        return max(left, min(Decimal(detail.get("floor", 0)), whole))
    whole = settled * fading(kernel, time, t - since)
    return Decimal(points) * (
        whole + sum((one * fading(kernel, time, t - at) for at, one in kept), Decimal(0))
    )


def of_age(ages: list[list[Any]], age: int) -> Decimal:
    if not ages:
        return Decimal(1)
    return Decimal(next((factor for to, factor in ages[:-1] if age < to), ages[-1][1]))


def fading(kernel: str, time: int, age: int) -> Decimal:
    if kernel == "exponential":
        return (-LN2 * age / time).exp()
    if kernel == "linear":
        return max(Decimal(0), 1 - Decimal(age) / time)
    return Decimal(1)


def loss(detail: dict[str, Any], every: int, since: int, t: int) -> Decimal:
    """What inactivity leaves at t of what there was at `since`."""
    active = detail.get("active_at")
    begin = since if active is None else active
    now, then = (max(0, (instant - begin) // every) for instant in (t, since))
    share = Decimal(str(detail["percent"])) / 100
    if not detail.get("linear", False):
        return (1 - share) ** (now - then) if now > then else Decimal(1)
    divisor = max(Decimal(0), 1 - share * then)
    return max(Decimal(0), 1 - share * now) / divisor if divisor else Decimal(0)
