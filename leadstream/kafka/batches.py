"""Reading a record batch in which the client library has found a fault.

The library's parser gives up a batch at its first fault. This one reads what it can, and says of the rest
where it stands, what is wrong and what its bytes are. What it gives depends on nothing but the bytes, so
every reader of the log gets the same. It is used for batches that the library refuses, and for the formats of
before Kafka 0.11, whose parser in the library can be made to run for ever.

Formats: https://kafka.apache.org/documentation/#messageformat
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from aiokafka.record.default_records import DefaultRecord

from leadstream.errors import LeadStreamError
from leadstream.kafka.decompression import TooLarge, decompress
from leadstream.records.rejection import shorten
from leadstream.records.step import LogRecord, Unreadable
from leadstream.scoring.partition.refused import cut

HEADER = struct.Struct(">qiibIhiqqqhii")
FRAME = struct.Struct(">qi")
LEGACY = struct.Struct(">qiIbb")
MAGIC = 16
CODEC, LOG_APPEND, TRANSACTIONAL, CONTROL = 0x07, 0x08, 0x10, 0x20
"""Bits of the attributes."""
MAX_HEADERS = 32
"""A dead letter keeps no more of a malformed record."""
UNKNOWN_TIME = -1

Item: TypeAlias = LogRecord | Unreadable


class Malformed(LeadStreamError):
    """Bytes that are not what they should be; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """The fixed fields of a batch in the present format."""

    base: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_delta: int
    first_timestamp: int
    max_timestamp: int
    producer: int
    producer_epoch: int
    sequence: int
    count: int

    @property
    def last(self) -> int:
        return self.base + self.last_delta

    @property
    def is_dense(self) -> bool:
        """Whether there is a record for each offset, as in all batches that were not compacted."""
        return self.count == self.last_delta + 1

    @property
    def timestamp_type(self) -> int:
        return 1 if self.attributes & LOG_APPEND else 0


def contradiction(header: BatchHeader) -> str | None:
    """What is wrong with a header by itself; None if nothing is."""
    if header.count < 0 or header.count > header.last_delta + 1 or header.last_delta < 0:
        return f"the batch says it has {header.count} records in {header.last_delta + 1} offsets"
    if header.attributes & CODEC > 4:
        return f"no compression has the number {header.attributes & CODEC}"
    return None


def read_batch(raw: bytes, header: BatchHeader) -> Iterator[Item]:
    """The records of a batch in the present format, in ascending order of their offsets, each as it is or as
    `Unreadable`. The CRC has been checked, and `contradiction` finds nothing in the header."""
    base, last = header.base, header.last
    timestamp, kind = header.max_timestamp, header.timestamp_type
    data = raw[HEADER.size :]
    if header.attributes & CODEC:
        try:
            data = decompress(data, header.attributes & CODEC)
        except MemoryError:
            raise
        except TooLarge as error:
            yield unreadable_bytes(raw, base, last, str(error), timestamp, kind)
            return
        except Exception as error:  # noqa: BLE001 - each library of a compression has errors of its own
            detail = f"the batch can't be decompressed: {type(error).__name__}: {shorten(str(error), 100)}"
            yield unreadable_bytes(raw, base, last, detail, timestamp, kind)
            return
    place, previous = 0, base - 1
    for number in range(header.count):
        if previous >= last:
            return
        try:
            length, begin = varint(data, place, len(data))
            end = begin + length
            if length < 0 or end > len(data):
                raise Malformed(f"record {number + 1} of {header.count} says it has {length} bytes")
        except Malformed as fault:
            detail = f"{fault}, and {len(data) - place} are left; nothing behind can be read"
            rest = data[place:] if place else raw
            yield unreadable_bytes(rest, previous + 1, last, detail, timestamp, kind)
            return
        record = _Record(data, begin, end)
        fault_of = record.read()
        previous, item = _placed(record, fault_of, header, previous, data[begin:end])
        yield item
        place = end
    if place < len(data) and previous < last:
        detail = f"{len(data) - place} bytes are left behind the {header.count} records of the batch"
        yield unreadable_bytes(data[place:], previous + 1, last, detail, timestamp, kind)


