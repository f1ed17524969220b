"""NDJSON lines: the records of a log of signals, one JSON object a line.

A line is a signal, with its place in the log if it has one:

    {"id": "s1", "tenant": "acme", "lead": "l1", "type": "email.opened", "at": "2026-01-05T10:00:00Z",
     "topic": "leadstream.signals", "partition": 3, "offset": 17, "received_at": "2026-01-05T10:00:00.250Z"}

or, for a record of the log that is none (a tick, bad input), its place with `key_base64` and `value_base64`.
What is no record at all (a malformed one, a batch that can't be read) has `"unreadable"` with the reason,
`headers` (name and base64) as far as they were read, `last_offset` if it takes more than one, and what a dead
letter says of its bytes: `raw`, `length`, `sha256`.
`"misplaced": true` marks a record in a partition that is not its key's: it was sent on, and stands in the
log a second time, in the right one.

In a line that is a signal, `at` may be a number of seconds, milliseconds, microseconds or nanoseconds since
1970, whole or not, also as a text; in the record that is made of it, it is RFC 3339.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from io import BufferedReader
from typing import IO, Annotated, Any, cast

import msgspec

from leadstream.errors import LeadStreamError
from leadstream.records.keys import TICK_KEY, lead_key
from leadstream.records.rejection import Rejected, shorten
from leadstream.records.signal import MAX_BYTES, decode_signal
from leadstream.records.step import Headers, Unreadable
from leadstream.records.times import (
    FIRST,
    LAST,
    MS_END,
    SECONDS_END,
    leap_second,
    ms_of,
    number_of,
    rfc3339,
    to_ms,
)

MAX_LINE = 33_554_432
"""The most bytes of a line: a record of 16 MiB in base64 fits."""
CHUNK = 262_144
"""The most bytes read at once."""
PLACE_FIELDS = ("topic", "partition", "offset", "received_at", "misplaced", "key_base64", "value_base64")

Natural = Annotated[int, msgspec.Meta(ge=0)]


class BadLine(LeadStreamError):
    """A line that is no record; the message says why."""


class LineRecord(msgspec.Struct, gc=False):
    """A line as a record of the log. `number` counts lines from 1; `topic` is None if the line has none."""

    number: int
    topic: str | None
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = []


class _Line(msgspec.Struct, gc=False):
    topic: str | None = None
    partition: Natural = 0
    offset: Natural | None = None
    received_at: int | datetime | None = None
    misplaced: bool = False
    # A signal's own fields are checked where signals are; here they only give key and time.
    at: Any = None
    tenant: Any = None
    lead: Any = None
    key_base64: str | msgspec.UnsetType | None = msgspec.UNSET
    value_base64: str | msgspec.UnsetType | None = msgspec.UNSET
    unreadable: Any = None


class _Unreadable(msgspec.Struct, gc=False):
    """The further fields of a line with `unreadable`."""

    last_offset: Natural | None = None
    headers: list[tuple[str, str]] = []
    raw: bool = False
    length: Natural | None = None
    sha256: str = ""


class _Owner(msgspec.Struct, gc=False):
    tenant: Any = None
    lead: Any = None
    at: Any = None


_decode = msgspec.json.Decoder(_Line).decode
_decode_unreadable = msgspec.json.Decoder(_Unreadable).decode
_decode_owner = msgspec.json.Decoder(_Owner).decode
_mentions_place = re.compile(rb"\\u|" + "|".join(PLACE_FIELDS).encode()).search


def read_chunks(file: IO[bytes]) -> Iterator[list[bytes]]:
    """The physical lines of a file, without white space around, in the portions in which they arrive.

    Blocks for each portion. A line longer than MAX_LINE is cut, so that it is no JSON.
    """
    read = cast(BufferedReader, file).read1
    # Appended to in place: a line of many chunks is copied once.
    rest = bytearray()
    while chunk := read(CHUNK):
        lines = chunk.split(b"\n")
        rest += lines[0][: MAX_LINE - len(rest)]
        if len(lines) > 1:
            lines[0] = bytes(rest)
            rest = bytearray(lines.pop())
            yield [line.strip() for line in lines]
        else:
            yield []
    if rest:
        yield [bytes(rest).strip()]


def read_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The physical lines of a file one by one, as `read_chunks` gives them."""
    for chunk in read_chunks(file):
        yield from chunk


