"""Lines to records and back."""

import io
import json
import re

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leadstream.offline.lines import MAX_LINE, BadLine, format_line, parse_line, read_lines, signal_record
from leadstream.records.keys import lead_key
from leadstream.records.rejection import Rejected
from leadstream.records.signal import MAX_BYTES, decode_signal
from leadstream.records.times import LAST, parse_instant

# 2026-01-05T10:00:00.250Z: 20,458 days after the epoch, and 36,000.250 s.
RECEIVED = 20_458 * 86_400_000 + 36_000_250
SIGNAL = b'{"id":"s1","tenant":"acme","lead":"l1","type":"page.viewed","at":"2026-01-05T10:00:00Z"}'

names = st.text(st.characters(min_codepoint=32, exclude_characters=":", exclude_categories=["C"]), min_size=1)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = st.fixed_dictionaries(
    {"id": names, "tenant": names, "lead": names, "type": names, "at": st.integers(10**11, 2**42)},
    # Fields of these names in a body must not be taken for the record's place.
    optional={"data": st.dictionaries(st.text(), values), "topic": values, "offset": values, "more": values},
)


@given(bodies, st.sampled_from([None, 2]), st.integers(0, 2**53), st.integers(-1, 2**60))
def test_a_signal_comes_back_as_it_was(body, indent, offset, timestamp):
    value = json.dumps(body, indent=indent).encode()
    key = lead_key(body["tenant"], body["lead"])
    try:
        sent = decode_signal(key, value)
    except Rejected:
        sent = None
    line = format_line("log.signals", 3, offset, timestamp, key, value)
    record = parse_line(9, line.removesuffix(b"\n"))
    assert line.count(b"\n") == 1
    assert (record.topic, record.partition, record.offset) == ("log.signals", 3, offset)
    assert record.timestamp == timestamp
    if sent is None:
        assert (record.key, record.value) == (key, value)
    else:
        assert decode_signal(record.key, record.value) == sent


@given(st.none() | st.binary(), st.none() | st.binary(), st.integers(-(2**62), 2**62))
@example(b"\0tick", b"{}", RECEIVED)
@example(b"acme:l1", b"\xff\xfe", RECEIVED)
def test_anything_else_comes_back_byte_by_byte(key, value, timestamp):
    record = parse_line(1, format_line("log.signals", 0, 7, timestamp, key, value).rstrip(b"\n"))
    assert (record.key, record.value, record.timestamp, record.offset) == (key, value, timestamp, 7)


def test_the_place_of_a_line_is_readable_and_exact():
    line = format_line("log.signals", 3, 17, RECEIVED, b"acme:l1", SIGNAL)
    assert json.loads(line) == {
        "id": "s1",
        "tenant": "acme",
        "lead": "l1",
        "type": "page.viewed",
        "at": "2026-01-05T10:00:00Z",
        "topic": "log.signals",
        "partition": 3,
        "offset": 17,
        "received_at": "2026-01-05T10:00:00.250Z",
    }


def test_a_misplaced_record_only_moves_the_time():
    line = format_line("log.signals", 3, 17, RECEIVED, b"acme:l1", SIGNAL, misplaced=True)
    record = parse_line(1, line)
    assert (record.key, record.offset, record.timestamp) == (b"\0tick", 17, RECEIVED)


def test_a_line_without_a_place_has_its_number_as_offset_and_its_own_time():
    record = parse_line(5, SIGNAL)
    assert (record.topic, record.partition, record.offset) == (None, 0, 4)
    assert record.timestamp == RECEIVED - 250
    assert (record.key, record.value) == (b"acme:l1", SIGNAL)


def test_a_signal_of_the_greatest_size_is_not_made_too_large_by_its_place():
    empty = SIGNAL[:-1] + b',"data":{"text":""}}'
    value = empty.replace(b'""', b'"' + b"x" * (MAX_BYTES - len(empty)) + b'"')
    assert len(value) == MAX_BYTES
    record = parse_line(1, format_line("log.signals", 0, 0, RECEIVED, b"acme:l1", value).rstrip(b"\n"))
    assert decode_signal(record.key, record.value) == decode_signal(b"acme:l1", value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"nope", "not_json: "),
        (b"[1]", "Expected `object`"),
        (b'{"id":"\xff"}', "not_json: "),
        (b'{"received_at":"2026-01-05T10:00:00"}', "has no offset from UTC"),
        (b'{"received_at":"yesterday"}', "Invalid RFC3339"),
        (b'{"offset":-1,"at":1}', "`$.offset`"),
        (b'{"partition":1.5,"at":1}', "`$.partition`"),
        (b'{"key_base64":"AA==","at":1}', "needs `received_at`"),
        (b'{"key_base64":"?","received_at":1}', "`key_base64` is not base64"),
        (b'{"tenant":"a","lead":"l","id":"i","type":"t"}', "missing required field `at`"),
        (b'{"tenant":"a","lead":"l","id":"i","type":"t","at":"2026-01-05"}', "at"),
        (
            b'{"tenant":"a","lead":"l","id":"i","type":"t","at":999999999999999999999}',
            "bad_time: `at` is no time",
        ),
        (b'{"data":' + b"[" * 100_000 + b"}", "not_json: "),
    ],
)
def test_a_line_that_is_no_record_says_why(line, reason):
    with pytest.raises(BadLine) as bad:
        parse_line(1, line)
    assert reason in str(bad.value)
    assert len(str(bad.value)) < 300


