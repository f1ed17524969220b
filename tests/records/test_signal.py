"""Signals as they stand in the topic, and times."""

import json

import pytest

from leadstream.records.keys import lead_key, murmur2, partition_of
from leadstream.records.rejection import Rejected, shorten
from leadstream.records.signal import decode_signal
from leadstream.records.times import FIRST, LAST, parse_instant, rfc3339


def body(at: str) -> bytes:
    return b'{"id":"s","tenant":"acme","lead":"l","type":"t","at":%s}' % at.encode()


@pytest.mark.parametrize(
    ("at", "ms"),
    [
        ("1767225600000", 1_767_225_600_000),
        ('"2026-01-01T00:00:00Z"', 1_767_225_600_000),
        ('"2026-01-01T01:00:00.123456+01:00"', 1_767_225_600_123),
        ('"1969-12-31T23:59:59.999Z"', -1),
        ('"1970-01-01T00:00:00Z"', 0),
        ('"2026-01-01t00:00:00z"', 1_767_225_600_000),
        ('"2026-01-01 00:00:00-00:00"', 1_767_225_600_000),
        ('"2016-12-31T23:59:60Z"', 1_483_228_800_000),
        ('"2016-12-31T15:59:60.25-08:00"', 1_483_228_800_250),
        # The ends of what is milliseconds by its size: 1973-03-03 and 5138-11-16, and the same before 1970.
        ("100000000000", 100_000_000_000),
        ("99999999999999", 99_999_999_999_999),
        ("-100000000000", -100_000_000_000),
        (str(FIRST), FIRST),
        ('"0001-01-01T00:00:00Z"', FIRST),
        ('"9999-12-31T23:59:59.999999Z"', LAST),
    ],
)
def test_at_is_rfc3339_or_epoch_milliseconds(at: str, ms: int) -> None:
    signal = decode_signal(b"acme:l", body(at))
    assert signal.at == ms
    assert (signal.source, signal.data) == ("", {})


@pytest.mark.parametrize(
    "at", [str(FIRST - 1), str(LAST + 1), '"2026-01-01T00:00:00"', '"0001-01-01T00:00:00+14:00"']
)
def test_times_without_offset_or_outside_the_years_are_refused(at: str) -> None:
    assert refused(at)


def refused(at: str) -> str:
    with pytest.raises(Rejected) as caught:
        decode_signal(b"acme:l", body(at))
    assert caught.value.reason == "bad_time"
    return caught.value.detail


@pytest.mark.parametrize(
    ("at", "meant"),
    [
        ("1585254348", "seconds by its size (2020-03-26T20:25:48.000Z)"),
        ("1585254348.5", "seconds by its size (2020-03-26T20:25:48.500Z)"),
        ("1.585254348e9", "seconds by its size (2020-03-26T20:25:48.000Z)"),
        ("0", "seconds by its size (1970-01-01T00:00:00.000Z)"),
        ("-1", "seconds by its size (1969-12-31T23:59:59.000Z)"),
        ("99999999999", "seconds by its size (5138-11-16T09:46:39.000Z)"),
        ("-99999999999", "seconds by its size, and outside the years 1 to 9999"),
        ("1585254348000.0", "milliseconds by its size (2020-03-26T20:25:48.000Z)"),
        ("1585254348123456", "microseconds by its size (2020-03-26T20:25:48.123Z)"),
        ("1585254348123456789", "nanoseconds by its size (2020-03-26T20:25:48.123Z)"),
        ('"1585254348"', "a text of seconds by its size (2020-03-26T20:25:48.000Z)"),
        ('"1585254348000"', "a text of milliseconds by its size (2020-03-26T20:25:48.000Z)"),
    ],
)
def test_a_number_of_another_unit_or_form_is_refused_with_what_it_may_mean(at: str, meant: str) -> None:
    detail = refused(at)
    assert meant in detail
    assert "write RFC 3339 with an offset" in detail
    assert "leadstream send" in detail


@pytest.mark.parametrize(
    "at",
    [
        "true", "null", "[]", "{}", '""', '"soon"', '"1e9"', '"NaN"', "1e400", "9" * 30, "9" * 5000, '"²"',
        '"2026-01-01"', '"2026-01-01T00:00:00+24:00"', '" 2026-01-01T00:00:00Z"', '"2026-01-01T24:00:00Z"',
        # Leap seconds are at the end of a month in UTC.
        '"2016-12-30T23:59:60Z"', '"2016-12-31T23:59:60+01:00"', '"2016-12-31T23:58:60Z"',
        '"9999-12-31T23:59:60Z"', '"2016-13-31T23:59:60Z"',
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_remedy(at: str) -> None:
    assert "write RFC 3339 with an offset" in refused(at)


def test_a_field_beside_a_bad_time_is_named_first() -> None:
    with pytest.raises(Rejected, match=r"\$\.data") as caught:
        decode_signal(b"acme:l", b'{"id":"s","tenant":"acme","lead":"l","type":"t","at":1.5,"data":1}')
    assert caught.value.reason == "bad_field"


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("field", "text"), [("id", "a\u0000b"), ("type", ""), ("source", "x" * 257), ("id", "x" * 257)]
)
def test_texts_are_checked_also_of_leads_that_are_known(known: bool, field: str, text: str) -> None:
    values = {"id": "s", "tenant": "acme", "lead": "l", "type": "t", "at": 10**12, "source": "w"} | {
        field: text
    }
    with pytest.raises(Rejected, match=f"`{field}`"):
        decode_signal(b"acme:l", json.dumps(values).encode(), known)


def test_texts_up_to_256_characters_of_any_script_stand() -> None:
    values = {"id": "ä" * 256, "tenant": "ту" * 128, "lead": "木" * 256, "type": "\u00a0" * 256, "at": 10**12}
    key = lead_key(values["tenant"], values["lead"])  # type: ignore[arg-type]
    assert decode_signal(key, json.dumps(values).encode()).lead == "木" * 256


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (FIRST, "0001-01-01T00:00:00.000Z"),
        (LAST, "9999-12-31T23:59:59.999Z"),
        (1_767_225_600_007, "2026-01-01T00:00:00.007Z"),
    ],
)
def test_instants_on_paper(ms: int, text: str) -> None:
    assert rfc3339(ms) == text
    assert parse_instant(text) == ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1585254348", 1_585_254_348_000),
        ("1585254348.9999", 1_585_254_348_999),
        ("1585254348000", 1_585_254_348_000),
        ("1585254348123456", 1_585_254_348_123),
        ("1585254348123456789", 1_585_254_348_123),
        ("0", 0),
        ("-0.0001", -1),
        ("-1585254348", -1_585_254_348_000),
        ("1585254348." + "9" * 10_000, 1_585_254_348_999),
    ],
)
def test_the_unit_of_a_number_is_told_by_its_size(text: str, ms: int) -> None:
    assert parse_instant(text) == ms


@pytest.mark.parametrize("text", ["2026-01-01T00:00:00", "soon", "1e12", "1.", "٣", "9" * 21, "-" + "9" * 11])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - fromisoformat has its own words
        parse_instant(text)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        # From org.apache.kafka.common.utils.UtilsTest, as signed 32-bit numbers.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_the_java_client(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected % 2**32
    assert partition_of(key, 7) == (expected & 0x7FFFFFFF) % 7


def test_values_in_details_are_shortened() -> None:
    assert shorten("x" * 100) == "'" + "x" * 59 + "… (100 long)"
    assert len(shorten({"a": "x" * 1000})) == 61
