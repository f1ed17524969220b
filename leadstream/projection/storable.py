"""What PostgreSQL can hold, and what becomes of the rest.

What it can't hold in a text (NUL, half of a surrogate pair, bytes that are no UTF-8) is replaced by U+FFFD,
and the row marked `altered`; but not in what identifies a lead or a record, where two would become one. What
can't be stored at all becomes a `DeadRow` with the reason.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from leadstream.errors import LeadStreamError
from leadstream.records.rejection import shorten
from leadstream.records.step import LogRecord, Unreadable
from leadstream.records.times import FIRST, LAST

REPLACEMENT = "\ufffd"
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPE = re.compile(
    # Kept: whole pairs, and any other escape (read as one, so that `\\\\u0000` is a backslash and text).
    rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u(?!0000|[dD][89a-fA-F])....|\\[^u])"
    rb"|\\u(?:0000|[dD][89a-fA-F]..)",
    re.DOTALL,
)
T = TypeVar("T")
MAX_DEAD_BYTES = 524_288
"""A dead row keeps so much of its bytes, and the length and SHA-256 of all."""

Row = tuple[Any, ...]
"""Values in the order of the table's columns."""


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where a row comes from. `item` is its number within the record, 0 unless the record holds many.

    There is one a row: it costs the garbage collector nothing, and can't be part of a cycle.
    """

    record: LogRecord
    item: int = 0


@dataclass(frozen=True, slots=True)
class DeadRow:
    """What can't be stored, and why: `not_json`, `bad_field`, `bad_time`, `bad_text`, `key_mismatch`,
    `unreadable` (no record at all), or `refused` by PostgreSQL. `value` is the record's, of a batch of
    history the item's."""

    origin: Origin
    reason: str
    detail: str
    value: bytes | None

    def row(self, topic: str, partition: int) -> Row:
        """Its values in the order of `projection_dead_letters`."""
        record, value = self.origin.record, self.value or b""
        length, digest = len(value), hashlib.sha256(value).digest()
        if isinstance(record, Unreadable) and record.length is not None:
            length, digest = record.length, bytes.fromhex(record.sha256)
        detail = self.detail.replace("\0", REPLACEMENT).encode(errors="replace").decode()[:500]
        return (
            topic,
            partition,
            record.offset,
            self.origin.item,
            self.reason,
            detail,
            # A producer's time can be anything.
            min(max(record.timestamp, FIRST), LAST),
            record.key,
            None if self.value is None else value[:MAX_DEAD_BYTES],
            length,
            digest,
        )


class Unfit(LeadStreamError):
    """A record that can't become a row."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def storable(value: bytes | None) -> tuple[bytes, bool]:
    """The JSON with what PostgreSQL can't hold in a text replaced, and whether something was.

    Raises `Unfit` without a value. Whether it is JSON is not looked at.
    """
    if value is None:
        raise Unfit("bad_field", "the record has no value")
    altered = False
    try:
        value.decode()
    except UnicodeDecodeError:
        value, altered = value.decode(errors="replace").encode(), True
    # Of one byte the search is the fastest there is.
    if b"\\" not in value or not _SUSPECT.search(value):
        return value, altered
    cleaned = _ESCAPE.sub(lambda match: match[1] or REPLACEMENT.encode(), value)
    return cleaned, altered or cleaned != value


def check_identity(altered: bool, *texts: str) -> None:
    """Raises `Unfit` if ids of an altered record hold a replacement."""
    if altered and any(REPLACEMENT in text for text in texts):
        raise Unfit("bad_text", f"an id holds what PostgreSQL can't: {shorten(':'.join(texts))}")


def instant(ms: int) -> int:
    """The epoch milliseconds themselves. Raises `Unfit` outside the years 1 to 9999."""
    if not FIRST <= ms <= LAST:
        raise Unfit("bad_time", f"{ms} is outside the years 1 to 9999")
    return ms


def decoded(decode: Callable[[bytes], T], value: bytes) -> T:
    """What a decoder of msgspec makes of the JSON. Raises `Unfit`."""
    try:
        return decode(value)
    except msgspec.ValidationError as error:
        raise Unfit("bad_field", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unfit("not_json", str(error)) from None
