"""A schema as an earlier version left it."""

import asyncpg
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from leadstream.projection.migrate import alembic_config


async def migrate_to(dsn: str, schema: str, revision: str) -> None:
    """Makes the schema with the tables of that revision."""

    def upgrade(connection: Connection) -> None:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
        connection.execute(text(f"SET LOCAL search_path TO {schema}"))
        config = alembic_config()
        config.attributes.update(connection=connection, schema=schema)
        command.upgrade(config, revision)

    async def creator() -> asyncpg.Connection:
        return await asyncpg.connect(dsn)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)


async def copy_rows(dsn: str, table: str, source: str, target: str) -> None:
    """Copies the rows of a table between schemas, as far as the target has the columns."""
    connection = await asyncpg.connect(dsn)
    columns = await connection.fetchval(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
        "WHERE table_schema = $1 AND table_name = $2",
        target,
        table,
    )
    await connection.execute(
        f"INSERT INTO {target}.{table} ({columns}) SELECT {columns} FROM {source}.{table}"
    )
    await connection.close()
