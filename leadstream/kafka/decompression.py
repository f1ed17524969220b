"""Decompressing a batch up to a bound: a few kilobytes may else become gigabytes.

A broker bounds a batch by its compressed bytes. zstd makes 32 KiB of one byte, and reading such a batch would
end the worker, and every other one after it.
"""

import struct
import zlib
from collections.abc import Callable
from mmap import mmap
from sys import maxsize
from typing import Any, Final

import cramjam
from aiokafka import codec

from leadstream.errors import LeadStreamError

MAX_BATCH_BYTES: Final = 134_217_728
"""128 MiB: the most that a batch may become. Batches of a MiB, as producers send them, of signals that are
128 times smaller compressed; or eight records of 16 MiB, the most that the topic takes uncompressed."""
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
RATIOS: Final = {GZIP: 1040, LZ4: 256}
"""How many bytes one can become at most; of snappy and zstd the data says it, or its blocks do."""
GZIP_MEMBER = b"\x1f\x8b"
XERIAL = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
ZSTD_FRAME = b"\x28\xb5\x2f\xfd"
_NO_ROOM = "failed to write whole buffer"
"""What cramjam says where the output has no room for more."""


class TooLarge(LeadStreamError):
    """A batch that decompresses to more than `MAX_BATCH_BYTES`; the message says so."""

    def __init__(self, bound: int = MAX_BATCH_BYTES) -> None:
        super().__init__(f"the batch decompresses to more than {bound:,} bytes")


def is_too_large(data: bytes, compression: int, bound: int = MAX_BATCH_BYTES) -> bool:
    """Whether compressed data becomes more than `bound` bytes. What can't be decompressed so far is not."""
    if compression in RATIOS and len(data) * RATIOS[compression] <= bound:
        return False
    if compression == ZSTD and _most_of_zstd(data) <= bound:
        return False
    try:
        if compression == SNAPPY:
            return sum(cramjam.snappy.decompress_raw_len(block) for block in _snappy_blocks(data)) > bound
        decompress(data, compression, bound)
    except TooLarge:
        return True
    except (MemoryError, OSError):
        raise
    except Exception:  # noqa: BLE001 - each library of a compression has errors of its own
        return False
    return False


def decompress(data: bytes, compression: int, bound: int = MAX_BATCH_BYTES) -> bytes:
    """What compressed data becomes.

    Raises TooLarge without using more memory than that, and errors of each library's own.
    """
    return _DECODERS[compression](data, bound)


def _gunzip(data: bytes, bound: int) -> bytes:
    """As Kafka's own client reads it: what stands behind the last member is ignored."""
    found = bytearray()
    while data.startswith(GZIP_MEMBER) or not found:
        member = zlib.decompressobj(wbits=31)
        found += member.decompress(data, bound + 1 - len(found))
        if len(found) > bound:
            raise TooLarge(bound)
        if not member.eof:
            raise EOFError("it ends early")
        data = member.unused_data
        if not data:
            break
    return bytes(found)


def _unsnappy(data: bytes, bound: int) -> bytes:
    if is_too_large(data, SNAPPY, bound):
        raise TooLarge(bound)
    found: bytes = codec.snappy_decode(data)
    return found


def _snappy_blocks(data: bytes) -> list[bytes]:
    """The data, or the blocks of xerial's format, each of which says how long it becomes."""
    if not data.startswith(XERIAL) or len(data) == len(XERIAL):
        return [data]
    blocks, place = [], len(XERIAL)
    while place < len(data):
        (length,) = struct.unpack_from("!i", data, place)
        if length < 0:
            raise ValueError(f"a block says it has {length} bytes")
        blocks.append(data[place + 4 : place + 4 + length])
        place += 4 + length
    return blocks


def _into(library: Any) -> Callable[[bytes, int], bytes]:
    def decoded(data: bytes, bound: int) -> bytes:
        # Of anonymous memory only those pages are used that are written to.
        with mmap(-1, bound) as room:
            try:
                length: int = library.decompress_into(data, room)
            except cramjam.DecompressionError as error:
                if str(error) == _NO_ROOM:
                    raise TooLarge(bound) from error
                raise
            return room[:length]

    return decoded


def _most_of_zstd(data: bytes) -> int:
    """No less than what zstd data becomes, by the heads of its blocks (RFC 8878)."""
    most = place = 0
    while place + 6 <= len(data):
        if data[place + 1 : place + 4] == b"\x2a\x4d\x18" and data[place] & 0xF0 == 0x50:
            place += 8 + struct.unpack_from("<I", data, place + 4)[0] if place + 8 <= len(data) else 8
            continue
        if not data.startswith(ZSTD_FRAME, place):
            # The library may know formats of before the standard.
            return maxsize
        head = data[place + 4]
        single = head & 0x20
        place += 5 + (not single) + (0, 1, 2, 4)[head & 3] + (1 if single else 0, 2, 4, 8)[head >> 6]
        last = 0
        while not last and place + 3 <= len(data):
            block = int.from_bytes(data[place : place + 3], "little")
            last, kind, size = block & 1, block >> 1 & 3, block >> 3
            most += size if kind < 2 else ZSTD_BLOCK
            place += 3 + (1 if kind == 1 else size)
        place += 4 if head & 4 else 0
    return most


ZSTD_BLOCK: Final = 131_072
"""The most that a compressed block of zstd becomes."""
_DECODERS: Final[dict[int, Callable[[bytes, int], bytes]]] = {
    GZIP: _gunzip,
    SNAPPY: _unsnappy,
    LZ4: _into(cramjam.lz4),
    ZSTD: _into(cramjam.zstd),
}
