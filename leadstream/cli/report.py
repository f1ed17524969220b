"""`leadstream report`: what the tables say about a tenant's leads."""

import csv
import sys
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from leadstream.cli.console import cell, out, run
from leadstream.projection import reports
from leadstream.projection.reports import Report
from leadstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Reports on a tenant's leads: tables, CSV, JSON.")


class Form(StrEnum):
    """How a report is printed."""

    table = "table"
    csv = "csv"
    json = "json"


Tenant = Annotated[str, typer.Argument(help="Whose leads.")]
Format = Annotated[Form, typer.Option("--format", help="For a person, a spreadsheet or a program.")]
Days = Annotated[int, typer.Option(min=1, max=reports.MAX_DAYS, help="How far back, in days of 24 hours.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="The most rows.")]


@app.callback()
def group() -> None:
    """Reports on a tenant's leads: tables, CSV, JSON."""


@app.command(epilog="Example: leadstream report distribution acme")
def distribution(tenant: Tenant, form: Format = Form.table) -> None:
    """How present scores spread over the bands: how many, mean and median."""
    show(f"Scores of {tenant}", form, reports.DISTRIBUTION, tenant)


@app.command(epilog="Example: leadstream report movers acme --days 30 --format csv")
def movers(tenant: Tenant, days: Days = 30, limit: Limit = 20, form: Format = Form.table) -> None:
    """The leads whose scores changed most, up or down.

    The score before is that before the lead's first signal in the time, or at its beginning without one.
    """
    show(f"Movers of {tenant} in {days} days", form, reports.MOVERS, tenant, days, limit)


@app.command("top-actions", epilog="Example: leadstream report top-actions acme --days 7")
def top_actions(tenant: Tenant, days: Days = 30, limit: Limit = 20, form: Format = Form.table) -> None:
    """What leads did that added most points, by type of signal."""
    show(f"What scored at {tenant} in {days} days", form, reports.TOP_ACTIONS, tenant, days, limit)


@app.command(
    epilog="Example: leadstream report funnel acme --qualified 50 --converted won --converted customer"
)
def funnel(
    tenant: Tenant,
    days: Days = 90,
    qualified: Annotated[float, typer.Option(help="The threshold whose crossing qualifies a lead.")] = 50.0,
    converted: Annotated[
        list[str] | None, typer.Option(help="A status that is a conversion, as status.changed names it: won.")
    ] = None,
    form: Format = Form.table,
) -> None:
    """How many of the leads that came in the time qualified and converted, and after how long."""
    show(
        f"Leads of {tenant} that came in {days} days", form,
        reports.FUNNEL, tenant, days, qualified, converted or ["won"],
    )  # fmt: skip


@app.command(epilog="Example: leadstream report owners acme --format json")
def owners(tenant: Tenant, form: Format = Form.table) -> None:
    """The leads of each owner, by band, and their scores now."""
    show(f"Owners at {tenant}", form, reports.OWNERS, tenant)


def show(title: str, form: Form, query: str, *values: Any) -> None:
    """Asks and prints."""
    settings = Settings()
    dsn = settings.postgres_dsn.get_secret_value()
    report = run(reports.ask(dsn, settings.postgres_schema, query, *values))
    if form is Form.json:
        rows = [dict(zip(report.columns, row, strict=True)) for row in report.rows]
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif form is Form.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(report.columns)
        writer.writerows([[plain(value) for value in row] for row in report.rows])
    else:
        out.print(table(title, report))


def table(title: str, report: Report) -> Table:
    """The report for a terminal."""
    found = Table(title=cell(title), title_justify="left")
    for index, name in enumerate(report.columns):
        numbers = any(isinstance(row[index], int | float) for row in report.rows)
        found.add_column(name.replace("_", " "), justify="right" if numbers else "left")
    for row in report.rows:
        found.add_row(*(shown(value) for value in row))
    return found


def shown(value: Any) -> str:
    """A value for a person."""
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else cell(str(plain(value)))


def plain(value: Any) -> Any:
    """A value for a cell of CSV: nothing for none, `cold 3, hot 1` for bands."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in sorted(value.items()))
    return "" if value is None else value
