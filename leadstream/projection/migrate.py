"""The schema of the tables: where it stands, and moving it to this version's."""

from dataclasses import dataclass
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from leadstream.projection.database import MIGRATE, check_schema_name, connect, place, translated
from leadstream.projection.errors import SchemaMismatch, StoreUnavailable
from leadstream.projection.policies import granted, renew

VERSION_TABLE = "alembic_version"
LOCK = 0x6C656164_73747265
"""The advisory lock under which a schema is changed ("leadstre"), one for all schemas of a database."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a schema stands. `current` is None where there is none yet; `pending` are the revisions to come,
    with their titles; `known` is false when the schema was made by a later version of LeadStream, or is
    `too_old`: at a revision before the first that can be migrated."""

    schema: str
    current: str | None
    head: str
    pending: tuple[tuple[str, str], ...]
    known: bool
    too_old: bool

    def check(self) -> None:
        """Raises `SchemaMismatch` unless the schema is this version's."""
        if self.too_old:
            raise SchemaMismatch(
                f"schema {self.schema} is at revision {self.current}, too old to be migrated: "
                "run `leadstream db rebuild`"
            )
        if not self.known:
            raise SchemaMismatch(
                f"schema {self.schema} is at revision {self.current}, which this version of LeadStream "
                f"(revision {self.head}) does not know: run the newer version that migrated it"
            )
        if self.current is None:
            raise SchemaMismatch(f"schema {self.schema} has no tables of LeadStream: {MIGRATE}")
        if self.pending:
            raise SchemaMismatch(
                f"schema {self.schema} is at revision {self.current}, this version needs {self.head}: "
                f"{MIGRATE}"
            )


async def migrate(dsn: str, schema: str) -> SchemaState:
    """Brings the schema to this version's, all in one transaction, and returns where it stood before.

    Any number of callers may do so at once: one works, the others wait for it and find nothing to do.
    Raises `StoreUnavailable`, and `SchemaMismatch` for a schema of a later version or one too old.
    """
    check_schema_name(schema)
    # Parsed by asyncpg as everywhere else; SQLAlchemy's own idea of a URL differs.
    connected = await connect(dsn)

    async def creator() -> asyncpg.Connection:
        return connected

    engine = create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
    with translated(dsn):
        try:
            async with engine.begin() as connection:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                before = await connection.run_sync(_upgrade, schema)
                if before.pending and before.current is not None:
                    # In the same transaction, and on its search_path.
                    await renew(connected, await granted(connected))
        except DBAPIError as error:
            reason = error.orig.__cause__ if error.orig is not None else error
            raise StoreUnavailable(
                f"PostgreSQL at {place(dsn)} refused the migration: {str(reason).splitlines()[0]}"
            ) from None
    return before


async def schema_state(dsn: str, schema: str) -> SchemaState:
    """Where the schema stands; changes nothing. Raises `StoreUnavailable`."""
    check_schema_name(schema)
    connection = await connect(dsn)
    with translated(dsn):
        try:
            return await schema_state_of(connection, schema)
        finally:
            await connection.close()


async def schema_state_of(connection: asyncpg.Connection, schema: str) -> SchemaState:
    """Where the schema stands, on an open connection."""
    if await connection.fetchval("SELECT to_regclass($1)", f"{schema}.{VERSION_TABLE}") is None:
        return _state(schema, None)
    return _state(schema, await connection.fetchval(f"SELECT version_num FROM {schema}.{VERSION_TABLE}"))


def _upgrade(connection: Connection, schema: str) -> SchemaState:
    table = connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"{schema}.{VERSION_TABLE}"})
    current = connection.scalar(text(f"SELECT version_num FROM {schema}.{VERSION_TABLE}")) if table else None
    state = _state(schema, current)
    if not state.known:
        state.check()
    if state.pending:
        # IF NOT EXISTS would ask for the right to create schemas even where there is this one.
        if connection.scalar(text("SELECT to_regnamespace(:name)"), {"name": schema}) is None:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        connection.execute(text(f"SET LOCAL search_path TO {schema}"))
        config = alembic_config()
        config.attributes.update(connection=connection, schema=schema)
        command.upgrade(config, "head")
    return state


def alembic_config() -> Config:
    """Where alembic finds the revisions."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _state(schema: str, current: str | None) -> SchemaState:
    scripts = ScriptDirectory.from_config(alembic_config())
    # From the newest to the oldest.
    revisions = list(scripts.walk_revisions())
    ids = [revision.revision for revision in revisions]
    known = current is None or current in ids
    ahead = revisions[: ids.index(current)] if current in ids else revisions
    pending = tuple((revision.revision, revision.doc) for revision in reversed(ahead)) if known else ()
    # Revisions are numbers of four digits.
    too_old = current is not None and current < ids[-1]
    return SchemaState(schema, current, ids[0], pending, known, too_old)
