"""`leadstream lead`: one lead, a list of them, a score moved by hand."""

import asyncio
import sys
import time
from collections.abc import Collection
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from leadstream.cli.console import PIPE_WIDTH, out, printable, rounded_down
from leadstream.cli.errors import CliError
from leadstream.cli.lead_actions import action_table
from leadstream.cli.lead_bump import Negative, bump
from leadstream.cli.lead_history import (
    as_json,
    channels_table,
    evidence_table,
    lead_as_json,
    moves_table,
    push_table,
    push_title,
)
from leadstream.cli.lead_list import list_leads
from leadstream.projection.forecast import next_crossing
from leadstream.projection.queries import FactorHistory, LeadRow, Tables, reading
from leadstream.records.models import ModelThreshold
from leadstream.records.outputs import Accumulator
from leadstream.records.times import DAY, parse_instant, rfc3339
from leadstream.scoring.decay.totals import contribution, explain, kernel_of, sum_at
from leadstream.scoring.kernels.kernel import score_of
from leadstream.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Leads: one factor by factor, the best, a score by hand.")

LATEST = 8
"""Crossings, changes and actions that are shown without a limit given."""


@app.callback()
def group() -> None:
    """Leads: the score of one factor by factor, a list of the best, a score moved by hand."""


app.command("list", epilog="Example: leadstream lead list acme --band hot --limit 50")(list_leads)
app.command(
    "bump",
    epilog='Example: leadstream lead bump acme lead-42 15 --by ann --why "met at the fair"',
    cls=Negative,
)(bump)


