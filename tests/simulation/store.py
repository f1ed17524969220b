"""A simulated PostgreSQL: the tables as the projector's store writes them, one transaction at a time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leadstream.projection.errors import OtherTopic, PositionMismatch, StoreUnavailable
from leadstream.projection.lead_rows import BAND, BAND_OFFSET
from leadstream.projection.rows import read_records
from leadstream.projection.sink import Applied, Sink
from leadstream.projection.storable import DeadRow
from leadstream.projection.tables import TARGETS
from leadstream.projection.writers import WRITERS
from leadstream.records.outputs import Kind
from leadstream.records.step import LogRecord
from tests.simulation.process import Process

Key = tuple[Any, ...]
Row = tuple[Any, ...]

_LEADS = TARGETS["scores"].names
_PLACE = [_LEADS.index(name) for name in ("source_partition", "source_offset", "score_updated_on")]


class Tables:
    """What the database holds: rows by kind and key, and positions."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.positions: dict[tuple[str, int], int] = {}
        self.topic_ids: dict[tuple[str, int], str] = {}
        self.dead: list[DeadRow] = []
        self.rows: dict[Kind, dict[Key, Row]] = {kind: {} for kind in TARGETS}
        self.repeated = 0
        """Rows of logs that were there already: exactly once gives none."""
        self.away_until = 0.0

    @property
    def is_away(self) -> bool:
        return self.away_until > self._now()

    def apply(
        self,
        kind: Kind,
        topic: str,
        topic_id: str,
        partition: int,
        begin: int,
        end: int,
        records: Sequence[LogRecord],
    ) -> Applied:
        """The transaction of `ProjectionStore.apply`."""
        current = self.positions.get((topic, partition))
        if current is not None and current != begin:
            raise PositionMismatch(topic, partition, begin, current)
        batch = read_records(kind, partition, records)
        self.positions[topic, partition] = end
        if topic_id:
            self.topic_ids[topic, partition] = topic_id
        self.dead += batch.dead
        table = self.rows[kind]
        entered = {(tenant, lead) for tenant, lead, _ in batch.entered}
        for row in batch.rows:
            key = key_of(kind, row)
            there = table.get(key)
            if kind == "scores":
                if there is None or _is_newer(row, there):
                    table[key] = row if there is None or key in entered else _with_band(row, there)
            elif there is None:
                table[key] = row
            else:
                self.repeated += 1
        return Applied(len(batch.rows), batch.coalesced, len(batch.dead), batch.newest)


class SimulatedStore(Sink):
    """`ProjectionStore` as one process uses it."""

    def __init__(self, process: Process, tables: Tables, topics: Mapping[str, Kind]) -> None:
        self._process = process
        self._tables = tables
        self._topics = dict(topics)
        self._opened = False
        self.topic_ids: Mapping[str, str] = {}

    async def open(self) -> None:
        """Connects; nothing is asked of the tables yet."""
        self._opened = True

    async def close(self) -> None:
        self._opened = False

    async def position(self, topic: str, partition: int) -> int | None:
        def read() -> int | None:
            if self._tables.is_away or self._process.strikes("store.position: away"):
                raise StoreUnavailable("PostgreSQL is away")
            stored, present = self._tables.topic_ids.get((topic, partition)), self.topic_ids.get(topic)
            if stored and present and stored != present:
                raise OtherTopic(topic, partition, stored, present, WRITERS[self._topics[topic]].remedy)
            return self._tables.positions.get((topic, partition))

        self._check_open()
        return await self._process.call("store.position", read)

    async def apply(
        self, topic: str, partition: int, begin: int, end: int, records: Sequence[LogRecord]
    ) -> Applied:
        if end < begin:
            raise ValueError(f"the step ends at {end}, before its begin {begin}")
        self._check_open()
        kind, topic_id = self._topics[topic], self.topic_ids.get(topic, "")

        def write() -> Applied:
            if self._tables.is_away or self._process.strikes("store.apply: undone"):
                raise StoreUnavailable("PostgreSQL is away")
            applied = self._tables.apply(kind, topic, topic_id, partition, begin, end, records)
            if self._process.strikes("store.apply: answer lost"):
                raise StoreUnavailable("PostgreSQL went away")
            return applied

        return await self._process.call("store.apply", write, survives=True)

    def _check_open(self) -> None:
        if not self._opened:
            raise StoreUnavailable("the store is not open")


def key_of(kind: Kind, row: Row) -> Key:
    """The primary key of a row."""
    table = TARGETS[kind]
    return tuple(row[table.names.index(name)] for name in table.key)


def _is_newer(row: Row, there: Row) -> bool:
    """What `tables.NEWER_LEAD` says in SQL."""
    partition, offset, at = _PLACE
    return bool(there[partition] != row[partition] or (row[offset], row[at]) >= (there[offset], there[at]))


def _with_band(row: Row, there: Row) -> Row:
    """The row with the offset of its change of band, which is the old row's if the band is the same."""
    partition = _PLACE[0]
    same = row[BAND] == there[BAND] and row[partition] == there[partition]
    return (*row[:BAND_OFFSET], there[BAND_OFFSET]) if same else row
