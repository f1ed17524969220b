"""How the rows of each kind of records get into PostgreSQL, within the transaction of their step."""

from collections.abc import Sequence

import asyncpg

from leadstream.projection.batch import Batch
from leadstream.projection.errors import MODELS_REMEDY, OTHER_TOPIC_REMEDY
from leadstream.projection.history_rows import entry_of
from leadstream.projection.models_in_force import settle
from leadstream.projection.storable import Origin, Row
from leadstream.projection.tables import ACTION_LOG, LEADS, NEWER_LEAD, NEWER_MODEL, TARGETS, Table
from leadstream.records.outputs import Kind

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


class Writer:
    """The rows of a log: each is written once, and stays."""

    remedy = OTHER_TOPIC_REMEDY
    """What to do where the topic is another than the one that was projected."""

    def __init__(self, table: Table) -> None:
        self.create_staging = table.create_staging()
        self._table = table
        self._statements = self.statements(table)

    def statements(self, table: Table) -> tuple[str, ...]:
        """What moves the rows on from the staging table."""
        return (table.insert(),)

    async def insert(self, connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Writes the rows. They stay in the staging table until the transaction ends, or `clear`."""
        if not rows:
            return
        table = self._table
        await connection.copy_records_to_table(table.staging, records=rows, columns=table.names)
        for statement in self._statements:
            await connection.execute(statement)

    async def clear(self, connection: asyncpg.Connection) -> None:
        """Makes the staging table ready for other rows of the same transaction."""
        await connection.execute(f"DELETE FROM {self._table.staging}")

    async def finish(self, connection: asyncpg.Connection, schema: str, partition: int, batch: Batch) -> None:
        """What else the step says, once its rows are written."""

    def value_of(self, origin: Origin) -> bytes | None:
        """The part of a record that a row comes from, for its dead letter."""
        return origin.record.value


class HistoryWriter(Writer):
    """Of a record with many rows a dead letter has the one."""

    def value_of(self, origin: Origin) -> bytes | None:
        return entry_of(origin)


class ActionWriter(Writer):
    """Actions bring the trail of factors with them."""

    def statements(self, table: Table) -> tuple[str, ...]:
        return (table.insert(), TRAIL)


class LeadWriter(Writer):
    """Of each lead the newest row; it may be removed, and come back."""

    def statements(self, table: Table) -> tuple[str, ...]:
        return (table.upsert(NEWER_LEAD), RETURNED)

    async def finish(self, connection: asyncpg.Connection, schema: str, partition: int, batch: Batch) -> None:
        if batch.entered:
            await connection.execute(ENTERED, *zip(*batch.entered, strict=True), partition)
        if batch.removed:
            await connection.execute(REMOVE, *zip(*batch.removed, strict=True), partition)
        if batch.rows or batch.removed:
            await connection.execute(NOTIFY, channel(schema), str(partition))


class ModelWriter(Writer):
    """Of each model the newest row; of each tenant one is in force."""

    remedy = MODELS_REMEDY

    def statements(self, table: Table) -> tuple[str, ...]:
        return (table.upsert(NEWER_MODEL),)

    async def finish(self, connection: asyncpg.Connection, schema: str, partition: int, batch: Batch) -> None:
        tenants = {row[0] for row in (*batch.rows, *batch.removed)}
        await settle(connection, list(tenants), batch.removed)


WRITERS: dict[Kind, Writer] = {
    "scores": LeadWriter(TARGETS["scores"]),
    "history": HistoryWriter(TARGETS["history"]),
    "actions": ActionWriter(TARGETS["actions"]),
    "decisions": Writer(TARGETS["decisions"]),
    "models": ModelWriter(TARGETS["models"]),
}


def channel(schema: str) -> str:
    """What to LISTEN to for changes of leads; the payload is the partition."""
    return f"{schema}_changes"
