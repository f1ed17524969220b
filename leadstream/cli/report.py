"""`leadstream report`: what the tables say about a tenant's leads."""

import csv
import sys
from collections.abc import Callable
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from leadstream.cli import report_charts as charts
from leadstream.cli.charts import Bars, terminal_bars, write_bars
from leadstream.cli.console import cell, err, out, printable, run
from leadstream.cli.drawing import NoPlot, PlotFile, print_plot, write_file
from leadstream.cli.errors import CliError
from leadstream.projection import reports
from leadstream.projection.queries import TENANTS
from leadstream.projection.reports import Question, Report
from leadstream.records.times import parse_instant
from leadstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Reports on a tenant's leads: tables, plots, CSV, JSON.")


class Form(StrEnum):
    """How a report is printed."""

    table = "table"
    csv = "csv"
    json = "json"


class Period(StrEnum):
    """How first signals fall into cohorts, in UTC."""

    week = "week"
    month = "month"
    quarter = "quarter"


Tenant = Annotated[str, typer.Argument(help="Whose leads.")]
Format = Annotated[Form, typer.Option("--format", help="For a person, a spreadsheet or a program.")]
Days = Annotated[int, typer.Option(min=1, max=reports.MAX_DAYS, help="How far back, in days of 24 hours.")]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="The most rows.")]
Qualified = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LEVEL",
        help="What makes a lead qualified: a threshold (50), stage:mql, band:hot; the first of several. "
        "Default 50.",
    ),
]
Converted = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STATUS", help="A status that is a conversion, as status.changed names it. Default won."
    ),
]


@app.callback()
def group() -> None:
    """Reports on a tenant's leads: tables, plots, CSV, JSON."""


@app.command(epilog="Example: leadstream report distribution acme --plot spread.svg")
def distribution(
    tenant: Tenant, form: Format = Form.table, plot: PlotFile = None, no_plot: NoPlot = False
) -> None:
    """How present scores spread over the bands: how many, mean and median."""
    title = f"Scores of {tenant}"
    found, histogram = asked(tenant, (reports.DISTRIBUTION, (tenant,)), (reports.HISTOGRAM, (tenant,)))
    show(title, found, lambda: charts.distribution(title, found, histogram), form, plot, no_plot)


@app.command(epilog="Example: leadstream report stages acme")
def stages(tenant: Tenant, form: Format = Form.table, plot: PlotFile = None, no_plot: NoPlot = False) -> None:
    """The leads in each stage, by band, and their scores now."""
    title = f"Stages at {tenant}"
    found, spread = asked(tenant, (reports.STAGES, (tenant,)), (reports.DISTRIBUTION, (tenant,)))
    show(title, found, lambda: charts.by_band(title, found, spread), form, plot, no_plot)


@app.command(epilog="Example: leadstream report movers acme --days 30 --format csv")
def movers(
    tenant: Tenant,
    days: Days = 30,
    limit: Limit = 20,
    counts: Annotated[
        bool, typer.Option("--counts", help="Only how many leads rose, fell and stayed, in any format.")
    ] = False,
    form: Format = Form.table,
    plot: PlotFile = None,
    no_plot: NoPlot = False,
) -> None:
    """How many scores rose, fell and stayed, and the leads whose scores changed most.

    The score before is that before the lead's first signal in the time, or at its beginning without one. It
    rose or fell if the shown score did.
    """
    title = f"Movers of {tenant} in {days} days"
    moved, found = asked(tenant, (reports.MOVED, (tenant, days)), (reports.MOVERS, (tenant, days, limit)))
    if counts and plot is not None:
        raise typer.BadParameter("the plot is of the movers, not of the counts", param_hint="--counts")
    if counts or form is Form.table:
        show(
            f"Scores of {tenant} in {days} days", moved, lambda: charts.movers(title, found), form, None, True
        )
    if not counts:
        show(title, found, lambda: charts.movers(title, found), form, plot, no_plot)


@app.command("top-actions", epilog="Example: leadstream report top-actions acme --days 7")
def top_actions(
    tenant: Tenant,
    days: Days = 30,
    limit: Limit = 20,
    form: Format = Form.table,
    plot: PlotFile = None,
    no_plot: NoPlot = False,
) -> None:
    """What leads did that added most points, by type of signal."""
    title = f"What scored at {tenant} in {days} days"
    [found] = asked(tenant, (reports.TOP_ACTIONS, (tenant, days, limit)))
    show(title, found, lambda: charts.top_actions(title, found), form, plot, no_plot)


@app.command(epilog="Example: leadstream report funnel acme --qualified stage:mql --qualified stage:sql")
def funnel(
    tenant: Tenant,
    days: Days = 90,
    until: Annotated[
        str | None, typer.Option(help="The end of the time, RFC 3339 or epoch milliseconds; without it, now.")
    ] = None,
    qualified: Qualified = None,
    converted: Converted = None,
    form: Format = Form.table,
    plot: PlotFile = None,
    no_plot: NoPlot = False,
) -> None:
    """The way to a customer: lead-to-MQL rate, qualified-to-converted rate, time to conversion.

    Counted are the leads whose first signal came in the time, however long they took from there. Qualified
    counts if it came before the conversion.
    """
    levels = levels_of(qualified)
    try:
        end = None if until is None else parse_instant(until)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None
    values = (tenant, days, end, levels, converted or ["won"])
    title = f"Leads of {tenant} that came in {days} days" + (f" until {until}" if until else "")
    found, reached = asked(tenant, (reports.FUNNEL, values), (reports.REACHED, (tenant,)))
    warn_of_unknown(tenant, levels, reached)
    show(title, found, lambda: charts.funnel(title, found), form, plot, no_plot)


