"""Dead letters as they stand in their topic."""

from dataclasses import dataclass

from leadstream.records.step import Headers, PlacedRecord, Unreadable

PREFIX = "leadstream-"
"""What the headers begin with that a dead letter adds to the record's own."""
MAX_DIGITS = 20
"""Of a number in them: others can write to the topic, too."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected record: why, where it stood (`topic`, `origin`), and what it was.

    `last_offset` is set if it took several offsets. `raw` says that the value is bytes of the log and not a
    record's. `place` is the dead letter's own, `partition-offset`; `at` is when it was written, in epoch
    milliseconds. `length` is the value's when only its beginning was kept, else None; `whole` says that key
    and value are all there. `headers` are the record's own.
    """

    place: str
    at: int
    reason: str
    detail: str
    topic: str
    origin: int
    origin_offset: str
    length: int | None
    whole: bool
    key: bytes | None
    value: bytes | None
    headers: Headers
    last_offset: int | None = None
    raw: bool = False


def read_dead_letter(record: PlacedRecord) -> DeadLetter:
    """The dead letter of a record; what its headers don't say is shown as `?`.

    Something unreadable in the topic itself is shown as what it is, in its own place.
    """
    if isinstance(record, Unreadable):
        return DeadLetter(
            place=f"{record.partition}-{record.offset}",
            at=record.timestamp,
            reason="unreadable",
            detail=record.detail,
            topic=record.topic or "?",
            origin=record.partition,
            origin_offset=str(record.offset),
            length=record.length,
            whole=False,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            last_offset=record.last if record.last != record.offset else None,
            raw=record.raw,
        )
    headers = [(name, value or b"") for name, value in record.headers]
    ours = {name.removeprefix(PREFIX): value for name, value in headers if name.startswith(PREFIX)}

    def text(name: str) -> str:
        return ours[name].decode(errors="replace") if name in ours else "?"

    def number(name: str) -> int | None:
        digits = text(name)
        return int(digits) if digits.isdecimal() and len(digits) < MAX_DIGITS else None

    return DeadLetter(
        place=f"{record.partition}-{record.offset}",
        at=record.timestamp,
        reason=text("reason"),
        detail=text("detail"),
        topic=text("topic"),
        origin=number("partition") or 0,
        origin_offset=text("offset"),
        length=number("length"),
        whole=not ours.keys() & {"length", "key-length", "raw"},
        key=record.key,
        value=record.value,
        headers=[(name, value) for name, value in headers if not name.startswith(PREFIX)],
        last_offset=number("last-offset"),
        raw="raw" in ours,
    )
