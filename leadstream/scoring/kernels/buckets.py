"""Accumulators whose signals fade each by its own age: what they keep of each, and its bound."""

from collections.abc import Iterator
from struct import Struct

from leadstream.scoring.kernels.kernel import Kernel, fading

MAX_BUCKETS = 64
"""Signals kept apart per accumulator; beyond it the two oldest become one."""

Bucket = tuple[int, float]
"""Effective time in ms, mass."""

_bucket = Struct("<qd")
_pack = _bucket.pack


def read_buckets(packed: bytes) -> Iterator[Bucket]:
    return _bucket.iter_unpack(packed)


def write_buckets(buckets: list[Bucket]) -> bytes:
    return b"".join([_pack(at, mass) for at, mass in buckets])


def add_bucket(
    buckets: list[Bucket], kernel: Kernel, mass: float, ref: int, added: Bucket, now: int
) -> tuple[float, int]:
    """Adds a signal; returns the settled mass and its reference instant.

    A signal past all steps of the age table is settled: it fades like any other from there, so it goes into
    one mass, exactly. One past the end of a `linear` kernel counts nothing. Of more than 64 others the two
    oldest become one, at their mean time weighted by mass, or with what is left of both at the newer's: that
    is as far from the truth as they differ between a step of the older and that of the newer, or their ends.
    """
    buckets.append(added)
    buckets.sort()
    settled = 0
    oldest = now - kernel.oldest
    while settled < len(buckets) and buckets[settled][0] <= oldest:
        at, one = buckets[settled]
        settled += 1
        if kernel.kind == "linear":
            continue
        if kernel.kind == "exponential" and at >= ref:
            mass, ref = mass * fading(kernel, at - ref) + one, at
        elif kernel.kind == "exponential":
            mass += one * fading(kernel, ref - at)
        else:
            mass += one
    del buckets[:settled]
    while len(buckets) > MAX_BUCKETS:
        (first, light), (second, heavy) = buckets[:2]
        if kernel.kind == "exponential":
            buckets[:2] = [(second, light * fading(kernel, second - first) + heavy)]
            continue
        both = light + heavy
        mean = second if not both else first + round((second - first) * heavy / both)
        buckets[:2] = [(mean, both)]
    return mass, ref


def scaled(buckets: list[Bucket], factor: float) -> list[Bucket]:
    return [(at, mass * factor) for at, mass in buckets]
