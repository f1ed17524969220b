"""A row read at any later time. Expected numbers are computed by hand."""

import math

import pytest
from msgspec.structs import replace

from leadstream.projection.forecast import Crossing
from leadstream.projection.forecast import next_crossing as next_crossing_of
from leadstream.records.models import ModelThreshold
from leadstream.records.outputs import Detail
from leadstream.scoring.decay.totals import sum_at

from .made import DAY, NOW, accumulator

HALF_LIFE = 14 * DAY


def next_crossing(factors, levels, at, caps, *, hysteresis=0.0, passed=(), since=NOW):
    """Of thresholds with one hysteresis; the level, the direction, the instant."""
    thresholds = [ModelThreshold(level, hysteresis) for level in levels]
    found: Crossing | None = next_crossing_of(factors, thresholds, passed, since, at, caps)
    return None if found is None else (found.threshold, found.direction, found.at)


@pytest.mark.requirement("S1-1")
@pytest.mark.requirement("S1-9")
def test_a_contribution_halves_with_its_half_life() -> None:
    reply = accumulator(points=25.0, mass=1.0)
    assert sum_at([reply], NOW, {}) == 25.0
    assert sum_at([reply], NOW + HALF_LIFE, {}) == 12.5
    assert sum_at([reply], NOW + 2 * HALF_LIFE, {}) == 6.25
    # 7 days: 25 / sqrt(2)
    assert sum_at([reply], NOW + 7 * DAY, {}) == pytest.approx(17.677669529663687, abs=1e-12)


def test_factors_add_up_each_with_its_own_half_life() -> None:
    factors = [
        accumulator("fit", points=12.0, kernel="none", half_life=0),
        accumulator("reply", points=25.0, mass=2.0),  # 50, in 14 days 25
        accumulator("spam", points=-20.0, half_life=7 * DAY),  # -20, in 14 days -5
        accumulator("visit", points=10.0, t_ref=NOW - HALF_LIFE),  # 5 now, in 14 days 2.5
    ]
    assert sum_at(factors, NOW, {}) == 47.0
    assert sum_at(factors, NOW + HALF_LIFE, {}) == 34.5


@pytest.mark.requirement("N-2")
def test_the_fall_below_a_threshold_is_foretold_to_the_millisecond() -> None:
    # 100 is 50 after one half-life; a total that equals a threshold still stands on it.
    hundred = [accumulator(points=100.0)]
    assert next_crossing(hundred, [50, 80], NOW + 6 * DAY, {}) == (50, "down", NOW + HALF_LIFE + 1)
    # 80 of 100 are left after 14 d * log2(1.25) = 389,404,223.6 ms.
    assert next_crossing(hundred, [50, 80], NOW, {}) == (80, "down", NOW + 389_404_224)
    assert next_crossing(hundred, [50, 80], NOW + 15 * DAY, {}) is None
    assert next_crossing(hundred, [], NOW, {}) is None


def test_the_rise_as_a_negative_fades_is_foretold() -> None:
    # 60 stay, -20 halve each day: 50 after one day, where the threshold is passed.
    factors = [
        accumulator("fit", points=60.0, kernel="none", half_life=0),
        accumulator("bounce", points=-20.0, half_life=DAY),
    ]
    assert next_crossing(factors, [30, 50, 80], NOW, {}) == (50, "up", NOW + DAY)


def test_the_first_of_both_directions_is_told() -> None:
    # 40 * 2^(-t/14) + 30 - 20 * 2^-t with t in days: rises from 50 (to 62 on day 3) before it falls to 30.
    factors = [
        accumulator("fit", points=30.0, kernel="none", half_life=0),
        accumulator("reply", points=40.0),
        accumulator("bounce", points=-20.0, half_life=DAY),
    ]
    rise = next_crossing(factors, [50, 55], NOW, {})
    assert rise is not None
    assert rise[:2] == (55, "up")
    fall = next_crossing(factors, [50, 55], rise[2], {})
    assert fall is not None
    assert fall[:2] == (55, "down")
    # 30 + 40x = 55 with x = 0.625 when the negative is gone: 14 d * log2(1.6) = 9.493 d, the negative 0.03.
    assert 9.4 < (fall[2] - NOW) / DAY < 9.5


def test_the_steps_of_an_age_table_are_foretold() -> None:
    # 20 while younger than a day, then 10, from 7 days on 5: over 15 until the first step, over 5 for ever.
    ages = ((DAY, 2.0), (7 * DAY, 1.0), (0, 0.5))
    click = accumulator("click", points=10.0, mass=0.0, kernel="none", half_life=0)
    click = replace(click, detail=Detail(buckets=((NOW, 1.0),), ages=ages))
    assert sum_at([click], NOW + DAY - 1, {}) == 20
    assert next_crossing([click], [15], NOW, {}) == (15, "down", NOW + DAY)
    assert next_crossing([click], [8], NOW, {}) == (8, "down", NOW + 7 * DAY)
    assert next_crossing([click], [5], NOW, {}) is None


def test_a_cap_holds_a_total_until_it_releases() -> None:
    # 100 under a cap of 40 releases when 40 are left: 14 d * log2(2.5).
    visits = accumulator("visit", points=100.0)
    visits = replace(visits, category="intent")
    caps = {"intent": (0.0, 40.0)}
    assert sum_at([visits], NOW, caps) == 40
    released = 14 * DAY * math.log2(2.5)
    assert next_crossing([visits], [40], NOW, caps) == (40, "down", NOW + math.ceil(released))


def test_with_hysteresis_a_threshold_is_left_below_it() -> None:
    # 100 is 50 after one half-life, and 40 after 14 d * log2(2.5) = 1,599,004,223.6 ms.
    hundred = [accumulator(points=100.0)]
    left = (50, "down", NOW + math.ceil(14 * DAY * math.log2(2.5)))
    assert next_crossing(hundred, [50], NOW, {}, hysteresis=10) == left
    # At 45 it is passed still if its last crossing was upwards, and else it never was.
    later = NOW + math.ceil(14 * DAY * math.log2(100 / 45))
    assert next_crossing(hundred, [50], later, {}, hysteresis=10) == left
    faded = [accumulator(points=45.0)]
    fall = (50, "down", NOW + math.ceil(14 * DAY * math.log2(45 / 40)))
    assert next_crossing(faded, [50], NOW, {}, hysteresis=10, passed={50}) == fall
    assert next_crossing(faded, [50], NOW, {}, hysteresis=10) is None


def test_what_was_crossed_before_the_instant_is_counted_in() -> None:
    # 60 - 40 * 2^-t passes 50 after two days (60 - 10), and 55 after three.
    factors = [
        accumulator("fit", points=60.0, kernel="none", half_life=0),
        accumulator("bounce", points=-40.0, half_life=DAY),
    ]
    assert next_crossing(factors, [50, 55], NOW, {}, hysteresis=20) == (50, "up", NOW + 2 * DAY)
    assert next_crossing(factors, [50, 55], NOW + 2 * DAY, {}, hysteresis=20) == (55, "up", NOW + 3 * DAY)
    assert next_crossing(factors, [50, 55], NOW + 3 * DAY, {}, hysteresis=20) is None
