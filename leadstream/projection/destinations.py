"""Where changes of leads are handed to: the rows of `crm_destinations`."""

from dataclasses import dataclass
from typing import Literal, get_args

from leadstream.projection.database import connect, translated
from leadstream.projection.migrate import schema_state_of

Writes = Literal["every_update", "band_change"]
"""When a destination gets a lead: at each change of its row, or when it entered another band."""
WRITES = get_args(Writes)
PUT = """
INSERT INTO {schema}.crm_destinations (name, tenant_id, writes) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET tenant_id = EXCLUDED.tenant_id, writes = EXCLUDED.writes
"""
# Made when they are first wanted: each costs the projector about a twentieth of its speed.
INDEXES: dict[Writes, str] = {
    "every_update": "leads_by_log ON {schema}.leads (tenant_id, source_partition, log_offset)",
    "band_change": "leads_by_band ON {schema}.leads (tenant_id, source_partition, band_offset)",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """A reader of `crm_changes`, for the leads of one tenant."""

    name: str
    tenant: str
    writes: Writes


async def put_destination(dsn: str, schema: str, destination: Destination) -> None:
    """Makes the destination, or changes the one of that name; its tokens stay good.

    The first of its kind makes an index, for which the projector waits about a second per million leads.
    Needs the schema's owner. Raises `SchemaMismatch` and `StoreUnavailable`.
    """
    connection = await connect(dsn)
    try:
        with translated(dsn):
            (await schema_state_of(connection, schema)).check()
            async with connection.transaction():
                index = INDEXES[destination.writes].format(schema=schema)
                await connection.execute(f"CREATE INDEX IF NOT EXISTS {index}")
                values = destination.name, destination.tenant, destination.writes
                await connection.execute(PUT.format(schema=schema), *values)
    finally:
        await connection.close()
