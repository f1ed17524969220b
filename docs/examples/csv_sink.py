"""A sink that appends the worker's records to CSV files, one file for each table.

    python docs/examples/csv_sink.py FOLDER

runs a projector that writes there; its settings are those of `leadstream projector`.
"""

import asyncio
import csv
import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from leadstream.kafka.topics import TopicNames
from leadstream.projection.errors import (
    OTHER_TOPIC_REMEDY,
    OtherTopic,
    PositionMismatch,
    StoreUnavailable,
)
from leadstream.projection.rows import read_records
from leadstream.projection.sink import Applied, Sink
from leadstream.projection.tables import TARGETS
from leadstream.records.outputs import Kind
from leadstream.records.step import LogRecord
from leadstream.roles.projector import Projector
from leadstream.roles.role import run_role
from leadstream.settings import Settings

T = TypeVar("T")
DEAD = ("topic", "partition", "log_offset", "item", "reason", "detail")


class CsvSink(Sink):
    """Rows have the columns of `TARGETS`, times are epoch milliseconds; of a lead the last row counts.

    `state.json` has the positions, and how long each file is. It is replaced as the last act of a step, so
    what a file has beyond that length is of a step that came to nothing, and the next one cuts it off.
    """

    def __init__(self, folder: Path, topics: Mapping[str, Kind]) -> None:
        self.topic_ids: Mapping[str, str] = {}
        self._folder = folder
        self._topics = dict(topics)
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        await self.close()
        self._thread = ThreadPoolExecutor(1)
        try:
            await self._call(self._begin)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.shutdown)

    async def position(self, topic: str, partition: int) -> int | None:
        return await self._call(self._position, topic, partition)

    async def apply(
        self, topic: str, partition: int, begin: int, end: int, records: Sequence[LogRecord]
    ) -> Applied:
        if end < begin:
            raise ValueError(f"the step ends at {end}, before its begin {begin}")
        return await self._call(self._apply, topic, partition, begin, end, records)

    async def _call(self, work: Callable[..., T], *values: Any) -> T:
        """Disks are slow, so a thread does the work. There is one, and it ends what it has begun: who is
        cancelled and asks for the position then gets it after that."""
        if self._thread is None:
            raise StoreUnavailable("the sink is not open")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *values)

    def _begin(self) -> None:
        with self._locked() as state:
            self._cut(state)

    def _position(self, topic: str, partition: int) -> int | None:
        with self._locked() as state:
            position, stored = state["positions"].get(f"{topic}-{partition}", (None, ""))
        present = self.topic_ids.get(topic, "")
        if stored and present and stored != present:
            raise OtherTopic(topic, partition, stored, present, OTHER_TOPIC_REMEDY)
        return None if position is None else int(position)

    def _apply(
        self, topic: str, partition: int, begin: int, end: int, records: Sequence[LogRecord]
    ) -> Applied:
        kind = self._topics[topic]
        batch = read_records(kind, partition, records)
        dead = [row.row(topic, partition)[:6] for row in batch.dead]
        with self._locked() as state:
            position, topic_id = state["positions"].get(f"{topic}-{partition}", (None, ""))
            if position is not None and position != begin:
                raise PositionMismatch(topic, partition, begin, position)
            self._cut(state)
            self._append(state, TARGETS[kind].name, TARGETS[kind].names, batch.rows)
            self._append(state, "dead_letters", DEAD, dead)
            state["positions"][f"{topic}-{partition}"] = end, self.topic_ids.get(topic) or topic_id
            self._replace(state)
        return Applied(len(batch.rows), batch.coalesced, len(dead), batch.newest)

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        """The state, which no other process changes meanwhile."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                file = self._folder / "state.json"
                found = json.loads(file.read_bytes()) if file.exists() else None
                yield found or {"positions": {}, "lengths": {}}
        except OSError as error:
            raise StoreUnavailable(f"{self._folder}: {error}") from error

    def _cut(self, state: Mapping[str, Any]) -> None:
        for file in self._folder.glob("*.csv"):
            os.truncate(file, state["lengths"].get(file.name, 0))

    def _append(
        self, state: dict[str, Any], name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        with (self._folder / f"{name}.csv").open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if not state["lengths"].get(f"{name}.csv"):
                writer.writerow(columns)
            writer.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
            state["lengths"][f"{name}.csv"] = file.tell()

    def _replace(self, state: Mapping[str, Any]) -> None:
        new = self._folder / "state.json.new"
        with new.open("w") as file:
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._folder / "state.json")


def main(folder: str) -> int:
    settings = Settings()
    names = TopicNames(settings.topic_prefix, settings.app)
    projector = Projector(settings, CsvSink(Path(folder), names.projected))
    return run_role("projector", projector.run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