@app.command(epilog="Example: leadstream lead show acme lead-42 --history --since 2026-01-01T00:00:00Z")
def show(
    tenant: str,
    lead: str,
    at: Annotated[
        str | None, typer.Option(help="A time, RFC 3339 or epoch milliseconds; without it, now.")
    ] = None,
    history: Annotated[
        bool,
        typer.Option("--history", help="What moved it, what pushed it over, the signals in each factor."),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Of history, the most signals.")] = 20,
    since: Annotated[str | None, typer.Option(help="Of history, from this time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Of history, up to this time.")] = None,
    json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
) -> None:
    """The score of a lead at a time, factor by factor, what it does next by itself, its latest actions."""
    instant, begin, end = (
        _instant(text, name) for text, name in ((at, "--at"), (since, "--since"), (until, "--until"))
    )
    if not history and (begin is not None or end is not None):
        raise typer.BadParameter("it is a time of --history", param_hint="--since, --until")
    asyncio.run(_show(tenant, lead, instant, (begin, end, limit) if history else None, json))


def _instant(text: str | None, option: str) -> int | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


async def _show(
    tenant: str, lead: str, at: int | None, history: tuple[int | None, int | None, int] | None, json: bool
) -> None:
    """`history` is from when, until when (epoch ms, None for open), and how many signals."""
    settings = Settings()
    dsn = settings.postgres_dsn.get_secret_value()
    async with reading(dsn, settings.postgres_schema) as tables:
        row = await tables.lead(tenant, lead)
        if row is None:
            raise await _unknown(tables, tenant, lead)
        if at is None:
            # The fold's now may be ahead of this machine's clock.
            at = max(int(time.time() * 1000), row.updated)
        elif at < row.updated:
            raise CliError(
                f"{tenant}:{lead} has changed since {rfc3339(at)} (last at {rfc3339(row.updated)})",
                "name a later time, or ask the log: `leadstream replay --at`",
            )
        factors = await tables.factors(tenant, lead)
        begin, end, limit = history or (None, None, LATEST)
        actions = await tables.actions(tenant, lead, limit, begin, end)
        withheld = await tables.withheld(tenant, lead, limit, begin, end)
        thresholds = await tables.thresholds(row)
        passed = await tables.passed(tenant, lead)
        channels = await tables.channels(row)
        moves, push, evidence = [], None, {}
        if history is not None:
            moves = await tables.moves(tenant, lead, begin, end, limit)
            push = await tables.push(tenant, lead, begin, end)
            evidence = await tables.evidence(tenant, lead)
    if json:
        crossing = next_crossing(row.accumulators, thresholds or (), passed, row.updated, at, row.caps)
        found = lead_as_json(row, at, crossing, actions, withheld, channels)
        if history is not None:
            found["history"] = [as_json(move) for move in moves]
            found["pushed_over"] = None if push is None else as_json(push)
            found["evidence"] = evidence
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    _print_score(console, row, at)
    if any(one.consent is not None for one in channels):
        console.print(channels_table(channels))
    if row.accumulators:
        console.print(_factor_table(row, factors, at))
    _print_future(console, row, thresholds, passed, at)
    if actions or withheld:
        console.print(action_table(actions, withheld, limit))
    if history is not None:
        out.print(moves_table(moves) if moves else "no signal of that time is in the history")
        if push is not None:
            out.print(push_title(push), style="italic", markup=False, highlight=False, soft_wrap=True)
            out.print(push_table(push))
        if evidence:
            out.print(evidence_table(evidence))


async def _unknown(tables: Tables, tenant: str, lead: str) -> CliError:
    nearest = await tables.nearest(tenant, lead)
    if nearest:
        return CliError(f"no lead {lead} of tenant {tenant}", f"nearest: {', '.join(nearest)}")
    tenants = await tables.tenants()
    if tenants and tenant not in tenants:
        return CliError(f"no tenant {tenant} has leads", f"there are: {', '.join(tenants[:5])}")
    return CliError(
        f"no lead {lead} of tenant {tenant}",
        "if it has signals, `leadstream doctor` says where they stopped",
    )


def _print_score(console: Console, row: LeadRow, at: int) -> None:
    total = sum_at(row.accumulators, at, row.caps)
    console.print(f"{row.tenant}:{row.lead}", style="bold", end="  ")
    console.print(f"score {score_of(total)}", style="bold green", end=f" (total {rounded_down(total, 4)})")
    console.print(f" at {rfc3339(at)}")
    stale = row.next_change is not None and row.next_change <= at
    due = f"; a change by itself was due at {_time(row.next_change)}" if stale else ""
    stage = f", stage {row.stage}" if row.stage else ""
    console.print(
        f"band {row.band}{stage}, model {row.model} {row.version}, as of {rfc3339(row.updated)} "
        f"with score {row.score}{due}"
    )
    if row.last_activity is not None:
        console.print(f"last activity {rfc3339(row.last_activity)}")
    if row.owner is not None:
        console.print(printable(f"owner {row.owner}"))
    if row.suppressed:
        console.print(f"suppressed: {', '.join(row.suppressed)}", style="yellow")


def _factor_table(row: LeadRow, histories: dict[str, FactorHistory], at: int) -> Table:
    table = Table(title="Factors", title_justify="left")
    table.add_column("factor")
    for name in ("points", "signals", "mass", "fades", "came as", "now"):
        table.add_column(name, justify="right")
    table.add_column("last signal")
    for accumulator in sorted(row.accumulators, key=lambda one: -abs(contribution(one, at))):
        history = histories.get(accumulator.factor)
        last = f"{_time(accumulator.last_at)}"
        table.add_row(
            printable(accumulator.factor),
            f"{accumulator.points:g}",
            str(accumulator.count),
            f"{mass(accumulator, at):.4f}",
            fading(accumulator),
            f"{history.came:.4g}" if history else "",
            f"{contribution(accumulator, at):.4f}",
            printable(f"{last}  {history.type} {history.signal}") if history else last,
        )
    for factor in explain(row.accumulators, at, row.caps):
        if factor.factor.startswith("cap:"):
            table.add_row(printable(factor.factor), "", "", "", "", "", f"{factor.points:.4f}", "")
    return table


def mass(accumulator: Accumulator, at: int) -> float:
    """What an accumulator holds at `at`, in occurrences of its points."""
    return contribution(replace(accumulator, points=1.0), at)


def fading(accumulator: Accumulator) -> str:
    """How a factor fades, in few words: the half-life, or what else it follows."""
    return kernel_of(accumulator).words(span) or "none"


def _print_future(
    console: Console,
    row: LeadRow,
    thresholds: tuple[ModelThreshold, ...] | None,
    passed: Collection[float],
    at: int,
) -> None:
    if thresholds is None:
        console.print(
            f"what it crosses by itself is not known: lead_scoring_models has no {row.model} {row.version} "
            "yet, which its worker writes to the topic of models when it starts"
        )
        return
    crossing = next_crossing(row.accumulators, thresholds, passed, row.updated, at, row.caps)
    if crossing is not None:
        verb = "rises over" if crossing.direction == "up" else "falls below"
        slack = crossing.hysteresis if crossing.direction == "down" else 0.0
        less = f" less its hysteresis of {slack:g}" if slack else ""
        console.print(
            f"next crossing by itself: {verb} {crossing.threshold:g}{less} at {rfc3339(crossing.at)}, "
            f"in {span(crossing.at - at)}"
        )
    elif thresholds:
        levels = ", ".join(f"{one.at:g}" for one in thresholds)
        console.print(f"by itself it crosses none of the thresholds {levels}")
    else:
        console.print(f"model {row.model} {row.version} has no thresholds")


def _time(ms: int | None) -> str:
    return "" if ms is None else rfc3339(ms)


def span(ms: int) -> str:
    """A duration in its two largest units: `3 h 12 min`."""
    units = (("d", DAY), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1))
    parts: list[tuple[int, str]] = []
    for name, size in units:
        count, ms = divmod(ms, size)
        if count or parts:
            parts.append((count, name))
        if len(parts) == 2:
            break
    return " ".join(f"{count} {name}" for count, name in parts if count) or "0 ms"
