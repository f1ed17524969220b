"""Crossings, changes of band and actions of a replay, kept until all are there and read in one order."""

from collections.abc import Iterator
from heapq import merge
from tempfile import SpooledTemporaryFile
from typing import Any, Literal

import msgspec

from leadstream.records.outputs import Cause, Direction
from leadstream.records.step import Step

IN_MEMORY = 1_048_576
"""Bytes of one partition's outputs that stay in memory; more go to a temporary file."""
INSTANT = len("2026-01-31T12:00:00.000Z")


class _Signal(msgspec.Struct):
    id: str


class _Payload(msgspec.Struct):
    owner: Any = None


class _Record(msgspec.Struct):
    """What a replay tells of a record of the actions or decisions topic."""

    id: str
    tenant: str
    lead: str
    type: str
    direction: Direction
    at: str
    cause: Cause
    threshold: float | None = None
    signal: _Signal | None = None
    reason: str | None = None
    do: str | None = None
    trigger: str | None = None
    payload: _Payload | None = None


class Output(msgspec.Struct, frozen=True):
    """One line of `replay --actions`: what happened to a lead, and why."""

    id: str
    tenant: str
    lead: str
    type: str
    threshold: float | None
    direction: Direction
    at: str
    cause: Cause
    signal: str | None
    status: Literal["recorded", "requested", "skipped"]
    reason: str | None
    do: str | None
    trigger: str | None
    owner: str | None


_decode = msgspec.json.Decoder(_Record).decode
_encode = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(Output).decode


class Outputs:
    """The outputs of all partitions. Those of one come in the order of its fold, which is that of `at`."""

    def __init__(self) -> None:
        self._partitions: dict[int, SpooledTemporaryFile[bytes]] = {}

    def add(self, partition: int, step: Step) -> None:
        """Adds the actions and decisions of a step."""
        if not step.actions and not step.decisions:
            return
        file = self._partitions.get(partition)
        if file is None:
            file = self._partitions[partition] = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
        decided = iter(zip(step.decision_places, step.decisions, strict=True))
        place, decision = next(decided, (None, None))
        for number in range(len(step.actions) + 1):
            while place == number and decision is not None:
                file.write(_line(decision[1], skipped=True))
                place, decision = next(decided, (None, None))
            if number < len(step.actions):
                file.write(_line(step.actions[number][1], skipped=False))

    def lines(self) -> Iterator[bytes]:
        """One JSON object a line, by time, partition, and order of the fold."""
        for line, _ in merge(
            *(_of_partition(file, partition) for partition, file in sorted(self._partitions.items())),
            key=lambda item: (item[0][:INSTANT], item[1]),
        ):
            yield line[INSTANT:]

    def __iter__(self) -> Iterator[Output]:
        return map(_read, self.lines())


def _line(value: bytes | None, *, skipped: bool) -> bytes:
    """The instant, which is what lines are merged by, and the output."""
    assert value is not None
    record = _decode(value)
    requested = record.type == "lead.action.requested"
    owner = record.payload.owner if record.payload else None
    output = Output(
        id=record.id,
        tenant=record.tenant,
        lead=record.lead,
        type=record.type,
        threshold=record.threshold,
        direction=record.direction,
        at=record.at,
        cause=record.cause,
        signal=record.signal.id if record.signal else None,
        status="skipped" if skipped else "requested" if requested else "recorded",
        reason=record.reason,
        do=record.do,
        trigger=record.trigger,
        owner=owner if isinstance(owner, str) else None,
    )
    return record.at.encode() + _encode(output) + b"\n"


def _of_partition(file: "SpooledTemporaryFile[bytes]", partition: int) -> Iterator[tuple[bytes, int]]:
    file.seek(0)
    for line in file:
        yield line, partition
