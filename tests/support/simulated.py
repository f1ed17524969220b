"""A scripted log for a single task: its partition, its `StateLog` and its `Feed`, as a test wants them.

It keeps Kafka's promises (a commit is atomic, a newer writer fences older ones, a consumer reads from where
it sought) and lets the test decide on everything else: when, how much, and what goes wrong. What a seed
decides is in `tests/simulation`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from leadstream.records.step import Headers, Message, Step
from leadstream.scoring.partition.rows import PositionRow
from leadstream.stream.changelog import Progress
from leadstream.stream.errors import Fenced
from leadstream.stream.packs import Pack

TOPIC = "simulated.signals"


@dataclass(frozen=True, slots=True)
class SimulatedRecord:
    """A record of the log as the fold sees it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)


@dataclass
class Written:
    """What committed steps have written, in order."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    scores: dict[bytes | None, bytes | None] = field(default_factory=dict)
    actions: list[Message] = field(default_factory=list)
    decisions: list[Message] = field(default_factory=list)
    history: list[object] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    forwards: list[tuple[int, Message]] = field(default_factory=list)

    def add(self, step: Step) -> None:
        """Adds a step as a transaction would."""
        for key, value in step.changelog:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value
        # Of snapshots only the last of a key counts, and a batch of history is what a step makes of it.
        self.scores.update({key: value for key, value, _ in step.scores})
        for _, value, _ in step.history:
            self.history.extend(msgspec.json.decode(value or b"")["entries"])
        self.actions += step.actions
        self.decisions += step.decisions
        self.dead_letters += step.dead_letters
        self.forwards += step.forwards


class SimulatedPartition:
    """The partition as the broker has it: `records` (offsets may have gaps: markers) and what is written."""

    def __init__(self, records: Iterable[SimulatedRecord] = (), end: int | None = None) -> None:
        self.records = list(records)
        self.end = end if end is not None else (self.records[-1].offset + 1 if self.records else 0)
        self.written = Written()
        self.steps: list[Step] = []
        self.writers = 0
        """The epoch of the newest writer: any older one is fenced."""
        self.opened = 0
        self.restored = 0

    def fence(self) -> None:
        """What a rival that opens the partition does, and a broker that ends a transaction."""
        self.writers += 1


async def at_once() -> None:
    """A commit that nothing holds up."""


class SimulatedStateLog:
    """A `StateLog`. `before_commit` and `after_commit` run around each commit; what they raise, it raises."""

    def __init__(self, partition: SimulatedPartition) -> None:
        self._partition = partition
        self._writer: int | None = None
        self.before_commit: Callable[[], Awaitable[None]] = at_once
        self.after_commit: Callable[[], Awaitable[None]] = at_once
        self.while_opening: Callable[[], Awaitable[None]] = at_once
        self.commits_under_way = 0

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    async def open(self) -> None:
        self._partition.opened += 1
        await self.while_opening()
        self._partition.writers += 1
        self._writer = self._partition.writers

    async def restore(self, progress: Progress) -> dict[bytes, bytes]:
        self._partition.restored += 1
        await asyncio.sleep(0)
        progress(len(self._partition.written.rows), 1.0)
        return dict(self._partition.written.rows)

    async def commit(self, step: Step) -> None:
        self.commits_under_way += 1
        try:
            await self.before_commit()
            if self._writer != self._partition.writers:
                raise Fenced("a newer writer has the partition")
            self._partition.steps.append(step)
            self._partition.written.add(step)
            await self.after_commit()
        finally:
            self.commits_under_way -= 1

    async def close(self) -> None:
        self._writer = None


class SimulatedFeed:
    """A `Feed` whose packs a test delivers."""

    def __init__(self, partition: SimulatedPartition) -> None:
        self._partition = partition
        self.confirmed: int | None = 1
        self.start_at = 0
        self.seeks: list[int] = []
        self.fetched = 0
        """The fetch position."""
        self.epoch = 0
        self.paused = False
        self.while_seeking: Callable[[], Awaitable[None]] = at_once

    async def generation(self) -> int | None:
        await asyncio.sleep(0)
        return self.confirmed

    async def seek(self, partition: int, offset: int) -> int:
        await asyncio.sleep(0)
        self.epoch += 1
        self.fetched = offset
        self.seeks.append(offset)
        self.paused = False
        epoch = self.epoch
        await self.while_seeking()
        return epoch

    async def begin(self, partition: int, stored: PositionRow | None) -> int:
        return self.start_at if stored is None else stored.position

    def pause(self, partition: int) -> None:
        self.paused = True

    def resume(self, partition: int) -> None:
        self.paused = False

    def next_pack(self, size: int) -> Pack | None:
        """Fetches up to `size` offsets; None at the end of the log."""
        begin = self.fetched
        end = min(begin + size, self._partition.end)
        if end == begin:
            return None
        self.fetched = end
        return self.pack(begin, end)

    def pack(self, begin: int, end: int, epoch: int | None = None) -> Pack:
        """A pack of any range, of the present epoch or another."""
        records = [record for record in self._partition.records if begin <= record.offset < end]
        return Pack(
            TOPIC, 0, self.epoch if epoch is None else epoch, begin, end, self._partition.end, records
        )
