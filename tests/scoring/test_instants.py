"""When a total leaves an interval by itself; against figures by hand and a search by brute force."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.scoring.instants import exponential_roots, fall_time, first_exit
from leadstream.scoring.kernel import Kernel, decayed, score_of, total_of

DAY = 86_400_000


@pytest.mark.parametrize(
    ("value", "half_life", "level", "expected"),
    [
        (80, 1000, 40, 1001),  # at 1000 ms it is 40, not below
        (80, 1000, 40.0001, 1000),
        (100, 14 * DAY, 50, 14 * DAY + 1),
        (50, DAY, 49.999999999, 1),  # 0.002 ms
        (10, DAY, 7.999999999, 27_814_588),
        (1e6, 36_525 * DAY, 0.001, 94_348_870_242_496),  # 36,525 d * log2(1e9) = ...495.7
    ],
)
def test_the_first_millisecond_below_a_level(
    value: float, half_life: int, level: float, expected: int
) -> None:
    assert fall_time(value, half_life, level) == expected


@pytest.mark.parametrize(
    ("sums", "half_lives", "low", "high"),
    [
        ([80.0], (DAY,), -inf, 90),
        ([80.0], (DAY,), 0.0, 90),
        ([-5.0], (DAY,), -inf, 5),
        ([80.0], (0,), 10, 90),
        ([10.0, 50.0], (DAY, 0), 49.9, 90),
        ([0.0, 0.0], (DAY, 0), -inf, 5),
        ([5.0, -5.0], (DAY, DAY), -inf, 5),
    ],
)
def test_what_never_leaves(sums: list[float], half_lives: tuple[int, ...], low: float, high: float) -> None:
    assert first_exit(sums, half_lives, low, high) is None


def test_a_total_may_rise_and_fall_again() -> None:
    # 40 * 2 ** (-t / 16 s) - 30 * 2 ** (-t / 1 s): 10 at first, highest some seconds later.
    sums, half_lives = [40.0, -30.0], (16_000, 1000)
    up = first_exit(sums, half_lives, 5, 25)
    assert up is not None
    assert total_of(sums, half_lives, up - 1) < 25 <= total_of(sums, half_lives, up)
    down = first_exit(sums, half_lives, 5, inf)
    assert down is not None
    assert down > up
    assert total_of(sums, half_lives, down) < 5 <= total_of(sums, half_lives, down - 1)


terms = st.lists(
    st.tuples(st.sampled_from([0, 1000, 1001, 2000, 5000, 30_000]), st.floats(-100, 100)),
    min_size=2, max_size=4, unique_by=lambda term: term[0],
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(terms, st.floats(0.1, 40), st.floats(0.1, 40))
def test_no_exit_is_missed_and_none_is_early(
    parts: list[tuple[int, float]], below: float, above: float
) -> None:
    half_lives = tuple(half_life for half_life, _ in parts)
    sums = [value for _, value in parts]
    low, high = sum(sums) - below, sum(sums) + above
    found = first_exit(sums, half_lives, low, high)
    # Every millisecond of the first seconds, then wider steps.
    instants = [*range(1, 4000), *range(4000, 400_000, 97)]
    outside = next((t for t in instants if not low <= total_of(sums, half_lives, t) < high), None)
    if found is None:
        assert outside is None
        return
    assert not low <= total_of(sums, half_lives, found) < high
    assert low <= total_of(sums, half_lives, found - 1) < high
    assert outside is None or found <= outside
    if outside is not None and outside < 4000:
        assert found == outside


def test_three_roots_are_told_apart() -> None:
    # (2**-x - 0.5)(2**-x - 0.25)(2**-x - 0.125): zero at 1, 2 and 3.
    weights = [(0.0, -0.015625), (1.0, 0.21875), (2.0, -0.875), (3.0, 1.0)]
    found = exponential_roots([(rate / 1e6, weight) for rate, weight in weights], 1e7)
    assert found == pytest.approx([1e6, 2e6, 3e6], abs=0.5)


@pytest.mark.parametrize(
    ("total", "shown"),
    [
        (-3, 0),
        (0, 0),
        (0.999, 0),
        (0.9999999995, 1),
        (49.9999999995, 50),
        (49.99999999, 49),
        (100, 100),
        (250, 100),
    ],
)
def test_the_score_shown_is_the_clamped_total_rounded_down(total: float, shown: int) -> None:
    assert score_of(total) == shown


def test_kernels() -> None:
    assert decayed(3, 0, 10**15) == 3
    assert decayed(8, 1000, 3000) == 1
    assert decayed(1, 1000, 10**15) == 0
    with pytest.raises(ValueError, match="half-life"):
        Kernel("exponential", 0)
    with pytest.raises(ValueError, match="half-life"):
        Kernel("none", 5)