def _placed(
    record: "_Record", fault: str | None, header: BatchHeader, previous: int, body: bytes
) -> tuple[int, Item]:
    """The offset that a record takes, and the record. A broker checks offsets of compressed records only."""
    offset = previous + 1
    delta = record.offset_delta
    told = offset if delta is None else header.base + delta
    if not header.is_dense and previous < told <= header.last:
        offset = told
    elif told != offset and fault is None:
        fault = f"it says that its offset is {told}"
    if header.timestamp_type:
        timestamp = header.max_timestamp
    else:
        timestamp = _wrapped(header.first_timestamp + (record.timestamp_delta or 0))
    if fault is None:
        kind = header.timestamp_type
        return offset, DefaultRecord(offset, timestamp, kind, record.key, record.value, record.headers)
    if not record.has_value:
        return offset, unreadable_bytes(body, offset, offset, fault, timestamp, header.timestamp_type)
    value, length, digest = (None, None, "") if record.value is None else cut(record.value)
    return offset, Unreadable(
        offset=offset,
        last=offset,
        timestamp=timestamp,
        detail=fault,
        key=record.key,
        value=value,
        headers=tuple((name, text or b"") for name, text in record.headers[:MAX_HEADERS]),
        length=length,
        sha256=digest,
        timestamp_type=header.timestamp_type,
    )


class _Record:
    """One record, read as far as that goes."""

    def __init__(self, data: bytes, begin: int, end: int) -> None:
        self._data = data
        self._place = begin
        self._end = end
        self.timestamp_delta: int | None = None
        self.offset_delta: int | None = None
        self.key: bytes | None = None
        self.value: bytes | None = None
        self.has_value = False
        self.headers: list[tuple[str, bytes | None]] = []

    def read(self) -> str | None:
        """What is wrong with it; None if nothing is."""
        fault = None
        try:
            if self._place >= self._end:
                raise Malformed("the record is empty")
            self._place += 1  # attributes, of which none is defined
            self.timestamp_delta = self._number()
            self.offset_delta = self._number()
            self.key = self._bytes("key")
            self.value = self._bytes("value")
            self.has_value = True
            count = self._number()
            if count < 0:
                raise Malformed(f"the record says it has {count} headers")
            for number in range(count):
                name = self._bytes(f"name of header {number + 1}")
                if name is None:
                    raise Malformed(f"header {number + 1} of {count} has no name")
                text = self._bytes(f"value of header {number + 1}")
                try:
                    read = name.decode()
                except UnicodeDecodeError:
                    read = name.decode(errors="backslashreplace")
                    if fault is None:
                        fault = f"header {number + 1} of {count} has a name that is no UTF-8: {shorten(name)}"
                self.headers.append((read, text))
            if self._place != self._end:
                raise Malformed(f"{self._end - self._place} bytes are left behind the record's last header")
        except Malformed as malformed:
            return fault or str(malformed)
        return fault

    def _number(self) -> int:
        number, self._place = varint(self._data, self._place, self._end)
        return number

    def _bytes(self, what: str) -> bytes | None:
        length = self._number()
        if length < 0:
            return None
        end = self._place + length
        if end > self._end:
            raise Malformed(f"the {what} says it has {length} bytes, {self._end - self._place} are left")
        found = self._data[self._place : end]
        self._place = end
        return found


