"""What is committed, and when: time without progress is measured, not guessed."""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from confluent_kafka import Consumer, TopicPartition

from leadstream.scoring.partition.rows import POSITION, read_position
from tests.support.installation import Installation
from tests.support.load import Acknowledged

POLL_SECONDS = 0.05


class Advance(NamedTuple):
    """A partition's committed position, and when it was seen, by the monotonic clock."""

    at: float
    position: int


class Meter:
    """Reads the positions in the changelog as they are committed (read_committed), in a thread of its own."""

    def __init__(self, installation: Installation) -> None:
        self._topic = installation.names.changelog
        self.began = time.monotonic()
        self.advances: dict[int, list[Advance]] = {number: [] for number in range(installation.partitions)}
        self._consumer = Consumer(
            {
                "bootstrap.servers": installation.bootstrap,
                "group.id": f"{installation.name}-meter",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "reconnect.backoff.max.ms": 200,
                "log_level": 0,
            }
        )
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._consumer.assign([TopicPartition(self._topic, number, 0) for number in self.advances])
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        self._consumer.close()

    def position(self, partition: int) -> int:
        """Up to where a partition is folded and committed."""
        seen = self.advances[partition]
        return seen[-1].position if seen else 0

    def _run(self) -> None:
        while not self._end.is_set():
            for message in self._consumer.consume(1000, timeout=POLL_SECONDS):
                if message.error() is None and message.key() == POSITION and message.value() is not None:
                    position = read_position(message.value()).position
                    self.advances[message.partition()].append(Advance(time.monotonic(), position))


def longest_stall(
    advances: Mapping[int, Sequence[Advance]], acknowledged: Iterable[Acknowledged], began: float
) -> float:
    """The most seconds that a partition had acknowledged signals to fold and committed nothing."""
    places: dict[int, list[tuple[int, float]]] = {number: [] for number in advances}
    for one in acknowledged:
        places[one.partition].append((one.offset, one.at))
    longest = 0.0
    for number, seen in advances.items():
        waiting = sorted(places[number])
        before = Advance(began, 0)
        for advance in seen:
            first = bisect_left(waiting, (before.position, 0.0))
            if first < len(waiting):
                longest = max(longest, advance.at - max(before.at, waiting[first][1]))
            before = advance
    return longest


def progress_after(advances: Mapping[int, Sequence[Advance]], moment: float) -> tuple[float, float] | None:
    """Seconds from a moment until the first partition, and until the last one, has committed something.

    None if nothing was committed after it; partitions that had nothing more to commit do not count.
    """
    times = [
        seen[first].at - moment
        for seen in advances.values()
        if (first := bisect_left(seen, Advance(moment, 0))) < len(seen)
    ]
    return (min(times), max(times)) if times else None
