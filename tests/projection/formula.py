"""What a lead's total is, written down once more in the plainest words, and leads of every kernel to try."""

from fractions import Fraction
from math import floor
from typing import Any

from hypothesis import strategies as st

from leadstream.records.outputs import Accumulator, Detail

from .made import DAY, NOW, accumulator

CATEGORIES = ("", "engagement", "fit", "negative")


def age_factor(ages: tuple[tuple[int, float], ...], age: int) -> Fraction:
    if not ages:
        return Fraction(1)
    younger = [factor for to, factor in ages[:-1] if age < to]
    return Fraction(younger[0] if younger else ages[-1][1])


def left(kernel: str, period: int, age: int) -> Fraction:
    """What a mass of one is after `age`, where signals fade each by its own age."""
    if kernel == "exponential":
        return Fraction(2.0 ** (-age / period))
    if kernel == "linear":
        return max(Fraction(0), 1 - Fraction(age, period))
    return Fraction(1)


def contribution(one: Accumulator, at: int) -> Fraction:
    detail = one.detail or Detail()
    points, period = Fraction(one.points), one.half_life
    if one.kernel == "inactive":
        return points * Fraction(one.mass) if at - one.t_ref >= period else Fraction(0)
    settled = Fraction(detail.ages[-1][1]) if detail.ages else Fraction(1)
    worth = Fraction(one.mass) * settled * left(one.kernel, period, at - one.t_ref)
    for since, mass in detail.buckets:
        worth += Fraction(mass) * age_factor(detail.ages, at - since) * left(one.kernel, period, at - since)
    worth *= points
    if one.kernel != "inactivity_step":
        return worth
    anchor = one.t_ref if detail.active_at is None else detail.active_at
    before, after = (max(0, floor(Fraction(t - anchor, period))) for t in (one.t_ref, at))
    loss = Fraction(detail.percent) / 100
    if detail.linear:
        divisor = max(Fraction(0), 1 - loss * before)
        remains = (
            max(Fraction(0), 1 - loss * after) / divisor if divisor > Fraction(1, 10**9) else Fraction(0)
        )
    else:
        remains = Fraction(float(1 - loss) ** (after - before))
    return max(worth * remains, min(Fraction(detail.floor), worth)) if detail.floor else worth * remains


def total(accumulators: Any, caps: dict[str, tuple[float, float]], at: int) -> float:
    sums: dict[str, Fraction] = {}
    for one in accumulators:
        sums[one.category] = sums.get(one.category, Fraction(0)) + contribution(one, at)
    for category, (low, high) in caps.items():
        if category in sums:
            sums[category] = min(max(sums[category], Fraction(low)), Fraction(high))
    return float(sum(sums.values()))


POINTS = st.sampled_from([1.0, 2.5, 10.0, 40.0, -5.0, -20.0])
MASSES = st.sampled_from([0.0, 1.0, 2.0, 0.375, 7.1])
INSTANTS = st.sampled_from([0, 1, DAY - 1, DAY, 7 * DAY, 30 * DAY]) | st.integers(0, 200 * DAY)
"""How long before NOW."""
PERIODS = st.sampled_from([1, 3_600_000, DAY, 14 * DAY, 30 * DAY])
AGES = st.sampled_from([
    (), ((DAY, 2.0), (7 * DAY, 1.5), (30 * DAY, 1.0), (0, 0.5)), ((DAY, 0.0), (9 * DAY, 3.0), (0, 1.0)),
    ((0, 0.25),), ((DAY, 1.0), (0, 0.0)),
])  # fmt: skip
BUCKETS = st.lists(st.tuples(INSTANTS.map(lambda ago: NOW - ago), MASSES), max_size=5).map(
    lambda buckets: tuple(sorted(buckets))
)


@st.composite
def leads(draw: Any) -> tuple[tuple[Accumulator, ...], dict[str, tuple[float, float]]]:
    """Accumulators of any kernels as of NOW, and caps."""
    found = []
    for number in range(draw(st.integers(0, 6))):
        kernel = draw(st.sampled_from(["none", "exponential", "linear", "inactivity_step", "inactive"]))
        detail = None
        if (
            kernel == "inactivity_step"
            or (kernel != "inactive" and draw(st.booleans()))
            or kernel == "linear"
        ):
            detail = Detail(draw(BUCKETS), draw(AGES))
        if kernel == "inactivity_step":
            active = draw(st.none() | INSTANTS.map(lambda ago: NOW - ago))
            percent, linear = draw(st.sampled_from([5.0, 33.3, 50.0, 100.0])), draw(st.booleans())
            floor_ = draw(st.sampled_from([0.0, 0.0, 4.0, 1000.0]))
            assert detail is not None
            detail = Detail(detail.buckets, detail.ages, percent, linear, floor_, active)
        found.append(
            accumulator(
                f"f{number}", category=draw(st.sampled_from(CATEGORIES)), points=draw(POINTS), kernel=kernel,
                half_life=0 if kernel == "none" else draw(PERIODS), mass=draw(MASSES),
                t_ref=NOW - draw(INSTANTS), detail=detail,
            )
        )  # fmt: skip
    caps = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "engagement": st.sampled_from([(0.0, 25.0), (0.0, 3.0)]),
                "fit": st.just((0.0, 40.0)),
                "negative": st.sampled_from([(-30.0, 0.0), (-4.0, 0.0)]),
            },
        )
    )
    return tuple(found), caps