def test_a_signal_that_breaks_its_contract_is_a_record_that_the_fold_rejects():
    record = parse_line(1, b'{"tenant":5,"lead":"l","id":"i","type":"t","at":1767607200000}')
    assert (record.key, record.timestamp) == (None, 1_767_607_200_000)
    with pytest.raises(Rejected) as rejected:
        decode_signal(record.key, record.value)
    assert rejected.value.reason == "bad_field"


def test_every_physical_line_counts_and_white_space_does_not():
    file = io.BytesIO(b"a\r\n\n  b \n" + b"c" * 300_000 + b"\n" + b"x" * (MAX_LINE + 5) + b"\nlast")
    first, blank, second, long, cut, last = read_lines(file)
    assert (first, blank, second, last) == (b"a", b"", b"b", b"last")
    assert long == b"c" * 300_000
    assert cut == b"x" * MAX_LINE


@given(bodies)
def test_a_line_is_sent_exactly_if_the_worker_takes_it(body):
    line = json.dumps(body).encode()
    key = lead_key(body["tenant"], body["lead"])
    try:
        decode_signal(key, line)
    except Rejected as rejected:
        with pytest.raises(Rejected, match=f"^{re.escape(str(rejected))}$"):
            signal_record(line)
    else:
        assert signal_record(line) == (key, line)


@given(st.binary() | st.text().map(str.encode) | values.map(msgspec.json.encode))
def test_a_line_that_is_no_signal_is_rejected_with_a_reason(line):
    with pytest.raises(Rejected):
        signal_record(line)


NUMBERED = '{"id":"s","tenant":"acme","lead":"l","type":"t","at":%s,"data":{"n":1.50}}'


@pytest.mark.parametrize(
    ("at", "instant"),
    [
        ("1585254348", "2020-03-26T20:25:48.000Z"),
        ("1585254348.25", "2020-03-26T20:25:48.250Z"),
        ("1.585254348e9", "2020-03-26T20:25:48.000Z"),
        ('"1585254348"', "2020-03-26T20:25:48.000Z"),
        ('"1585254348.999999"', "2020-03-26T20:25:48.999Z"),
        ("1585254348000.0", "2020-03-26T20:25:48.000Z"),
        ("1585254348123456", "2020-03-26T20:25:48.123Z"),
        ("1585254348123456789", "2020-03-26T20:25:48.123Z"),
        ("0", "1970-01-01T00:00:00.000Z"),
        ("-1", "1969-12-31T23:59:59.000Z"),
    ],
)
def test_a_number_of_another_unit_is_sent_and_replayed_as_its_instant(at: str, instant: str) -> None:
    line = (NUMBERED % at).encode()
    key, value = signal_record(line)
    assert value == (NUMBERED % f'"{instant}"').encode()
    record = parse_line(1, line)
    assert (record.key, record.value, record.timestamp) == (key, value, parse_instant(instant))


@pytest.mark.parametrize(
    "at", ["1585254348000", '"2020-03-26T20:25:48Z"', '"1970-01-01T00:00:00+00:00"', '"2016-12-31T23:59:60Z"']
)
def test_a_line_with_a_time_of_the_topic_is_sent_as_it_is(at: str) -> None:
    line = (NUMBERED % at).encode()
    assert signal_record(line) == (b"acme:l", line)
    assert parse_line(1, line).value == line


@pytest.mark.parametrize(
    "at", ["true", "null", '"soon"', '"1e9"', "9" * 30, "9" * 5000, "1e400", "-99999999999"]
)
def test_what_is_no_time_is_sent_and_replayed_by_nobody(at: str) -> None:
    line = (NUMBERED % at).encode()
    with pytest.raises(Rejected, match="bad_time"):
        signal_record(line)
    with pytest.raises(BadLine, match="bad_time"):
        parse_line(1, line)


def test_a_broker_time_in_seconds_is_read_as_such_and_one_outside_the_years_as_exported() -> None:
    line = NUMBERED[:-1] % '"2020-03-26T20:25:48Z"' + ',"received_at":%s}'
    assert parse_line(1, (line % 1585254348).encode()).timestamp == 1_585_254_348_000
    assert parse_line(1, (line % (LAST + 1)).encode()).timestamp == LAST + 1
