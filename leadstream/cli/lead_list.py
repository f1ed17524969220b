"""`leadstream lead list`: the leads of a tenant, best first."""

import csv
import sys
from dataclasses import fields
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from leadstream.cli.console import cell, err, out, printable, rounded_down, run
from leadstream.cli.errors import CliError
from leadstream.projection.lead_list import Listed
from leadstream.projection.queries import Tables, reading
from leadstream.records.times import rfc3339
from leadstream.settings import Settings

COLUMNS = tuple(field.name for field in fields(Listed))
NAMES_SHOWN = 10


def list_leads(
    tenant: Annotated[str, typer.Argument(help="Whose leads.")],
    band: Annotated[str | None, typer.Option(help="Only those in this band.")] = None,
    stage: Annotated[str | None, typer.Option(help="Only those in this stage.")] = None,
    owner: Annotated[
        str | None, typer.Option(help='Only those of this owner; "" for those of nobody.')
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="The most leads.")] = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """The leads of a tenant with the highest scores at this moment, and when each was last active.

    Scores fade, so the order is that of now, not that of the last signals. Leads with the same score are in
    the order of their exact totals.
    """
    if as_csv and as_json:
        raise typer.BadParameter("one of the two, not both", param_hint="--csv, --json")
    found = run(_found(tenant, limit, {"band": band, "stage": stage, "owner": owner}))
    shown = found[:limit]
    if as_json:
        rows = [dict(zip(COLUMNS, _plain(lead), strict=True)) for lead in shown]
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(COLUMNS)
        writer.writerows([["" if value is None else value for value in _plain(lead)] for lead in shown])
    elif found:
        out.print(_table(tenant, shown))
    if not found:
        err.print(printable(f"no lead of {tenant} is among these"), markup=False, highlight=False)
    elif len(found) > limit and not as_csv and not as_json:
        err.print(f"the first {limit:,}; there are more: --limit", markup=False, highlight=False)


async def _found(tenant: str, limit: int, narrowed: dict[str, str | None]) -> list[Listed]:
    """One more than the limit, if there are. Names that the tenant does not have are refused."""
    settings = Settings()
    async with reading(settings.postgres_dsn.get_secret_value(), settings.postgres_schema) as tables:
        found = await tables.listed(tenant, limit + 1, **narrowed)
        if not found:
            await _refuse_unknown(tables, tenant, narrowed)
        return found


async def _refuse_unknown(tables: Tables, tenant: str, narrowed: dict[str, str | None]) -> None:
    tenants = await tables.tenants()
    if tenant not in tenants:
        there = f"there are: {_several(tenants)}" if tenants else "there are no leads at all yet"
        raise CliError(printable(f"no tenant {tenant} has leads"), printable(there))
    for kind, name in narrowed.items():
        known = await tables.names(kind, tenant) if name else []
        if name and name not in known:
            near = get_close_matches(name.casefold(), known, 1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            there = f"there are: {_several(known)}" if known else "there are none"
            raise typer.BadParameter(
                printable(f"{tenant} has no {kind} {name}{meant}; {there}"), param_hint=f"--{kind}"
            )


def _several(names: list[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")


def _plain(lead: Listed) -> list[Any]:
    values = {name: getattr(lead, name) for name in COLUMNS}
    at = values["last_activity"]
    return [*{**values, "last_activity": None if at is None else rfc3339(at)}.values()]


def _table(tenant: str, leads: list[Listed]) -> Table:
    table = Table(title=cell(f"Leads of {tenant}, best first"), title_justify="left")
    table.add_column("lead", overflow="fold")
    for name in ("score", "total"):
        table.add_column(name, justify="right")
    for name in ("band", "stage", "owner"):
        table.add_column(name, overflow="fold")
    table.add_column("last activity", no_wrap=True)
    for lead in leads:
        at = "never" if lead.last_activity is None else rfc3339(lead.last_activity)
        score = "" if lead.score is None else str(lead.score)
        total = "unknown" if lead.total is None else rounded_down(lead.total, 2)
        names = (lead.band, lead.stage, lead.owner or "")
        table.add_row(cell(lead.lead), score, total, *map(cell, names), at)
    return table
