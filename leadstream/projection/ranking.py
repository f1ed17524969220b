"""Where a lead stands in the order by present total, in a form that time does not change. Pure.

Of two totals that fade with one half-life h the larger stays the larger. So the instant at which a total is
worth exactly one point, `at + h * log2(total)`, orders leads at any time (forward decay's landmark, Cormode
et al., ICDE 2009), and an index on it never goes stale. What does not fade is a constant beside it: leads are
indexed by half-life and constant, each such part in order by itself. Where a total is not of this form, a
bound of it is (`leadstream.projection.bounds`).
"""

from collections.abc import Iterable, Mapping
from math import ceil, log2
from typing import NamedTuple

from leadstream.projection.bounds import Bound, bound_of, memoryless
from leadstream.records.outputs import Accumulator


class Rank(NamedTuple):
    """A bound of a lead's total from its row's instant on, exact up to the rounding of `base` where all that
    fades has one half-life:

    ```
    half_life > 0    base + 2 ** ((key - t) / half_life)
    half_life < 0    base - 2 ** ((key + t) / half_life)
    half_life = 0    key
    ```

    `half_life` and t are in milliseconds. `base` is the sum of what does not fade, rounded up, so that there
    are few different ones. At any time a higher `key` is a higher bound among equal half-lives and bases.
    """

    half_life: int
    base: float
    key: float


def rank_of(
    accumulators: Iterable[Accumulator],
    at: int,
    total: float,
    caps: Mapping[str, tuple[float, float]] | None = None,
) -> Rank:
    """The rank of a row that is exact at `at` (epoch ms).

    Where half-lives mix, the positive parts count as if all faded with the slowest of theirs, and negative
    ones that fade faster than that are left out: neither can make the bound too low. A factor that the tables
    can't compute leaves the lead at its `total`. Raises ValueError for factors beyond all measure.
    """
    accumulators = tuple(accumulators)
    if caps:
        return _of_bound(bound_of(accumulators, at, caps), at, total)
    constant = 0.0
    fading: dict[int, float] = {}
    for one in accumulators:
        value = memoryless(one, at)
        if value is None:
            return _of_bound(bound_of(accumulators, at, {}), at, total)
        half_life = one.half_life
        if not half_life:
            constant += value
        elif half_life in fading:
            fading[half_life] += value
        else:
            fading[half_life] = value
    return _rank(constant, fading, at)


def _of_bound(bound: Bound | None, at: int, total: float) -> Rank:
    return Rank(0, 0.0, total) if bound is None else _rank(bound.constant, bound.fading, at)


def _rank(constant: float, fading: Mapping[int, float], at: int) -> Rank:
    slowest, part = _slowest(fading)
    if not part:
        return Rank(0, 0.0, constant)
    landmark = at + slowest * log2(abs(part))
    base = float(ceil(constant))
    return Rank(slowest, base, landmark) if part > 0.0 else Rank(-slowest, base, -landmark)


def _slowest(fading: Mapping[int, float]) -> tuple[int, float]:
    """The half-life and the part of a bound of the sum of all that fades."""
    if len(fading) > 1:
        fading = {half_life: value for half_life, value in fading.items() if value}
    if len(fading) <= 1:
        for half_life, value in fading.items():
            return half_life, value
        return 0, 0.0
    positive = [half_life for half_life, value in fading.items() if value > 0.0]
    # Of negatives alone the fastest is the bound: none is gone sooner.
    slowest = max(positive) if positive else min(fading)
    part = sum([value for half_life, value in fading.items() if value > 0.0 or half_life >= slowest])
    return slowest, part
