"""Record keys and the partition they belong to."""

from functools import lru_cache

CONTROL_PREFIX = b"\0"
"""Keys of records that are not a lead's: ticks in the log, a partition's own rows in the changelog."""
TICK_KEY = b"\0tick"
"""The key of a tick: a record of the signals topic that only moves the partition's time."""


def lead_key(tenant: str, lead: str) -> bytes:
    """The key of all records of one lead: `tenant:lead` in UTF-8. A tenant has no colon."""
    return f"{tenant}:{lead}".encode()


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash of Apache Kafka's Java client, unsigned.

    Source: `org.apache.kafka.common.utils.Utils.murmur2`.
    """
    length = len(data)
    mask = 0xFFFFFFFF
    m = 0x5BD1E995
    h = 0x9747B28C ^ length
    end = length & ~3
    for i in range(0, end, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k ^= k >> 24
        h = (h * m & mask) ^ (k * m & mask)
    if length & 3:
        h = (h ^ int.from_bytes(data[end:], "little")) * m & mask
    h ^= h >> 13
    h = h * m & mask
    return h ^ (h >> 15)


def hashed_partition(key: bytes, partitions: int) -> int:
    """The partition of a key, as the Java client's default partitioner chooses it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


partition_of = lru_cache(maxsize=65536)(hashed_partition)
"""`hashed_partition` for those who ask again and again: it remembers the keys."""
