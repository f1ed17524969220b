"""When a total that only time changes leaves an interval, to the millisecond."""

from collections.abc import Callable
from math import inf, log2

from leadstream.scoring.decay.segments import Segment, guesses, single_half_life

MARGIN = 1e-12
"""What rounding may be the bounds of a total away from the total, relative to its size."""
BUDGET = 4000
"""Pieces that a search looks at before it is content with a coarser look."""
SHORT = 8
"""Milliseconds between which halving is as good as any search."""
Total = Callable[[int], float]
"""The total at an instant, as the fold computes it."""


def first_exit(total: Total, segment: Segment, low: float, high: float) -> int | None:
    """The first instant after the segment's start at which the total is below `low`, or at or over `high`.

    The total is inside [low, high) at the start. None if it does not leave before the segment ends. Never
    early: at the answer the total is outside, a millisecond before it is inside.
    """
    end = segment.horizon
    if end <= segment.start:
        return None
    half_life = single_half_life(segment)
    if half_life == 0:
        return None
    if half_life is not None:
        return exit_in_pieces(total, segment, half_life, low, high)
    return exit_by_bounds(total, segment, low, high)


def exit_in_pieces(total: Total, segment: Segment, half_life: int, low: float, high: float) -> int | None:
    """In closed form: with one half-life the total is monotone between the releases of caps."""
    start, horizon = segment.start, segment.horizon
    inside = start
    for _, last, leaves in guesses(segment, half_life, low, high):
        ends = (horizon,) if last == inf else (start + int(last), start + int(last) + 1)
        if leaves < inf:
            # Rounding moves it by little: by less than a millisecond as a rule.
            near = start + int(leaves)
            for before, behind in ((near, near + 1), (near - 2, near + 3)):
                first, second = max(inside, before), min(ends[-1], horizon, behind)
                if second > first and low <= total(first) < high and not low <= total(second) < high:
                    return settle(total, first, second, low, high)
        # A release is between two milliseconds: the total may turn in the last one before it.
        for end in ends:
            end = min(end, horizon)
            if end > inside:
                if not low <= total(end) < high:
                    return settle(total, inside, end, low, high)
                inside = end
        if inside >= horizon:
            return None
    return None


def exit_by_bounds(total: Total, segment: Segment, low: float, high: float) -> int | None:
    """By halving: where the bounds of the total stay inside, or it is monotone and its end is inside, not.

    What all but cancels (half-lives that differ by seconds) has bounds that are far from it: after `BUDGET`
    pieces none is halved further than to a `BUDGET`th of the segment, and judged by its end.
    """
    margin = MARGIN * max(1.0, abs(total(segment.start)))
    pending = [(segment.start, segment.horizon)]
    shortest, pieces = 1, 0
    while pending:
        first, last = pending.pop()
        pieces += 1
        if pieces == BUDGET:
            shortest = max(1, (segment.horizon - segment.start) // BUDGET)
        least, most, falls, rises = segment.bounds(first, last)
        if low + margin <= least and most < high - margin:
            continue
        if falls >= 0.0 or rises <= 0.0 or last - first <= shortest:
            # What does not rise passes nothing upwards, whatever rounding says right at a level.
            least = -inf if falls >= 0.0 else low
            most = inf if rises <= 0.0 else high
            if not least <= total(last) < most:
                return settle(total, first, last, least, most)
            continue
        middle = (first + last) // 2
        pending.append((middle, last))
        pending.append((first, middle))
    return None


def settle(total: Total, inside: int, outside: int, low: float, high: float) -> int:
    """The first instant outside, between one that is inside and one that is not.

    Interpolates within a bracket by the ITP method (Oliveira and Takahashi, ACM Transactions on Mathematical
    Software 47, 2020): one step more than halving at worst, and some seven where a total fades over years.
    """
    if outside - inside > SHORT:
        inside, outside = narrow(total, inside, outside, low, high)
    while outside - inside > 1:
        middle = (inside + outside) // 2
        if low <= total(middle) < high:
            inside = middle
        else:
            outside = middle
    return outside


def narrow(total: Total, inside: int, outside: int, low: float, high: float) -> tuple[int, int]:
    """Such a pair at most `SHORT` ms apart."""
    whole = outside - inside
    # The width that halving, one step behind, would have reached.
    allowed = float(2 << whole.bit_length())
    value_inside, value_outside = total(inside), total(outside)
    while (width := outside - inside) > SHORT:
        allowed /= 2
        level = low if value_outside < low else high
        share = (value_inside - level) / (value_inside - value_outside)
        # From the interpolated place towards the middle, but not past it.
        place = width * share
        pull = 0.2 * width * width / whole
        off = width / 2 - place
        if abs(off) <= pull:
            off = 0.0
        else:
            off -= pull if off > 0 else -pull
        reach = max(0.0, (allowed - width) / 2)
        off = min(max(off, -reach), reach)
        middle = min(max(inside + round(width / 2 - off), inside + 1), outside - 1)
        value = total(middle)
        if low <= value < high:
            inside, value_inside = middle, value
        else:
            outside, value_outside = middle, value
    return inside, outside


def fall_time(value: float, half_life: float, level: float) -> int:
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
