"""The tables as the store of a projector: each step of a partition is one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from leadstream.projection.database import LOST, is_data_error, open_pool, translated, unavailable
from leadstream.projection.errors import (
    MODELS_REMEDY,
    OTHER_TOPIC_REMEDY,
    OtherTopic,
    PositionMismatch,
    SchemaMismatch,
    StoreUnavailable,
)
from leadstream.projection.migrate import VERSION_TABLE, schema_state_of
from leadstream.projection.models_in_force import settle
from leadstream.projection.months import Months
from leadstream.projection.rows import Batch, read_records, refused
from leadstream.projection.storable import DeadRow, Origin, Row
from leadstream.projection.tables import (
    ACTION_LOG,
    LEAD_SCORING_MODELS,
    LEADS,
    NEWER_LEAD,
    NEWER_MODEL,
    TARGETS,
)
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
REMOVE = """
WITH removed AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS removed (tenant_id, lead_id, log_offset)
), gone AS (
    DELETE FROM leads USING removed
    WHERE leads.tenant_id = removed.tenant_id AND leads.lead_id = removed.lead_id
)
INSERT INTO removed_leads (tenant_id, lead_id, source_partition, log_offset)
SELECT tenant_id, lead_id, $4, log_offset FROM removed
ON CONFLICT (tenant_id, lead_id)
    DO UPDATE SET source_partition = EXCLUDED.source_partition, log_offset = EXCLUDED.log_offset
"""
ENTERED = """
UPDATE leads SET band_offset = entered.band_offset
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS entered (tenant_id, lead_id, band_offset)
WHERE leads.tenant_id = entered.tenant_id AND leads.lead_id = entered.lead_id AND leads.source_partition = $4
    AND leads.band_offset < entered.band_offset AND entered.band_offset <= leads.log_offset