def read_legacy(raw: bytes, first: int) -> Iterator[Item]:
    """The records of a message (or a compressed set of them) in the formats of before Kafka 0.11.

    `first` is the offset behind what stands before it: a set does not say where it begins. Its CRC has been
    checked.
    """
    offset, _, _, magic, attributes = LEGACY.unpack_from(raw)
    try:
        key, value, timestamp, kind, _ = _legacy_message(raw, 0)
        if not attributes & CODEC:
            yield DefaultRecord(offset, timestamp, kind, key, value, [])
            return
        inner = _legacy_set(value, attributes & CODEC, magic)
    except Malformed as fault:
        yield unreadable_bytes(raw, min(first, offset), offset, str(fault))
        return
    previous = first - 1
    for relative, (key, value, own, own_kind, _) in inner:
        # Since format 1 the offsets of a set count from its first, and the set has the offset of its last.
        place = relative + (offset - inner[-1][0] if magic else 0)
        if not previous < place <= offset:
            # Before where reading begins; of those in one place the first counts, as for any consumer.
            continue
        previous = place
        if attributes & LOG_APPEND:
            own, own_kind = timestamp, kind
        yield DefaultRecord(place, own, own_kind, key, value, [])


def _legacy_message(data: bytes, place: int) -> tuple[bytes | None, bytes | None, int, int, int]:
    """Key, value, timestamp, its type, and where the message ends."""
    if len(data) - place < LEGACY.size:
        raise Malformed(f"{len(data) - place} bytes are left of a message set")
    _, length, _, magic, attributes = LEGACY.unpack_from(data, place)
    end = place + FRAME.size + length
    if magic not in (0, 1) or end > len(data):
        raise Malformed(f"a message of format {magic} says it has {length} bytes")
    at = place + LEGACY.size
    timestamp, kind = UNKNOWN_TIME, 1
    if magic == 1:
        if end - at < 8:
            raise Malformed("a message ends in its timestamp")
        timestamp = struct.unpack_from(">q", data, at)[0]
        kind = 1 if attributes & LOG_APPEND else 0
        at += 8
    fields: list[bytes | None] = []
    for name in ("key", "value"):
        if end - at < 4:
            raise Malformed(f"a message ends before its {name}")
        size = struct.unpack_from(">i", data, at)[0]
        at += 4
        if size < -1 or at + size > end:
            raise Malformed(f"the {name} of a message says it has {size} bytes")
        fields.append(None if size == -1 else data[at : at + size])
        at += max(size, 0)
    return fields[0], fields[1], timestamp, kind, end


def _legacy_set(
    value: bytes | None, compression: int, magic: int
) -> list[tuple[int, tuple[bytes | None, bytes | None, int, int, int]]]:
    """The messages of a compressed set, each with the offset that it says it has."""
    if value is None or compression > 3 or (compression == 3 and magic == 0):
        raise Malformed(f"a message set of format {magic} with the compression {compression} can't be read")
    try:
        data = decompress(value, compression)
    except MemoryError:
        raise
    except TooLarge as error:
        raise Malformed(str(error)) from error
    except Exception as error:
        raise Malformed(f"the message set can't be decompressed: {type(error).__name__}") from error
    found = []
    place = 0
    while place < len(data):
        message = _legacy_message(data, place)
        found.append((FRAME.unpack_from(data, place)[0], message))
        place = message[4]
    return found


def varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    """A number in zigzag encoding of at most ten bytes, and where it ends. Raises Malformed."""
    value = shift = 0
    while True:
        if place >= end:
            raise Malformed("the record ends within a number")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            break
        shift += 7
        if shift > 63:
            raise Malformed("a number has more than ten bytes")
    value &= 0xFFFF_FFFF_FFFF_FFFF
    return (value >> 1) ^ -(value & 1), place


def _wrapped(number: int) -> int:
    """The number as 64 bits hold it."""
    return (number + 2**63) % 2**64 - 2**63


def unreadable_bytes(
    data: bytes, first: int, last: int, detail: str, timestamp: int = UNKNOWN_TIME, timestamp_type: int = 1
) -> Unreadable:
    """What takes the offsets `first` to `last`, and is known by its bytes only."""
    value, length, digest = cut(bytes(data))
    return Unreadable(
        offset=first,
        last=last,
        timestamp=timestamp,
        detail=detail,
        value=value,
        raw=True,
        length=length,
        sha256=digest,
        timestamp_type=timestamp_type,
    )