@app.command(epilog="Example: leadstream report cohorts acme --by month --last 6 --qualified 50")
def cohorts(
    tenant: Tenant,
    by: Annotated[Period, typer.Option(help="How long a cohort is, in UTC.")] = Period.month,
    last: Annotated[int, typer.Option(min=1, max=520, help="How many, the present one included.")] = 6,
    qualified: Qualified = None,
    converted: Converted = None,
    form: Format = Form.table,
    plot: PlotFile = None,
    no_plot: NoPlot = False,
) -> None:
    """The rates of `funnel` by week, month or quarter of the first signal, in per cent, and median hours.

    The youngest cohorts had the least time to qualify and convert.
    """
    levels = levels_of(qualified)
    values = (tenant, by.value, last, levels, converted or ["won"])
    title = f"Leads of {tenant} by {by.value} of their first signal"
    found, reached = asked(tenant, (reports.COHORTS, values), (reports.REACHED, (tenant,)))
    warn_of_unknown(tenant, levels, reached)
    show(title, found, lambda: charts.cohorts(title, found), form, plot, no_plot)


@app.command(epilog="Example: leadstream report outcomes acme --days 30")
def outcomes(
    tenant: Tenant,
    days: Days = 30,
    converted: Converted = None,
    form: Format = Form.table,
    plot: PlotFile = None,
    no_plot: NoPlot = False,
) -> None:
    """What came of each action: requested and withheld, delay, answers of leads, conversions."""
    title = f"Actions at {tenant} in {days} days"
    [found] = asked(tenant, (reports.OUTCOMES, (tenant, days, converted or ["won"])))
    show(title, found, lambda: charts.outcomes(title, found), form, plot, no_plot)


@app.command(epilog="Example: leadstream report owners acme --format json")
def owners(tenant: Tenant, form: Format = Form.table, plot: PlotFile = None, no_plot: NoPlot = False) -> None:
    """The leads of each owner, by band, and their scores now."""
    title = f"Owners at {tenant}"
    found, spread = asked(tenant, (reports.OWNERS, (tenant,)), (reports.DISTRIBUTION, (tenant,)))
    show(title, found, lambda: charts.by_band(title, found, spread), form, plot, no_plot)


def levels_of(qualified: list[str] | None) -> list[str]:
    """`threshold:50.0`, `stage:mql`, `band:hot` of what was typed."""
    levels = []
    for level in qualified or ["50"]:
        kind, _, name = level.rpartition(":")
        if kind in ("stage", "band") and name:
            levels.append(level)
            continue
        try:
            if kind not in ("", "threshold") or not isfinite(float(name)):
                raise ValueError
        except ValueError:
            raise typer.BadParameter(
                f"{level!r} is neither a threshold (50) nor stage:NAME or band:NAME", param_hint="--qualified"
            ) from None
        levels.append(f"threshold:{float(name)}")
    return levels


def warn_of_unknown(tenant: str, levels: list[str], reached: Report) -> None:
    """Says which of the levels no lead has ever reached, as a slip of the pen gives a funnel of zeros."""
    known = [str(level) for (level,) in reached.rows]
    names = {threshold_name(level) for level in known}
    for level in levels:
        if threshold_name(level) not in names:
            there = f"reached so far: {', '.join(sorted(names))}" if names else "none has been reached so far"
            err.print(
                printable(f"no lead of {tenant} has ever risen to {threshold_name(level)}; {there}"),
                highlight=False, markup=False,
            )  # fmt: skip


def threshold_name(level: str) -> str:
    """As a person types it: `50` for `threshold:50.0`."""
    kind, _, name = level.partition(":")
    return f"{float(name):g}" if kind == "threshold" else level


def asked(tenant: str, *questions: Question) -> list[Report]:
    """The answers of the tables on a tenant, as of one moment. Raises `CliError` for one of which they have
    nothing, as a slip of the pen gives zeros."""
    settings = Settings()
    dsn, schema = settings.postgres_dsn.get_secret_value(), settings.postgres_schema
    there = ((reports.KNOWN, (tenant,)), (TENANTS, ()))
    *found, known, tenants = run(reports.ask(dsn, schema, *questions, *there))
    if not known.rows[0][0]:
        names = [str(name) for (name,) in tenants.rows]
        some = f"there are: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
        raise CliError(
            printable(f"no tenant {tenant} has leads"),
            printable(some if names else "there are no leads at all yet"),
        )
    return found


def show(
    title: str, report: Report, bars: Callable[[], Bars], form: Form, plot: Path | None, no_plot: bool
) -> None:
    """Prints a report and draws it."""
    if plot is not None:
        if not report.rows:
            raise CliError(
                "there is nothing to plot: the report is empty",
                "name a longer time with --days, or let `leadstream doctor` look at the projector",
            )
        write_file(lambda path: write_bars(bars(), path), plot)
    if form is Form.json:
        rows = [dict(zip(report.columns, row, strict=True)) for row in report.rows]
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif form is Form.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(report.columns)
        writer.writerows([[plain(value) for value in row] for row in report.rows])
    else:
        out.print(table(title, report))
        if report.rows and not no_plot:
            print_plot(lambda width: terminal_bars(bars(), width))


def table(title: str, report: Report) -> Table:
    """The report for a terminal."""
    found = Table(title=cell(title), title_justify="left")
    for index, name in enumerate(report.columns):
        numbers = any(isinstance(row[index], int | float) for row in report.rows)
        found.add_column(name.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
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
