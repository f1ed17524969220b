"""A step: what a task commits in one transaction."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from leadstream.records.counts import Counts

Headers = list[tuple[str, bytes]]
Message = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record to be sent."""


class LogRecord(Protocol):
    """A record of the log as the fold needs it; aiokafka's ConsumerRecord is one."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Iterable[tuple[str, bytes | None]]: ...


class PlacedRecord(LogRecord, Protocol):
    """One that says where it stands, for those who read several partitions."""

    @property
    def partition(self) -> int: ...


class Unreadable(msgspec.Struct, gc=False, kw_only=True):
    """What stands in the log and is no record: one that is malformed, or a batch that can't be read at all.

    It takes the offsets `offset` to `last`. Of a malformed record key, value and headers are what could be
    read, with bytes of a header's name that are no UTF-8 written as `\\xe4`. With `raw` the value is bytes of
    the log instead: the record's, or the batch's. A value longer than a dead letter keeps is cut; then
    `length` and `sha256` are those of all of it. `timestamp` is -1 where the log's can't be trusted. The fold
    needs neither `topic` nor `partition`; `number` is the line of a file that says it.
    """

    offset: int
    last: int
    timestamp: int
    detail: str
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    raw: bool = False
    length: int | None = None
    sha256: str = ""
    topic: str | None = None
    partition: int = 0
    timestamp_type: int = 1
    number: int = 0


@dataclass(slots=True)
class Step:
    """All that a fold of some records led to, in the order in which it is sent.

    `position` is the offset up to which the log is folded. `changelog` has the changed rows, the
    partition's own (`\\0position`, `\\0model:<tenant>`) included. `forwards` are records that belong to
    another partition, as (partition, message).
    """

    position: int
    now: int
    changelog: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    actions: list[Message] = field(default_factory=list)
    decisions: list[Message] = field(default_factory=list)
    decision_places: list[int] = field(default_factory=list)
    """For each decision how many actions were put out before it, for those who want both in one order."""
    scores: list[Message] = field(default_factory=list)
    history: list[Message] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    forwards: list[tuple[int, Message]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
