"""PostgreSQL as a sink: each step of a partition is one transaction."""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg

from leadstream.projection.batch import Batch
from leadstream.projection.database import LOST, is_data_error, open_pool, translated, unavailable
from leadstream.projection.errors import OtherTopic, PositionMismatch, SchemaMismatch, StoreUnavailable
from leadstream.projection.migrate import VERSION_TABLE, schema_state_of
from leadstream.projection.months import Months
from leadstream.projection.rows import read_records
from leadstream.projection.sink import Applied, Sink
from leadstream.projection.storable import DeadRow, Origin, Row
from leadstream.projection.writers import WRITERS, Writer
from leadstream.records.outputs import Kind
from leadstream.records.step import LogRecord

CLOSE_SECONDS = 5.0
# The row's lock keeps a second projector of the partition waiting, and the condition turns it away.
MOVE = """
UPDATE projection_positions
SET position = $4, newest_on = greatest(newest_on, $5), topic_id = coalesce($6, topic_id)
WHERE topic = $1 AND partition = $2 AND position = $3
RETURNING true
"""
MOVE_FIRST = """
INSERT INTO projection_positions AS stored (topic, partition, position, newest_on, topic_id)
VALUES ($1, $2, $4, $5, $6)
ON CONFLICT (topic, partition) DO UPDATE
SET position = $4, newest_on = greatest(stored.newest_on, $5), topic_id = coalesce($6, stored.topic_id)
WHERE stored.position = $3
RETURNING true
"""
POSITION = "SELECT position FROM projection_positions WHERE topic = $1 AND partition = $2"
PLACE = "SELECT position, topic_id FROM projection_positions WHERE topic = $1 AND partition = $2"
REVISION = f"SELECT version_num FROM {VERSION_TABLE}"
BURY = """
INSERT INTO projection_dead_letters
    (topic, partition, log_offset, item, reason, detail, logged_at, key, value, value_bytes, value_sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING
"""


