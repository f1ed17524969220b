"""Batches that the client library refuses: what is a record comes out, the rest is named, nothing hangs."""

import gzip
import struct
from collections.abc import Iterator, Sequence
from typing import Any
from zlib import crc32

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadstream.kafka.fetched import FetchedBytes, ReadableRecords
from leadstream.records.step import Unreadable
from tests.support.raw import CONTROL, GZIP, LOG_APPEND, TRANSACTIONAL, Batch, Raw, crc32c, number, text

PLACE = TopicPartition("log.signals", 3)
LATIN = "währung".encode("latin-1")
COMMIT, ABORT = b"\0\0\0\1", b"\0\0\0\0"


def opened(data: bytes, position: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> ReadableRecords:
    return ReadableRecords(PLACE, FetchedBytes(data), aborted, position, None, None, True, 1)


def read(data: bytes, position: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> tuple[list[Any], int]:
    """What a consumer gets from a position on, and the position behind it.

    As a broker does, it answers each fetch from the batch on that ends at the position or later. `aborted`
    has producer, first offset and marker of transactions.
    """
    found: list[Any] = []
    for _ in range(1000):
        rest = [begin for begin, _ in frames(data) if last_of(data, begin) >= position]
        if not rest:
            return found, position
        open_ = [(producer, first) for producer, first, end in aborted if end >= position]
        records = opened(data[rest[0] :], position, open_)
        found.extend(records)
        position = records.next_fetch_offset
    raise AssertionError("no end")


def frames(data: bytes) -> Iterator[tuple[int, int]]:
    place = 0
    while len(data) - place >= 12:
        end = place + 12 + struct.unpack_from(">i", data, place + 8)[0]
        if end > len(data):
            return
        yield place, end
        place = end


def last_of(data: bytes, begin: int) -> int:
    base: int = struct.unpack_from(">q", data, begin)[0]
    length = struct.unpack_from(">i", data, begin + 8)[0]
    if data[begin + 16] != 2 or length < 49:
        return base
    return base + max(0, struct.unpack_from(">i", data, begin + 23)[0])


def shown(records: list[Any]) -> list[Any]:
    """Offsets of records, and (first, last) of what is none."""
    return [(one.offset, one.last) if isinstance(one, Unreadable) else one.offset for one in records]


def good(size: int, base: int = 0, **options: Any) -> Batch:
    return Batch([Raw(b"k%d" % index, b"v%d" % index) for index in range(size)], base, **options)


BAD_RECORDS = {
    "a header name that is no UTF-8": Raw(b"k", b"v", [(LATIN, b"EUR")]),
    "a header name cut within a character": Raw(b"k", b"v", [("ü".encode()[:1], None)]),
    "a surrogate as header name": Raw(b"k", b"v", [(b"\xed\xa0\x80", b"x")]),
    "a header without a name": Raw(b"k", b"v", [(None, b"x")]),
    "a negative number of headers": Raw(b"k", b"v", header_count=-1),
    "more headers than there are": Raw(b"k", b"v", [(b"a", b"b")], header_count=5),
    "as many headers as there are numbers": Raw(b"k", b"v", header_count=2**62),
    "bytes behind the last header": Raw(b"k", b"v", tail=b"more"),
    "an empty record": Raw(body=b""),
    "a record of one byte": Raw(body=b"\0"),
    "a number that does not end": Raw(body=b"\0" + b"\xff" * 20),
    "a key longer than the record": Raw(body=b"\0\0" + number(1) + number(1000) + b"k"),
    "a key of 2**62 bytes": Raw(body=b"\0\0" + number(1) + number(2**62) + b"k"),
    "a value longer than the record": Raw(body=b"\0\0" + number(1) + text(b"k") + number(9999) + b"v"),
    "an offset that is taken": Raw(b"k", b"v", delta=0),
    "an offset outside of the batch": Raw(b"k", b"v", delta=77),
    "a negative offset": Raw(b"k", b"v", delta=-3),
}
"""Each between two good ones costs itself alone."""


@pytest.mark.parametrize("attributes", [0, LOG_APPEND, GZIP])
@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_bad_record_costs_itself_alone(name: str, attributes: int) -> None:
    records = [Raw(b"a", b"1"), BAD_RECORDS[name], Raw(b"c", b"3")]
    data = Batch(records, base=10, attributes=attributes).build() + good(2, 13).build()
    found, position = read(data, 10)
    assert shown(found) == [10, (11, 11), 12, 13, 14]
    assert position == 15
    bad = found[1]
    assert (bad.topic, bad.partition, bad.timestamp) == ("log.signals", 3, 1_767_000_000_000)
    assert bad.detail
    # Wherever reading begins, the rest is the same.
    for begin in range(10, 16):
        assert shown(read(data, begin)[0]) == [one for one in shown(found) if _last(one) >= begin]


def _last(one: Any) -> int:
    return one[1] if isinstance(one, tuple) else one


def test_key_value_and_headers_of_a_bad_record_are_kept() -> None:
    record = Raw(b"k", b"v", [(b"one", None), (LATIN, b"EUR"), (b"three", b"3")])
    [bad], _ = read(Batch([record]).build())
    assert (bad.key, bad.value, bad.raw) == (b"k", b"v", False)
    assert bad.headers == (("one", b""), ("w\\xe4hrung", b"EUR"), ("three", b"3"))
    assert "header 2 of 3" in bad.detail
    cut = Raw(body=b"\0\0\0" + number(50) + b"k")
    [bad], _ = read(Batch([cut]).build())
    assert (bad.key, bad.value, bad.raw) == (None, cut.body, True)


def test_a_record_that_says_a_wrong_length_costs_what_stands_behind_it() -> None:
    for length in (-1, -5, 2**31 - 1, 2**40, 60):
        records = [Raw(b"a", b"1"), Raw(b"b", b"2", length=length), Raw(b"c", b"3")]
        data = Batch(records).build() + good(1, 3).build()
        found, position = read(data)
        assert shown(found) == [0, (1, 2), 3], length
        assert (position, found[1].raw) == (4, True)


def test_what_the_broker_takes_and_the_library_does_not_is_read() -> None:
    """Each was stored by Apache Kafka 4.1."""
    records = [Raw(b"a", b"1"), Raw(b"b", b"2")]
    first, second = (gzip.compress(one.encoded(index)) for index, one in enumerate(records))
    for payload in (first + second, first + second + b"junk", gzip.compress(b"") + first + second):
        found, _ = read(Batch(records, attributes=GZIP, payload=payload).build())
        assert [(one.offset, one.value) for one in found] == [(0, b"1"), (1, b"2")]
    marked = [Raw(b"a", b"1", attributes=0x81), Raw(b"b", b"2", attributes=0xFF)]
    found, _ = read(Batch(marked).build())
    assert [(one.offset, one.value) for one in found] == [(0, b"1"), (1, b"2")]


@pytest.mark.parametrize("deltas", [(0, 2, 1), (2, 1, 0), (5, 1, 2), (0, 0, 0), (1, 2, 3), (-1, 0, 1)])
def test_no_record_is_lost_whatever_offsets_a_batch_says(deltas: tuple[int, ...]) -> None:
    """Apache Kafka 4.1 stores them; other consumers pass over a record whose offset is not a later one."""
    records = [Raw(b"k", b"v%d" % index, delta=delta) for index, delta in enumerate(deltas)]
    found, position = read(Batch(records, 70).build(), 70)
    assert [one.offset for one in found] == [70, 71, 72]
    assert [one.value for one in found] == [b"v0", b"v1", b"v2"]
    assert [isinstance(one, Unreadable) for one in found] == [
        delta != index for index, delta in enumerate(deltas)
    ]
    assert position == 73


BAD_BATCHES = {
    "a count below zero": good(3, count=-1),
    "more records than offsets": good(3, count=4),
    "an absurd count": good(3, count=2**31 - 1),
    "a compression that there is not": good(3, attributes=5),
    "the last compression that there is not": good(3, attributes=7),
    "gzip that is none": good(3, attributes=GZIP, payload=b"no gzip"),
    "gzip that ends early": good(3, attributes=GZIP, payload=gzip.compress(b"x" * 99)[:-9]),
    "no payload where there should be gzip": good(3, attributes=GZIP, payload=b""),
    "snappy that is none": good(3, attributes=2, payload=b"\xff" * 20),
    "lz4 that is none": good(3, attributes=3, payload=b"\xff" * 20),
    "zstd that is none": good(3, attributes=4, payload=b"\xff" * 20),
    "a wrong CRC": good(3, crc=1),
    "a wrong CRC and an unknown compression": good(3, crc=1, attributes=LOG_APPEND),
    "records that are none": good(3, payload=b"\xff" * 30),
    "no records": good(3, payload=b"", count=3),
}


@pytest.mark.parametrize("name", BAD_BATCHES)
def test_a_batch_that_cannot_be_read_is_passed_over_with_its_offsets(name: str) -> None:
    batch = BAD_BATCHES[name]
    batch.base, batch.last_delta = 5, 2
    data = good(5).build() + batch.build() + good(2, 8).build()
    found, position = read(data)
    assert shown(found) == [0, 1, 2, 3, 4, (5, 7), 8, 9]
    assert position == 10
    assert found[5].raw
    assert found[5].value
    assert found[5].timestamp == (-1 if "CRC" in name else 1_767_000_000_000)
    for begin in range(11):
        assert [_last(one) for one in shown(read(data, begin)[0])] == [
            _last(one) for one in shown(found) if _last(one) >= begin
        ]


def test_a_damaged_batch_is_fetched_again_before_it_is_given_up() -> None:
    data = good(2).build() + good(3, 2, crc=7).build() + good(1, 5).build()
    first = opened(data)
    assert shown(list(first)) == [0, 1]
    assert first.next_fetch_offset == 2
    # Other bytes come: the network's fault. Then it is good.
    other = good(3, 2, crc=8).build()
    assert shown(list(opened(other, 2))) == []
    assert shown(list(opened(good(3, 2).build(), 2))) == [2, 3, 4]
    assert shown(list(opened(other, 2))) == [(2, 4)]


@pytest.mark.parametrize("magic", [3, 127, 128, 255])
def test_an_unknown_format_is_named(magic: int) -> None:
    data = good(1).build() + good(1, 1, magic=magic).build() + good(1, 2).build()
    found, _ = read(data)
    assert shown(found) == [0, (1, 1), 2]
    assert str(magic) in found[1].detail


def test_a_batch_shorter_than_its_fixed_fields_never_reaches_the_librarys_parser() -> None:
    for size in range(5, 49):
        short = struct.pack(">qiiB", 1, size, -1, 2) + b"\0" * (size - 5)
        if size < 6:
            continue
        found, _ = read(good(1).build() + short + good(1, 2).build())
        assert shown(found) == [0, (1, 1), 2], size


@pytest.mark.parametrize("length", [-(2**31), -12, -1, 0, 5])
def test_where_a_batch_ends_nowhere_reading_ends_with_a_reason(length: int) -> None:
    broken = struct.pack(">qiiB", 1, length, -1, 2) + b"\0" * 60
    with pytest.raises(CorruptRecordException, match=f"offset 1 says it has {length} bytes"):
        list(opened(broken, 1))
    records = opened(good(1).build() + broken)
    assert next(records).offset == 0
    with pytest.raises(CorruptRecordException):
        list(records)


def test_a_batch_that_the_broker_cut_is_fetched_again() -> None:
    data = good(2).build() + good(2, 2).build()
    for end in range(len(good(2).build()), len(data)):
        records = opened(data[:end])
        assert shown(list(records)) == [0, 1]
        assert records.next_fetch_offset == 2


def marker(base: int, kind: bytes, producer: int, **options: Any) -> bytes:
    options = {"attributes": TRANSACTIONAL | CONTROL, **options}
    return Batch([Raw(kind, b"\0" * 6)], base, producer=producer, epoch=0, **options).build()


@pytest.mark.parametrize(
    "damage",
    [{"crc": 5}, {"count": -1}, {"attributes": TRANSACTIONAL | 5}, {"payload": b"\xff" * 9}],
    ids=["crc", "count", "compression", "records"],
)
def test_what_is_bad_in_an_aborted_transaction_does_not_come_out(damage: dict[str, Any]) -> None:
    options = {"attributes": TRANSACTIONAL, "producer": 7, "epoch": 0, **damage}
    aborted = Batch([Raw(b"k", b"v")] * 2, 0, **options).build()
    data = aborted + marker(2, ABORT, 7) + good(1, 3).build()
    assert shown(read(data, 0, [(7, 0, 2)])[0]) == [3]
    # The next transaction of the same producer is committed, and its bad batch comes out.
    options["payload"] = damage.get("payload")
    again = Batch([Raw(b"k", b"v")] * 2, 4, **options).build()
    found, _ = read(data + again + marker(6, COMMIT, 7), 0, [(7, 0, 2)])
    assert shown(found) == [3, (4, 5)]


def test_a_bad_record_of_an_aborted_transaction_does_not_come_out() -> None:
    bad = Batch([Raw(b"k", b"v", [(LATIN, b"")])], 0, TRANSACTIONAL, producer=7, epoch=0).build()
    data = bad + marker(1, ABORT, 7) + bad[:7] + b"\2" + bad[8:] + marker(3, COMMIT, 7)
    assert shown(read(data, 0, [(7, 0, 1)])[0]) == [(2, 2)]


def test_a_damaged_marker_ends_its_transaction_all_the_same() -> None:
    options: dict[str, Any] = {"attributes": TRANSACTIONAL, "producer": 7, "epoch": 0}
    data = good(1, 0, **options).build() + marker(1, b"", 7) + good(1, 2, **options).build()
    assert shown(read(data, 0, [(7, 0, 1)])[0]) == [2]
    data = good(1, 0, **options).build() + marker(1, ABORT, 7, crc=3) + good(1, 2, **options).build()
    assert shown(read(data, 0, [(7, 0, 1)])[0]) == [(1, 1), 2]


def test_a_compacted_batch_keeps_its_gaps() -> None:
    batch = Batch([Raw(b"a", b"1", delta=2), Raw(b"b", b"2", [(LATIN, b"")], delta=5)], 10, last_delta=9)
    found, position = read(batch.build() + good(1, 20).build(), 10)
    assert shown(found) == [12, (15, 15), 20]
    assert position == 21
    empty = Batch([], 0, last_delta=3).build()
    assert read(empty) == ([], 4)


def message(
    offset: int, key: bytes | None, value: bytes | None, magic: int = 1, attributes: int = 0
) -> bytes:
    """A message in a format of before Kafka 0.11."""
    body = struct.pack(">BB", magic, attributes) + (struct.pack(">q", 1234) if magic else b"")
    for part in (key, value):
        body += struct.pack(">i", -1 if part is None else len(part)) + (part or b"")
    return struct.pack(">qiI", offset, len(body) + 4, crc32(body)) + body


def test_message_sets_of_before_kafka_0_11() -> None:
    for magic in (0, 1):
        time = 1234 if magic else -1
        inner = b"".join(message(index, b"k", b"%d" % index, magic) for index in range(3))
        wrapped = message(6 if magic else 2, None, gzip.compress(inner), magic, GZIP)
        data = message(2, None, b"v", magic) if magic else b""
        found, position = read(data + wrapped, 0)
        expected = [2, 4, 5, 6] if magic else [0, 1, 2]
        assert shown(found) == expected, magic
        assert {record.timestamp for record in found} == {time}
        assert position == expected[-1] + 1
    damaged = bytearray(message(7, b"k", b"v"))
    damaged[-1] ^= 1
    found, position = read(bytes(damaged), 7)
    assert shown(found) == [(7, 7)]
    # The library's own parser would never come back from this one.
    endless = message(9, None, gzip.compress(struct.pack(">qi", 0, -12) + b"\1" * 40), 1, GZIP)
    assert shown(read(endless, 9)[0]) == [(9, 9)]
    for wrong in (
        message(9, None, None, 1, GZIP),
        message(9, None, b"x", 1, 3),
        message(9, None, b"x", 0, 7),
    ):
        assert shown(read(wrong, 9)[0]) == [(9, 9)]


raws = st.builds(
    Raw,
    key=st.none() | st.binary(max_size=6),
    value=st.none() | st.binary(max_size=40),
    headers=st.lists(
        st.tuples(st.binary(max_size=4) | st.none() | st.just(b"ok"), st.none() | st.binary(max_size=4)),
        max_size=3,
    ),
    delta=st.none() | st.integers(-2, 9),
    time=st.integers(-(2**63), 2**63 - 1),
    tail=st.just(b"") | st.binary(max_size=3),
    length=st.none() | st.integers(-3, 80),
    body=st.none() | st.binary(max_size=30),
)
batches = st.builds(
    Batch,
    records=st.lists(raws, max_size=6),
    base=st.just(100),
    attributes=st.sampled_from([0, LOG_APPEND, GZIP, 2, 5, TRANSACTIONAL]),
    last_delta=st.none() | st.integers(-1, 12),
    count=st.none() | st.integers(-1, 12),
    first_timestamp=st.sampled_from([0, -1, 2**63 - 1, -(2**63)]),
    payload=st.none() | st.binary(max_size=60),
)


@settings(max_examples=300, deadline=None)
@given(batches, st.data())
def test_whatever_a_batch_holds_all_its_offsets_are_told_once_and_alike(
    batch: Batch, data: st.DataObject
) -> None:
    raw = batch.build() + good(2, 120).build()
    found, position = read(raw, 100)
    assert position == 122
    places = shown(found)
    assert places[-2:] == [120, 121]
    previous = 99
    for one in places:
        first, last = one if isinstance(one, tuple) else (one, one)
        assert previous < first <= last
        previous = last
    # From any place on the same comes out.
    begin = data.draw(st.integers(100, 121))
    again = [one for one in read(raw, begin)[0] if one.offset >= begin]
    assert [_told(one) for one in again] == [
        _told(one) for one in found if one.offset >= begin or _last_of(one) >= begin > one.offset
    ] or any(_last_of(one) >= begin > one.offset for one in found)


def _last_of(one: Any) -> int:
    return one.last if isinstance(one, Unreadable) else one.offset


def _told(one: Any) -> Any:
    return (one.offset, one.timestamp, one.key, one.value, list(one.headers))


GOOD = Batch([Raw(b"a", b"1", [(b"h", b"x")]), Raw(None, None), Raw(b"c" * 90, b"")], 50).build()


@pytest.mark.parametrize("end", range(12, len(GOOD)))
def test_each_truncation_of_a_good_batch_is_one_unreadable_batch(end: int) -> None:
    """The length says what is left, and the CRC fits it, as a broken producer would send it."""
    cut = bytearray(GOOD[:end])
    struct.pack_into(">i", cut, 8, end - 12)
    if end > 21:
        struct.pack_into(">I", cut, 17, crc32c(bytes(cut[21:])))
    data = bytes(cut) + good(1, 60).build()
    if end < 18:
        with pytest.raises(CorruptRecordException):
            read(data, 50)
        return
    found, _ = read(data, 50)
    assert found[-1].offset == 60
    assert all(_last_of(one) < 60 for one in found[:-1])
    assert found[:-1]


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200))
@example(b"\0" * 200)
@example(b"\xff" * 200)
def test_random_bytes_have_an_end_or_a_reason(data: bytes) -> None:
    records = opened(data)
    try:
        found = list(records)
    except CorruptRecordException:
        return
    assert len(found) < 200


@settings(max_examples=400, deadline=None)
@given(st.binary(min_size=1, max_size=60), st.integers(12, len(GOOD) - 1))
def test_a_batch_written_over_has_an_end_or_a_reason(noise: bytes, place: int) -> None:
    data = bytearray(GOOD)
    data[place : place + len(noise)] = noise
    data = data[: len(GOOD)]
    struct.pack_into(">i", data, 8, len(GOOD) - 12)
    for crc in (False, True):
        if crc:
            struct.pack_into(">I", data, 17, crc32c(bytes(data[21:])))
        for _ in range(2):
            records = opened(bytes(data), 50)
            try:
                found = list(records)
            except CorruptRecordException:
                continue
            assert len(found) <= 4
