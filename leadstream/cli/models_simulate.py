"""`leadstream models simulate`: a model tried on a script of signals."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from leadstream.cli.console import cell, err, opened, out, printable
from leadstream.cli.drawing import NoPlot, PlotFile, print_plot, write_file
from leadstream.cli.errors import CliError
from leadstream.models import load_catalog
from leadstream.offline.script import ScriptSignal, parse_moment, read_script
from leadstream.offline.what_if import Course, Event, Trajectory
from leadstream.offline.what_if import simulate as run
from leadstream.records.times import DAY, LAST, rfc3339
from leadstream.scoring.kernels.kernel import score_of

AFTER = 30 * DAY
"""How long after the last signal it goes on, unless told, in ms."""
STYLES = {"crossing": "bold", "requested": "green", "skipped": "yellow", "rejected": "red", "trigger": "bold"}


def simulate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A preset or a rule file.")],
    script: Annotated[
        Path, typer.Argument(metavar="SCRIPT", help="Signals with times, YAML or NDJSON; - is stdin.")
    ],
    until: Annotated[
        str | None,
        typer.Option(help="Where it ends: a time, or one after the last signal (+60d). Default +30d."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="All of it as one JSON object, without a plot.")
    ] = False,
    plot: PlotFile = None,
    no_plot: NoPlot = False,
) -> None:
    """Try a model on a few signals: what happens when and why, the total with its factors, and plots of them.

    The script lists signals in the order of their arrival, `{at: 2026-01-05T09:00:00Z, type: email.opened}`,
    with source and data as they need; `at` may be relative to the signal before: `+3d`, `+2h30m`. Timers
    fire and the total decays up to the end.
    """
    catalog = load_catalog(model)
    with opened(script) as file:
        try:
            text = file.read().decode()
        except UnicodeDecodeError as error:
            raise CliError(f"{script} is no UTF-8: {error}", "") from None
    signals = read_script(text, str(script))
    found = run(catalog, signals, end_of(until, signals))
    if found.left_out:
        err.print(f"{found.left_out:,} signals after the end left out", highlight=False)
    label = catalog.default.label
    if plot is not None:
        write(plot, label, found)
    if json:
        print(msgspec.json.format(msgspec.json.encode(as_json(label, found)), indent=2).decode())
        return
    out.print(events_table(label, found))
    for course in found.courses.values():
        out.print(factors_table(course))
        if not no_plot:
            show(label, course, found)


def end_of(until: str | None, signals: list[ScriptSignal]) -> int:
    """The instant (epoch ms) at which the simulation ends."""
    last = max(signal.received_at for signal in signals)
    if until is None:
        return min(last + AFTER, LAST)
    try:
        end = parse_moment(until).after(last)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None
    if end > LAST:
        raise typer.BadParameter("the end is after the year 9999", param_hint="--until")
    return end


def write(path: Path, title: str, found: Trajectory) -> None:
    """Writes the plot of all leads."""
    from leadstream.cli.plots import write_plot

    if not found.courses:
        raise CliError("there is nothing to plot: no signal came before the end", "move --until")
    write_file(lambda path: write_plot(path, title, list(found.courses.values()), found.events), path)


def show(title: str, course: Course, found: Trajectory) -> None:
    """Prints the plot of a lead."""
    from leadstream.cli.plots import terminal_plot

    print_plot(lambda width: terminal_plot(title, course, found.events, width))


def events_table(label: str, found: Trajectory) -> Table:
    """What happened, in its order."""
    table = Table(title=f"{cell(label)} until {rfc3339(found.until)}", title_justify="left")
    several = len({(event.tenant, event.lead) for event in found.events}) > 1
    staged = any(event.stage for event in found.events)
    table.add_column("time", no_wrap=True)
    if several:
        table.add_column("lead")
    table.add_column("what")
    table.add_column("why")
    table.add_column("total", justify="right")
    table.add_column("score", justify="right")
    table.add_column("band")
    if staged:
        table.add_column("stage")
    for event in found.events:
        signal = event.kind in ("signal", "rejected")
        what = cell(event.what if signal else f"  {event.what}")
        row = [rfc3339(event.at), *([cell(f"{event.tenant}:{event.lead}")] if several else []), what]
        row += [cell(event.why), f"{event.total:,.2f}", str(event.score), cell(event.band)]
        table.add_row(*row, *([cell(event.stage)] if staged else []), style=STYLES.get(event.kind))
    return table


def factors_table(course: Course) -> Table:
    """What the total is made of at the end, caps included."""
    title = f"{printable(course.tenant)}:{printable(course.lead)} at {rfc3339(course.until)}"
    table = Table(title=Text(title), title_justify="left", show_footer=True)
    total = course.total(course.until)
    band, stage = course.standing
    table.add_column("factor", "total")
    table.add_column("category", cell(f"score {score_of(total)}, {band}{stage and f', {stage}'}"))
    table.add_column("points", f"{total:,.4f}", justify="right")
    table.add_column("signals", justify="right")
    table.add_column("last signal")
    for factor, accumulator in course.factors():
        signals = accumulator.count if accumulator else 0
        table.add_row(
            cell(factor.factor),
            cell(accumulator.category if accumulator else factor.factor.removeprefix("cap:")),
            f"{factor.points:,.4f}",
            str(signals) if signals else "",
            rfc3339(factor.last_at) if signals else "",
        )
    return table


def as_json(label: str, found: Trajectory) -> dict[str, Any]:
    """All that the tables say, and the records themselves."""
    return {
        "model": label,
        "until": rfc3339(found.until),
        "left_out": found.left_out,
        "events": [event_as_json(event) for event in found.events],
        "leads": [lead_as_json(course) for course in found.courses.values()],
    }


def event_as_json(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(event)
    return {**found, "at": rfc3339(event.at)}


def lead_as_json(course: Course) -> dict[str, Any]:
    total = course.total(course.until)
    band, stage = course.standing
    return {
        "tenant": course.tenant,
        "lead": course.lead,
        "total": total,
        "score": score_of(total),
        "band": band,
        "stage": stage,
        "factors": [
            {
                "factor": factor.factor,
                "category": accumulator.category if accumulator else factor.factor.removeprefix("cap:"),
                "points": factor.points,
                "signals": factor.count,
                "last_at": rfc3339(factor.last_at) if factor.count else None,
            }
            for factor, accumulator in course.factors()
        ],
        "caps": course.model.caps,
    }