"""
"""A band left and entered again between two rows: the rows alone don't show it."""
NEWER = {LEADS.name: NEWER_LEAD, LEAD_SCORING_MODELS.name: NEWER_MODEL}
"""The tables whose rows are written over, and when."""
RETURNED = f"""
DELETE FROM removed_leads AS gone USING {LEADS.staging} AS back
WHERE gone.tenant_id = back.tenant_id AND gone.lead_id = back.lead_id
"""
"""So what the tables say of removals does not depend on how the records fall into steps."""
TRAIL = f"""
INSERT INTO lead_score_factors SELECT trail.*
FROM {ACTION_LOG.staging} AS logged, LATERAL factor_trail_of(
    logged.id, logged.type, logged.tenant_id, logged.lead_id, logged.at, logged.cause, logged.total_before,
    logged.total_after, logged.model, logged.signal_id, logged.signal_type, logged.factors
) AS trail
ORDER BY logged.log_partition, logged.log_offset
ON CONFLICT DO NOTHING
"""
"""What each factor contributed, once an evaluation: of its records the first in the log."""
NOTIFY = "SELECT pg_notify($1, $2)"
BURY = """
INSERT INTO projection_dead_letters
    (topic, partition, log_offset, item, reason, detail, logged_at, key, value, value_bytes, value_sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Applied:
    """What one step wrote. `rows` went to the tables (those that were there already, or are newer there,
    included), `coalesced` snapshots were replaced by later ones of the same step, `dead` rows could not be
    stored. `newest` is the highest time of the fold among the rows (epoch ms), 0 without rows."""

    rows: int
    coalesced: int
    dead: int
    newest: int


class ProjectionStore:
    """PostgreSQL as the projector writes it. Steps of different partitions may run at once.

    `topics` says what the topics hold, by name.
    """

    def __init__(self, dsn: str, schema: str, topics: Mapping[str, Kind], *, connections: int = 4) -> None:
        self._dsn = dsn
        self._schema = schema
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
        pool = await open_pool(
            self._dsn, self._schema, size=self._connections, initialize=self._create_staging
        )
        try:
            with translated(self._dsn):
                async with pool.acquire() as connection:
                    state = await schema_state_of(connection, self._schema)
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
        with translated(self._dsn):
            found = await self._opened().fetchrow(PLACE, topic, partition)
        self._months.forget()
        if found is None:
            self._begun.discard((topic, partition))
            return None
        self._begun.add((topic, partition))
        position, stored = found
        present = self.topic_ids.get(topic)
        if stored and present and stored != present:
            remedy = MODELS_REMEDY if self._topics[topic] == "models" else OTHER_TOPIC_REMEDY
            raise OtherTopic(topic, partition, stored, present, remedy)
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
            with translated(self._dsn):
                await self._months.make(self._opened(), kind, batch.rows)
                try:
                    dead = await self._write(kind, topic, partition, begin, end, batch, singly=False)
                except Exception as error:
                    if not is_data_error(error):
                        raise
                    dead = await self._write(kind, topic, partition, begin, end, batch, singly=True)
        except asyncpg.PostgresError as error:
            # It looks like an error of the data, but no row is to blame.
            raise unavailable(self._dsn, error) from None
        except SchemaMismatch:
            await self._check_schema()
            raise
        self._begun.add((topic, partition))
        rows = len(batch.rows) - (len(dead) - len(batch.dead))
        return Applied(rows, batch.coalesced, len(dead), batch.newest)

    async def _write(
        self, kind: Kind, topic: str, partition: int, begin: int, end: int, batch: Batch, *, singly: bool
    ) -> list[DeadRow]:
        move = MOVE if (topic, partition) in self._begun else MOVE_FIRST
        async with self._opened().acquire() as connection, connection.transaction():
            newest, topic_id = batch.newest or None, self.topic_ids.get(topic) or None
            if not await connection.fetchval(move, topic, partition, begin, end, newest, topic_id):
                current = await connection.fetchval(POSITION, topic, partition)
                raise PositionMismatch(topic, partition, begin, current)
            dead = batch.dead
            if singly:
                dead = dead + await _insert_halving(connection, kind, batch.rows, batch.origins)
            else:
                await _insert(connection, kind, batch.rows)
            if batch.entered:
                await connection.execute(ENTERED, *zip(*batch.entered, strict=True), partition)
            if kind == "models":
                tenants = {row[0] for row in (*batch.rows, *batch.removed)}
                await settle(connection, list(tenants), batch.removed)
            elif batch.removed:
                await connection.execute(REMOVE, *zip(*batch.removed, strict=True), partition)
            if kind == "scores" and (batch.rows or batch.removed):
                await connection.execute(NOTIFY, channel(self._schema), str(partition))
            if dead:
                await connection.executemany(BURY, [row.row(topic, partition) for row in dead])
            # Last, as a migration may have gone before a statement that waited for its locks.
            if await connection.fetchval(REVISION) != self._revision:
                raise SchemaMismatch("the schema was migrated while the step was under way")
            return dead

    async def _check_schema(self) -> None:
        """Raises `SchemaMismatch` with the remedy if the tables are another version's."""
        with translated(self._dsn):
            async with self._opened().acquire() as connection:
                state = await schema_state_of(connection, self._schema)
        state.check()

    def _opened(self) -> asyncpg.Pool:
        if self._pool is None:
            raise StoreUnavailable("the store is not open")
        return self._pool

    async def _create_staging(self, connection: asyncpg.Connection) -> None:
        await connection.execute("; ".join(TARGETS[kind].create_staging() for kind in self._topics.values()))


def channel(schema: str) -> str:
    """What to LISTEN to for changes of leads; the payload is the partition."""
    return f"{schema}_changes"


async def _insert(connection: asyncpg.Connection, kind: Kind, rows: Sequence[Row]) -> None:
    if not rows:
        return
    table = TARGETS[kind]
    await connection.copy_records_to_table(table.staging, records=rows, columns=table.names)
    newer = NEWER.get(table.name)
    await connection.execute(table.insert() if newer is None else table.upsert(newer))
    if table is LEADS:
        await connection.execute(RETURNED)
    elif table is ACTION_LOG:
        await connection.execute(TRAIL)


async def _insert_halving(
    connection: asyncpg.Connection, kind: Kind, rows: Sequence[Row], origins: Sequence[Origin]
) -> list[DeadRow]:
    """Inserts what can be and returns the rest: a part that fails is undone and tried by halves."""
    try:
        async with connection.transaction():
            await _insert(connection, kind, rows)
            await connection.execute(f"DELETE FROM {TARGETS[kind].staging}")
            return []
    except Exception as error:
        if not is_data_error(error):
            raise
        if len(rows) == 1:
            return [refused(kind, origins[0], str(error))]
    half = len(rows) // 2
    return [
        *await _insert_halving(connection, kind, rows[:half], origins[:half]),
        *await _insert_halving(connection, kind, rows[half:], origins[half:]),
    ]
