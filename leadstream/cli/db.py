"""`leadstream db`: the schema in PostgreSQL."""

import asyncio
from typing import Annotated

import typer

from leadstream.cli.console import run
from leadstream.projection.access import grant as give_rights
from leadstream.projection.database import place
from leadstream.projection.destinations import Destination, Writes, put_destination
from leadstream.projection.errors import SchemaMismatch
from leadstream.projection.migrate import migrate as run_migrations
from leadstream.projection.migrate import schema_state
from leadstream.projection.months import retain as drop_months
from leadstream.projection.policies import Access
from leadstream.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="The PostgreSQL schema: its tables, rights, months, destinations."
)


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


@app.command(epilog="Example: leadstream db grant --writer projector --reader crm")
def grant(
    writer: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="Runs the projector; writes, and makes months.")
    ] = None,
    reader: Annotated[
        list[str] | None, typer.Option(metavar="ROLE", help="Reads the leads of all tenants.")
    ] = None,
    tenant_reader: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="Reads the tenant in its setting leadstream.tenant, no other."),
    ] = None,
) -> None:
    """Give roles of PostgreSQL what they need and no more; what they had in the schema before is taken away.

    Run it as the schema's owner. The first tenant reader turns row-level security on.
    """
    wanted: list[tuple[str, Access]] = [
        *((role, "writer") for role in writer or ()),
        *((role, "reader") for role in reader or ()),
        *((role, "tenant_reader") for role in tenant_reader or ()),
    ]
    if not wanted:
        raise typer.BadParameter("name a role", param_hint="--writer, --reader or --tenant-reader")
    settings = Settings()
    dsn, schema = settings.postgres_dsn.get_secret_value(), settings.postgres_schema
    for role, access in wanted:
        asyncio.run(give_rights(dsn, schema, role, access))
        print(f"{role} is a {access.replace('_', ' ')} of schema {schema}")


@app.command(epilog="Example: leadstream db retain --keep-months 24")
def retain(
    keep_months: Annotated[
        int, typer.Option(min=0, max=1200, help="Whole months kept beside the present one.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Drop old months of score_events and lead_score_factors; scores, actions and decisions stay.

    Run it as the schema's owner, daily if you like: it does nothing when nothing is old enough.
    """
    settings = Settings()
    dsn, schema = settings.postgres_dsn.get_secret_value(), settings.postgres_schema
    done = asyncio.run(drop_months(dsn, schema, keep_months, dry=dry_run))
    verb = "would drop" if dry_run else "dropped"
    for name in done.months:
        print(f"{verb} {name}")
    if done.rows:
        print(f"{verb} {done.rows:,} rows of no month's partition")
    print(f"history of schema {schema} is kept from {done.since} on")


@app.command(epilog="Example: leadstream db destination hubspot --tenant acme --writes band_change")
def destination(
    name: Annotated[str, typer.Argument(help="What it calls itself in crm_changes.")],
    tenant: Annotated[str, typer.Option(help="Whose leads it gets.")],
    writes: Annotated[
        Writes, typer.Option(help="At each change of a lead, or when it enters another band.")
    ] = "every_update",
) -> None:
    """Name a destination that changes of leads are handed to, or change its settings."""
    settings = Settings()
    dsn, schema = settings.postgres_dsn.get_secret_value(), settings.postgres_schema
    asyncio.run(put_destination(dsn, schema, Destination(name, tenant, writes)))
    print(f"{name} gets the leads of {tenant} ({writes}): SELECT * FROM {schema}.crm_changes('{name}')")


@app.command(epilog="Example: leadstream db rebuild")
def rebuild() -> None:
    """Make all tables anew from the topics, check them, and put them in the place of the live ones at once.

    The live tables are read and written meanwhile as before; a running projector goes on by itself. They stay
    as <schema>_old. Run it as the owner of the schema, with the right to make schemas.
    """
    from leadstream.cli.db_rebuild import rebuild as run_rebuild

    run(run_rebuild(Settings()))
