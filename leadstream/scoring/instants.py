"""When a total that only time changes leaves an interval, to the millisecond."""

from itertools import pairwise
from math import exp2, log2

from leadstream.scoring.kernel import total_of

NEGLIGIBLE = 1e-13
"""What is left of a sum of exponentials when it is taken to have reached its limit."""


def first_exit(sums: list[float], half_lives: tuple[int, ...], low: float, high: float) -> int | None:
    """The first whole number of milliseconds >= 1 after which the total is below `low`, or at or over `high`.

    `sums` are the present values per kernel, `half_lives` theirs in milliseconds (0: constant). The total is
    inside [low, high) now. None if it never leaves. Never early: at the answer the total is outside as
    `total_of` computes it, a millisecond before it is inside.
    """
    if len(half_lives) == 1:
        value, half_life = sums[0], half_lives[0]
        if not half_life or value <= 0.0 or low <= 0.0:
            # A negative value only rises towards 0, and no level stands at or below 0.
            return None
        return fall_time(value, half_life, low)
    nodes = turning_points(sums, half_lives)
    for start, end in pairwise(nodes):
        if low <= total_of(sums, half_lives, end) < high:
            continue
        inside, outside = start, end
        while outside - inside > 1:
            middle = (inside + outside) // 2
            if low <= total_of(sums, half_lives, middle) < high:
                inside = middle
            else:
                outside = middle
        return outside
    return None


def fall_time(value: float, half_life: int, level: float) -> int:
    """The first whole number of milliseconds >= 1 after which a value > 0 is below a level > 0.

    Solves `value * 2 ** (-t / half_life) < level`, then settles on the grid where rounding could matter.
    """
    exact = half_life * log2(value / level)
    elapsed = int(exact) + 1
    if exact < 1e10 and 0.01 < elapsed - exact < 0.99:
        # Rounding moves it by some 1e-15 half-lives, 0.003 ms of a hundred years.
        return elapsed
    while value * 2.0 ** (-elapsed / half_life) >= level:
        elapsed += 1
    while elapsed > 1 and value * 2.0 ** (-(elapsed - 1) / half_life) < level:
        elapsed -= 1
    return elapsed


def turning_points(sums: list[float], half_lives: tuple[int, ...]) -> list[int]:
    """Milliseconds that part the future into stretches in which the total only rises or only falls.

    Begins with 0; the last one is where nothing worth mentioning is left to change. A turning point gives the
    milliseconds around it, as it is known to a quarter of one.
    """
    terms = sorted(
        (1.0 / half, value / half) for value, half in zip(sums, half_lives, strict=True) if half and value
    )
    weight = sum(abs(value) for value, half in zip(sums, half_lives, strict=True) if half)
    if weight <= NEGLIGIBLE:
        return [0]
    horizon = max(half_lives) * log2(weight / NEGLIGIBLE) + 1.0
    nodes = {0, int(horizon)}
    for root in exponential_roots(terms, horizon):
        nodes.update((int(root), int(root) + 1, int(root) + 2))
    return sorted(nodes)


def exponential_roots(terms: list[tuple[float, float]], horizon: float) -> list[float]:
    """The roots in (0, horizon) of `sum(weight * 2 ** (-rate * x))`, ascending; terms are (rate, weight).

    The terms come by ascending rate. Divided by its slowest exponential the sum has a constant term, so its
    derivative has one exponential less: the roots of that part the axis where the sum is monotone, and a
    change of sign there is one root.
    """
    if len(terms) < 2 or all(weight > 0 for _, weight in terms) or all(weight < 0 for _, weight in terms):
        return []
    slowest, constant = terms[0]
    rest = [(rate - slowest, weight) for rate, weight in terms[1:]]

    def divided(x: float) -> float:
        return constant + sum([weight * exp2(-rate * x) for rate, weight in rest])

    bends = exponential_roots([(rate, weight * rate) for rate, weight in rest], horizon)
    roots: list[float] = []
    for start, end in pairwise([0.0, *bends, horizon]):
        left = divided(start)
        if left == 0.0 or (left > 0) == (divided(end) > 0):
            continue
        low, high = start, end
        while high - low > 0.25:
            middle = (low + high) / 2
            if (divided(middle) > 0) == (left > 0):
                low = middle
            else:
                high = middle
        roots.append(low)
    return roots
