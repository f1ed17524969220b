"""Waits between tries: they grow to the longest, begin again, and differ by chance within bounds."""

from itertools import pairwise
from random import Random

from leadstream.backoff import Backoff


def test_waits_double_up_to_the_longest_and_begin_again() -> None:
    backoff = Backoff(0.5, 10.0, jitter=0.0)
    assert [backoff.next() for _ in range(7)] == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    backoff.reset()
    assert [backoff.next() for _ in range(2)] == [0.5, 1.0]


def test_the_factor_is_that_of_the_waits() -> None:
    backoff = Backoff(1.0, 30.0, factor=3.0, jitter=0.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 3.0, 9.0, 27.0, 30.0]


def test_jitter_leaves_out_up_to_its_part_of_each_wait() -> None:
    backoff = Backoff(8.0, 8.0, jitter=0.25, random=Random(1))
    waits = [backoff.next() for _ in range(1000)]
    assert all(6.0 < wait <= 8.0 for wait in waits)
    assert min(waits) < 6.1
    assert max(waits) > 7.9
    assert all(one != other for one, other in pairwise(waits))


def test_jitter_does_not_slow_the_growth() -> None:
    backoff = Backoff(1.0, 1000.0, jitter=0.5, random=Random(2))
    waits = [backoff.next() for _ in range(8)]
    assert all(2.0**n / 2 <= wait <= 2.0**n for n, wait in enumerate(waits))


def test_the_same_source_gives_the_same_waits() -> None:
    one, other = (Backoff(0.1, 5.0, random=Random(7)) for _ in range(2))
    assert [one.next() for _ in range(9)] == [other.next() for _ in range(9)]
