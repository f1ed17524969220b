"""When a total leaves an interval by itself; against figures by hand and a search by brute force."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.scoring.decay.first_exit import fall_time, first_exit
from leadstream.scoring.decay.segments import Segment
from leadstream.scoring.kernels.course import Part
from leadstream.scoring.kernels.exponential import Exponential, decayed
from leadstream.scoring.kernels.kernel import score_of
from leadstream.scoring.kernels.none import NoDecay
from tests.support.durations import DAY

START = 1_767_225_600_000

Bounds = tuple[float, float]
Terms = list[tuple[int, float]]
"""Half-life (0: constant) and value at the start."""


def total_of(parts: list[tuple[Bounds, Terms, float]], elapsed: int) -> float:
    """The total of clamped categories, each of terms and a slope per ms."""
    found = 0.0
    for (low, high), terms, slope in parts:
        value = sum(decayed(one, half_life, elapsed) for half_life, one in terms) + slope * elapsed
        found += min(max(value, low), high)
    return found


def exit_of(
    parts: list[tuple[Bounds, Terms, float]], low: float, high: float, end: int | None = None
) -> int | None:
    """How long after the start the total leaves, as the search says."""
    made = []
    for (lower, upper), terms, slope in parts:
        fading: dict[int, float] = {}
        for half_life, value in terms:
            if half_life:
                fading[half_life] = fading.get(half_life, 0.0) + value
        constant = sum(value for half_life, value in terms if not half_life)
        made.append(Part(lower, upper, constant, slope, fading))
    segment = Segment(START, None if end is None else START + end, made)
    found = first_exit(lambda t: total_of(parts, t - START), segment, low, high)
    return None if found is None else found - START


FREE = (-inf, inf)


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
    ("terms", "low", "high"),
    [
        ([(DAY, 80.0)], -inf, 90),
        ([(DAY, 80.0)], 0.0, 90),
        ([(DAY, -5.0)], -inf, 5),
        ([(0, 80.0)], 10, 90),
        ([(DAY, 10.0), (0, 50.0)], 49.9, 90),
        ([(DAY, 0.0), (0, 0.0)], -inf, 5),
        ([(DAY, 5.0), (DAY, -5.0)], -inf, 5),
        ([(DAY, 5.0), (2 * DAY, -5.0)], -inf, 5),
    ],
)
def test_what_never_leaves(terms: Terms, low: float, high: float) -> None:
    assert exit_of([(FREE, terms, 0.0)], low, high) is None


def test_a_total_may_rise_and_fall_again() -> None:
    # 40 * 2 ** (-t / 16 s) - 30 * 2 ** (-t / 1 s): 10 at first, highest some seconds later.
    parts: list[tuple[Bounds, Terms, float]] = [(FREE, [(16_000, 40.0), (1000, -30.0)], 0.0)]
    up = exit_of(parts, 5, 25)
    assert up is not None
    assert total_of(parts, up - 1) < 25 <= total_of(parts, up)
    down = exit_of(parts, 5, inf)
    assert down is not None
    assert down > up
    assert total_of(parts, down) < 5 <= total_of(parts, down - 1)


def test_a_capped_category_stays_until_its_cap_releases() -> None:
    # 50 capped at 25 releases after one half-life: from there on it is 50 * 2 ** (-t / day).
    assert exit_of([((0.0, 25.0), [(DAY, 50.0)], 0.0)], 25.0, inf) == DAY + 1
    assert exit_of([((0.0, 25.0), [(DAY, 50.0)], 0.0)], 12.5, inf) == 2 * DAY + 1


def test_a_flat_cap_over_a_fading_loss_rises() -> None:
    # 100 capped at 40, less 20 that fades within hours: 30 when the loss is 10.
    parts: list[tuple[Bounds, Terms, float]] = [
        ((0.0, 40.0), [(DAY, 100.0)], 0.0),
        ((-30.0, 0.0), [(3_600_000, -20.0)], 0.0),
    ]
    assert exit_of(parts, 10.0, 30.0) == 3_600_000


def test_a_peak_of_one_millisecond_at_the_release_of_a_cap_is_found() -> None:
    # 80 capped at 40, and -20: at exactly one half-life both are halved, 40 - 10; then less.
    parts: list[tuple[Bounds, Terms, float]] = [
        ((0.0, 40.0), [(DAY, 80.0)], 0.0),
        (FREE, [(DAY, -20.0)], 0.0),
    ]
    assert exit_of(parts, -inf, 30.0) == DAY


def test_a_slope_leaves_within_its_stretch_only() -> None:
    # 10 less 1 a second.
    assert exit_of([(FREE, [(0, 10.0)], -0.001)], 5.0, inf, end=8000) == 5001
    assert exit_of([(FREE, [(0, 10.0)], -0.001)], 5.0, inf, end=5001) is None


class Counted(Segment):
    """Counts the looks at its bounds."""

    looks = 0

    def bounds(self, a: int, b: int) -> tuple[float, float, float, float]:
        Counted.looks += 1
        return super().bounds(a, b)


def test_a_search_ends_soon_where_half_lives_are_nearly_alike() -> None:
    # 40 + 5 - 5: what is left of the two is at most 2e-9, and their bounds never cancel.
    parts: list[tuple[Bounds, Terms, float]] = [
        (FREE, [(0, 40.0), (14 * DAY, 5.0), (14 * DAY + 1, -5.0)], 0.0)
    ]
    segment = Counted(START, None, [Part(-inf, inf, 40.0, 0.0, {14 * DAY: 5.0, 14 * DAY + 1: -5.0})])
    assert first_exit(lambda t: total_of(parts, t - START), segment, 40 - 5e-9, 41) is None
    assert Counted.looks < 20_000


bounds = st.sampled_from([FREE, FREE, (0.0, 25.0), (-15.0, 0.0), (0.0, 60.0)])
terms = st.lists(
    st.tuples(st.sampled_from([0, 1000, 1001, 2000, 5000, 30_000]), st.floats(-100, 100)),
    min_size=1, max_size=4, unique_by=lambda term: term[0],
)  # fmt: skip
slopes = st.sampled_from([0.0, 0.0, 0.0, -0.001, 0.0005])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(bounds, terms, slopes), min_size=1, max_size=3), st.floats(0.1, 40), st.floats(0.1, 40)
)
def test_no_exit_is_missed_and_none_is_early(
    parts: list[tuple[Bounds, Terms, float]], below: float, above: float
) -> None:
    present = total_of(parts, 0)
    low, high = present - below, present + above
    end = 400_000 if any(slope for _, _, slope in parts) else None
    found = exit_of(parts, low, high, end)
    # Every millisecond of the first seconds, then wider steps.
    instants = [*range(1, 4000), *range(4000, 400_000, 97)]
    outside = next((t for t in instants if not low <= total_of(parts, t) < high), None)
    if found is None:
        assert outside is None
        return
    assert not low <= total_of(parts, found) < high
    assert low <= total_of(parts, found - 1) < high
    assert outside is None or found <= outside
    if outside is not None and outside < 4000:
        assert found == outside


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
        Exponential(0)
    with pytest.raises(ValueError, match="half-life"):
        NoDecay(5)
