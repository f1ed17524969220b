"""`leadstream db`: the schema in PostgreSQL."""

import asyncio

import typer

from leadstream.projection.database import place
from leadstream.projection.errors import SchemaMismatch
from leadstream.projection.migrate import migrate as run_migrations
from leadstream.projection.migrate import schema_state
from leadstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The PostgreSQL schema: migrate, status.")


@app.command(epilog="Example: LEADSTREAM_POSTGRES_DSN=postgresql://localhost/crm leadstream db migrate")
def migrate() -> None:
    """Make the tables, or bring them to this version; safe at any time and from several places at once."""
    settings = Settings()
    before = asyncio.run(run_migrations(settings.postgres_dsn.get_secret_value(), settings.postgres_schema))
    for revision, title in before.pending:
        print(f"applied {revision}: {title}")
    print(f"schema {before.schema} is at revision {before.head}")


@app.command(epilog="Example: leadstream db status")
def status() -> None:
    """Say which revision the tables have and what is missing. Exit code 1 unless they are this version's."""
    settings = Settings()
    dsn = settings.postgres_dsn.get_secret_value()
    state = asyncio.run(schema_state(dsn, settings.postgres_schema))
    current = "no tables" if state.current is None else f"revision {state.current}"
    print(f"PostgreSQL {place(dsn)}, schema {state.schema}: {current}; this version has {state.head}")
    for revision, title in state.pending:
        print(f"pending {revision}: {title}")
    try:
        state.check()
    except SchemaMismatch as mismatch:
        print(mismatch)
        raise typer.Exit(1) from None