class ProjectionStore(Sink):
    """PostgreSQL as the projector writes it.

    `topics` says what the topics hold, by name.
    """

    def __init__(self, dsn: str, schema: str, topics: Mapping[str, Kind], *, connections: int = 4) -> None:
        self.dsn = dsn
        self.schema = schema
        self._topics = dict(topics)
        self._connections = connections
        self._pool: asyncpg.Pool | None = None
        self._months = Months()
        self._revision: str | None = None
        self.topic_ids: Mapping[str, str] = {}
        """The ids of the topics, as far as the broker has any."""
        self._begun: set[tuple[str, int]] = set()
        """Partitions that have a position. Where it is gone, the tables are earlier ones."""

    async def open(self) -> None:
        """Connects. Raises `StoreUnavailable` when PostgreSQL is away, and `SchemaMismatch`, with the
        remedy, when the tables are not this version's; it may be called again after either."""
        await self.close()
        pool = await open_pool(self.dsn, self.schema, size=self._connections, initialize=self._create_staging)
        try:
            with translated(self.dsn):
                async with pool.acquire() as connection:
                    state = await schema_state_of(connection, self.schema)
            state.check()
        except BaseException:
            pool.terminate()
            raise
        self._pool = pool
        self._revision = state.current

    async def close(self) -> None:
        """Disconnects, after steps under way, or after 5 s without them: they are undone then."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except (*LOST, asyncpg.PostgresError):
            pool.terminate()

    async def position(self, topic: str, partition: int) -> int | None:
        """Up to which offset the tables hold the partition; None if nothing of it was ever written.

        Who asks has reason to: from now on nothing else is taken for granted of the tables either. Raises
        `OtherTopic` if the position is one of a topic with another id.
        """
        with translated(self.dsn):
            found = await self._opened().fetchrow(PLACE, topic, partition)
        self._months.forget()
        if found is None:
            self._begun.discard((topic, partition))
            return None
        self._begun.add((topic, partition))
        position, stored = found
        present = self.topic_ids.get(topic)
        if stored and present and stored != present:
            raise OtherTopic(topic, partition, stored, present, WRITERS[self._topics[topic]].remedy)
        return int(position)

    async def apply(
        self, topic: str, partition: int, begin: int, end: int, records: Sequence[LogRecord]
    ) -> Applied:
        """Writes the records of [begin, end) and moves the position from begin to end, in one transaction.

        A partition that never had a position takes any begin. Rows that can't be stored go to
        `projection_dead_letters` in the same transaction. Raises `PositionMismatch` when the tables are
        elsewhere, and `SchemaMismatch` when they became those of another version (nothing was written), and
        `StoreUnavailable` when PostgreSQL is away, refuses or is too slow: then read the position again to
        learn whether the step was written.
        """
        if end < begin:
            raise ValueError(f"the step ends at {end}, before its begin {begin}")
        kind = self._topics[topic]
        batch = read_records(kind, partition, records)
        try:
            with translated(self.dsn):
                await self._months.make(self._opened(), kind, batch.rows)
                try:
                    dead = await self._write(WRITERS[kind], topic, partition, begin, end, batch, singly=False)
                except Exception as error:
                    if not is_data_error(error):
                        raise
                    dead = await self._write(WRITERS[kind], topic, partition, begin, end, batch, singly=True)
        except asyncpg.PostgresError as error:
            # It looks like an error of the data, but no row is to blame.
            raise unavailable(self.dsn, error) from None
        except SchemaMismatch:
            await self._check_schema()
            raise
        self._begun.add((topic, partition))
        rows = len(batch.rows) - (len(dead) - len(batch.dead))
        return Applied(rows, batch.coalesced, len(dead), batch.newest)

    async def _write(
        self, writer: Writer, topic: str, partition: int, begin: int, end: int, batch: Batch, *, singly: bool
    ) -> list[DeadRow]:
        move = MOVE if (topic, partition) in self._begun else MOVE_FIRST
        async with self._opened().acquire() as connection, connection.transaction():
            newest, topic_id = batch.newest or None, self.topic_ids.get(topic) or None
            if not await connection.fetchval(move, topic, partition, begin, end, newest, topic_id):
                current = await connection.fetchval(POSITION, topic, partition)
                raise PositionMismatch(topic, partition, begin, current)
            dead = batch.dead
            if singly:
                dead = dead + await _insert_halving(connection, writer, batch.rows, batch.origins)
            else:
                await writer.insert(connection, batch.rows)
            await writer.finish(connection, self.schema, partition, batch)
            if dead:
                await connection.executemany(BURY, [row.row(topic, partition) for row in dead])
            # Last, as a migration may have gone before a statement that waited for its locks.
            if await connection.fetchval(REVISION) != self._revision:
                raise SchemaMismatch("the schema was migrated while the step was under way")
            return dead

    async def _check_schema(self) -> None:
        """Raises `SchemaMismatch` with the remedy if the tables are another version's."""
        with translated(self.dsn):
            async with self._opened().acquire() as connection:
                state = await schema_state_of(connection, self.schema)
        state.check()

    def _opened(self) -> asyncpg.Pool:
        if self._pool is None:
            raise StoreUnavailable("the store is not open")
        return self._pool

    async def _create_staging(self, connection: asyncpg.Connection) -> None:
        await connection.execute("; ".join(WRITERS[kind].create_staging for kind in self._topics.values()))


async def _insert_halving(
    connection: asyncpg.Connection, writer: Writer, rows: Sequence[Row], origins: Sequence[Origin]
) -> list[DeadRow]:
    """Inserts what can be and returns the rest: a part that fails is undone and tried by halves."""
    try:
        async with connection.transaction():
            await writer.insert(connection, rows)
            await writer.clear(connection)
            return []
    except Exception as error:
        if not is_data_error(error):
            raise
        if len(rows) == 1:
            return [DeadRow(origins[0], "refused", str(error), writer.value_of(origins[0]))]
    half = len(rows) // 2
    return [
        *await _insert_halving(connection, writer, rows[:half], origins[:half]),
        *await _insert_halving(connection, writer, rows[half:], origins[half:]),
    ]