def parse_line(number: int, text: bytes) -> LineRecord | Unreadable:
    """The record of a line. Its broker time is `received_at`, else `at`; without an offset it has the line's
    number from 0, without a partition 0.

    A signal that breaks its contract is a record like any: the fold rejects it, as it does live. Raises
    `BadLine` if not even a record can be made of the line.
    """
    try:
        line = _decode(text)
        raw = line.value_base64 is not msgspec.UNSET or line.key_base64 is not msgspec.UNSET
        if not raw:
            text, line.at = _with_instant(text, line.at)
    except msgspec.ValidationError as error:
        raise BadLine(f"{'bad_time' if str(error).endswith('`$.at`') else 'bad_field'}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadLine(f"not_json: {error}: {shorten(text)}") from None
    offset = number - 1 if line.offset is None else line.offset
    timestamp = _broker_time(line, text, raw)
    if raw and isinstance(line.unreadable, str):
        return _unreadable_line(number, line, text, offset, timestamp)
    key: bytes | None
    value: bytes | None
    if line.misplaced:
        key, value = TICK_KEY, b"{}"  # here it only moves the time
    elif raw:
        key, value = _bytes(line.key_base64, "key_base64"), _bytes(line.value_base64, "value_base64")
    else:
        tenant, lead = line.tenant, line.lead
        key = lead_key(tenant, lead) if isinstance(tenant, str) and isinstance(lead, str) else None
        value = text if len(text) <= MAX_BYTES else _without_place(text)
    return LineRecord(number, line.topic, line.partition, offset, timestamp, key, value)


def _unreadable_line(number: int, line: _Line, text: bytes, offset: int, timestamp: int) -> Unreadable:
    try:
        more = _decode_unreadable(text)
    except msgspec.ValidationError as error:
        raise BadLine(f"bad_field: {error}") from None
    last = offset if more.last_offset is None else more.last_offset
    if last < offset:
        raise BadLine(f"bad_field: `last_offset` {last} is before the offset {offset}")
    return Unreadable(
        number=number,
        offset=offset,
        last=last,
        timestamp=timestamp,
        detail=line.unreadable,
        key=_bytes(line.key_base64, "key_base64"),
        value=_bytes(line.value_base64, "value_base64"),
        headers=tuple((name, _bytes(value, "headers") or b"") for name, value in more.headers),
        raw=more.raw,
        length=more.length,
        sha256=more.sha256,
        topic=line.topic,
        partition=line.partition,
    )


def signal_record(text: bytes) -> tuple[bytes, bytes]:
    """Key and value of a line that is a signal, as they are sent. Raises `Rejected` as the worker would."""
    try:
        owner = _decode_owner(text)
        text, _ = _with_instant(text, owner.at)
        key = lead_key(owner.tenant, owner.lead) if isinstance(owner.tenant, str) else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        key = None
    decode_signal(key, text)
    assert key is not None
    return key, text


def format_line(
    topic: str,
    partition: int,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    *,
    misplaced: bool = False,
) -> bytes:
    """The line of a record, with its end. The fields of a signal stand in it as they were sent."""
    received = f'"{rfc3339(timestamp)}"' if FIRST <= timestamp <= LAST else str(timestamp)
    mark = ',"misplaced":true' if misplaced else ""
    place = f'"topic":"{topic}","partition":{partition},"offset":{offset},"received_at":{received}{mark}}}\n'
    try:
        decode_signal(key, value)
    except Rejected:
        return f'{{"key_base64":{_base64(key)},"value_base64":{_base64(value)},{place}'.encode()
    assert value is not None
    if _mentions_place(value):  # perhaps as a field of its own, which means nothing in a signal
        value = _without_place(value)
    return msgspec.json.format(value, indent=-1)[:-1] + b"," + place.encode()


def format_unreadable(topic: str, partition: int, unreadable: Unreadable) -> bytes:
    """The line of what can't be read, with its end: the fold makes the same dead letter of it as live."""
    timestamp = unreadable.timestamp
    fields = {
        "unreadable": unreadable.detail,
        "headers": [(name, b64encode(value).decode()) for name, value in unreadable.headers],
        "raw": unreadable.raw,
        "length": unreadable.length,
        "sha256": unreadable.sha256,
        "last_offset": unreadable.last,
        "key_base64": None if unreadable.key is None else b64encode(unreadable.key).decode(),
        "value_base64": None if unreadable.value is None else b64encode(unreadable.value).decode(),
        "topic": topic,
        "partition": partition,
        "offset": unreadable.offset,
        "received_at": rfc3339(timestamp) if FIRST <= timestamp <= LAST else timestamp,
    }
    return msgspec.json.encode(fields) + b"\n"


def _with_instant(text: bytes, at: Any) -> tuple[bytes, Any]:
    """The line with `at` as the topic has it, and that; as they are if `at` is no such number."""
    if (type(at) is int and SECONDS_END <= at < MS_END) or (type(at) is str and number_of(at) is None):
        return text, at
    fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    number = at if type(at) is str else bytes(fields.get("at", b"")).decode()
    try:
        instant = rfc3339(ms_of(Decimal(number)))
    except (InvalidOperation, ValueError):  # nothing, a boolean, an object ..., or no time
        return text, at
    fields["at"] = msgspec.Raw(msgspec.json.encode(instant))
    return msgspec.json.encode(fields), instant


def _broker_time(line: _Line, text: bytes, raw: bool) -> int:
    instant = line.received_at
    if instant is None:
        if raw:
            raise BadLine("bad_time: a record with `key_base64` or `value_base64` needs `received_at`")
        at = line.at
        if type(at) is int and FIRST <= at < MS_END and abs(at) >= SECONDS_END:
            return at
        try:
            instant = msgspec.convert(at, datetime)
        except msgspec.ValidationError:
            leap = leap_second(at) if type(at) is str else None
            if leap is None:
                # Neither the broker's time nor the signal's own: say why as the worker would.
                raise BadLine(_rejection(text)) from None
            return leap
    if isinstance(instant, datetime):
        if instant.tzinfo is None:
            raise BadLine(f"bad_time: {instant.isoformat()} has no offset from UTC")
        return to_ms(instant)
    # An export has numbers only for what is outside the years: a small one was written by hand.
    return instant * 1000 if abs(instant) < SECONDS_END else instant


def _rejection(text: bytes) -> str:
    try:
        decode_signal(None, text)
    except Rejected as rejected:
        return f"{rejected.reason}: {rejected.detail}"
    raise AssertionError("a signal has a time")


def _without_place(text: bytes) -> bytes:
    fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: raw for name, raw in fields.items() if name not in PLACE_FIELDS})


def _base64(data: bytes | None) -> str:
    return "null" if data is None else f'"{b64encode(data).decode()}"'


def _bytes(text: str | msgspec.UnsetType | None, name: str) -> bytes | None:
    if text is None or text is msgspec.UNSET:
        return None
    try:
        return b64decode(text, validate=True)
    except ValueError as error:
        raise BadLine(f"bad_field: `{name}` is not base64: {error}") from None
