"""Batches that decompress to far more than they are: one dead letter, and no memory."""

import gzip
import json
from collections.abc import Callable
from random import Random

import cramjam
import pytest
from aiokafka import codec

from leadstream.kafka.decompression import (
    GZIP,
    LZ4,
    MAX_BATCH_BYTES,
    SNAPPY,
    ZSTD,
    TooLarge,
    decompress,
    is_too_large,
)
from leadstream.records.step import Unreadable
from tests.stream.test_fetched import good, message, read, shown
from tests.support.raw import LOG_APPEND, Batch, Raw

ENCODERS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "gzip": (GZIP, lambda data: gzip.compress(data, 6)),
    "gzip of two members": (GZIP, lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "snappy": (SNAPPY, lambda data: bytes(cramjam.snappy.compress_raw(data))),
    "snappy in blocks": (SNAPPY, codec.snappy_encode),
    "lz4": (LZ4, codec.lz4_encode),
    "zstd": (ZSTD, codec.zstd_encode),
    "zstd of two frames": (ZSTD, lambda data: codec.zstd_encode(data[:9]) + codec.zstd_encode(data[9:])),
    "zstd behind a frame to skip": (
        ZSTD, lambda data: b"\x5a\x2a\x4d\x18\3\0\0\0abc" + codec.zstd_encode(data)
    ),
}  # fmt: skip
BEYOND = MAX_BATCH_BYTES + 1


def bombs() -> dict[str, tuple[int, bytes]]:
    """Small data of more than the bound; of snappy the length that it says is enough."""
    block = 8 * 1024 * 1024
    zeros = bytes(block)
    times = BEYOND // block + 1
    return {
        "gzip": (GZIP, gzip.compress(zeros) * times),
        "snappy": (SNAPPY, b"\xff\xff\xff\xff\x07" + b"\0a" * 9),
        "snappy in blocks": (SNAPPY, codec.snappy_encode(zeros[:40]) + b"\0\0\0\x07\xff\xff\xff\xff\x07\0a"),
        "lz4": (LZ4, codec.lz4_encode(zeros) * times),
        "zstd": (ZSTD, codec.zstd_encode(zeros) * times),
        "zstd that ends early": (ZSTD, (codec.zstd_encode(zeros) * times)[:-3] + b"\0" * 2),
    }


BOMBS = bombs()


@pytest.mark.parametrize("name", BOMBS)
def test_a_batch_that_becomes_too_large_is_one_dead_letter(name: str) -> None:
    compression, payload = BOMBS[name]
    assert len(payload) < MAX_BATCH_BYTES // 200
    batch = good(3, 5, attributes=compression | LOG_APPEND, payload=payload)
    data = good(5).build() + batch.build() + good(2, 8).build()
    found, position = read(data)
    assert (shown(found), position) == ([0, 1, 2, 3, 4, (5, 7), 8, 9], 10)
    letter = found[5]
    assert isinstance(letter, Unreadable)
    assert letter.detail == "the batch decompresses to more than 134,217,728 bytes"
    assert letter.raw
    assert (letter.length or len(letter.value or b"")) == len(batch.build())
    assert letter.timestamp == 1_767_000_000_000
    # Reading may begin within it.
    assert shown(read(data, 6)[0]) == [(6, 7), 8, 9]


def test_a_message_set_of_before_kafka_0_11_has_the_bound_too() -> None:
    data = message(6, None, BOMBS["gzip"][1], 1, GZIP)
    ((letter,), position) = read(data)
    assert (letter.detail, letter.last, position) == (
        "the batch decompresses to more than 134,217,728 bytes", 6, 7,
    )  # fmt: skip


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("data", [b"abc", b"ab" * 50_000, Random(1).randbytes(300_000)])
def test_what_is_exactly_as_large_as_the_bound_passes(name: str, data: bytes) -> None:
    compression, encode = ENCODERS[name]
    packed = encode(data)
    assert not is_too_large(packed, compression, len(data))
    assert decompress(packed, compression, len(data)) == data
    assert is_too_large(packed, compression, len(data) - 1)
    with pytest.raises(TooLarge, match="decompresses to more than"):
        decompress(packed, compression, len(data) - 1)


@pytest.mark.parametrize("name", ENCODERS)
def test_signals_that_compress_well_and_records_of_16_mib_pass(name: str) -> None:
    compression, encode = ENCODERS[name]
    signal = {
        "tenant": "acme",
        "type": "page.viewed",
        "source": "web",
        "data": {"url": "https://example.com/" * 40},
    }
    values = [json.dumps({"id": f"s{i}", "lead": "l1", "at": T0, **signal}).encode() for i in range(2000)]
    many = Batch([Raw(b"acme:l1", value) for value in values], attributes=compression)
    plain = b"".join(record.encoded(index) for index, record in enumerate(many.records))
    many.payload = encode(plain)
    if compression in (GZIP, ZSTD):
        assert len(plain) > 50 * len(many.payload)
    found, _ = read(many.build())
    assert [record.value for record in found] == values
    large = Batch([Raw(b"k", bytes(16 * 1024 * 1024))], attributes=compression)
    large.payload = encode(large.records[0].encoded(0))
    if len(large.payload) < 100_000:
        (record,), _ = read(large.build())
        assert len(record.value) == 16 * 1024 * 1024
    else:
        assert not is_too_large(large.payload, compression)


T0 = 1_767_000_000_000


def test_sixteen_mib_that_do_not_compress_pass_in_every_compression() -> None:
    data = Random(2).randbytes(16 * 1024 * 1024)
    for compression, encode in ENCODERS.values():
        assert not is_too_large(encode(data), compression)
