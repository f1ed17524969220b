"""The signals that an accumulator keeps apart, at most 64 of them."""

from collections.abc import Iterator
from struct import Struct

from leadstream.scoring.kernels.kernel import Bucket, Kernel

MAX_BUCKETS = 64
"""Signals kept apart per accumulator; beyond it the two oldest become one."""

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

    A signal past the kernel's `oldest` is settled. Of more than 64 others the two oldest become one: that is
    as far from the truth as they differ between a step of the older and that of the newer, or their ends.
    """
    buckets.append(added)
    buckets.sort()
    settled = 0
    oldest = now - kernel.oldest
    while settled < len(buckets) and buckets[settled][0] <= oldest:
        mass, ref = kernel.settled(mass, ref, buckets[settled])
        settled += 1
    del buckets[:settled]
    while len(buckets) > MAX_BUCKETS:
        buckets[:2] = [kernel.joined(*buckets[:2])]
    return mass, ref


def scaled(buckets: list[Bucket], factor: float) -> list[Bucket]:
    return [(at, mass * factor) for at, mass in buckets]
