"""What the demo tells at its end, for a person and for a program."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table

from leadstream.cli.stack import exports
from leadstream.devstack import LocalStackError
from leadstream.devstack.database import programs
from leadstream.devstack.resolver import external_postgres
from leadstream.projection.queries import FactorHistory, LeadRow, LoggedAction
from leadstream.projection.verify import Verification
from leadstream.records.times import rfc3339
from leadstream.scoring.decay.totals import contribution, sum_at
from leadstream.scoring.kernels.kernel import score_of
from leadstream.settings import Settings

BAR = 40
"""Characters of the longest bar."""


FALL_STEPS = 4
"""Totals shown on the way down."""
_FACTOR_COLUMNS: dict[str, Literal["left", "right"]] = {
    "  factor": "left", "signals": "right", "came as": "right", "now": "right", "last signal": "left",
}  # fmt: skip

_NEXT = {
    'make demo ARGS="--keep"': "leave it all up, to look around",
    "make demo KAFKA=apache": "on Apache Kafka, exactly once (needs java and mvn)",
    "make stack": "a broker and a PostgreSQL for your own signals",
    "docs/getting-started.md": "from here to your own leads",
}


@dataclass(slots=True)
class Fall:
    """A lead that passes a threshold downwards by itself at `at` (epoch ms), as was foretold at `since`."""

    row: LeadRow
    threshold: float
    since: int
    at: int
    recorded: int | None = None
    """When it did, as the log has it."""


@dataclass(slots=True)
class Outcome:
    """What the demo found."""

    signals: int
    """Records of signals read, bad and duplicate ones included."""
    seconds: float
    """From the first signal sent to the last one folded."""
    leads: int
    duplicates: int
    rejected: dict[str, int]
    requested: int
    bands: dict[str, int]
    latest: list[LoggedAction]
    skipped: list[tuple[str, str, int]]
    explained: LeadRow | None
    histories: dict[str, FactorHistory]
    fall: Fall | None
    verification: Verification

    def report(self) -> dict[str, object]:
        """The fields of `--report json`."""
        return {
            "signals": self.signals,
            "leads": self.leads,
            "actions": self.requested,
            "duplicates": self.duplicates,
            "dead_letters": sum(self.rejected.values()),
            "signals_per_second": round(self.signals / self.seconds),
            "projected_leads": self.verification.leads,
            "bands": self.bands,
            "verified": self.verification.equal,
        }


def print_summary(console: Console, outcome: Outcome, now: int) -> None:
    """All but where the tables are; `now` (epoch ms) is when scores are read."""
    rate = outcome.signals / outcome.seconds
    console.print(
        f"\n[bold]{outcome.signals:,} signals of {outcome.leads:,} leads, folded in {outcome.seconds:.1f} s: "
        f"{rate:,.0f} a second[/]"
    )
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(outcome.rejected.items()))
    dead = (
        f"{sum(outcome.rejected.values()):,} could not be read ({reasons})"
        if reasons
        else "all could be read"
    )
    console.print(f"{outcome.duplicates:,} duplicates were dropped by their ids; {dead}.")
    _print_bands(console, outcome.bands)
    if outcome.latest:
        _print_actions(console, outcome.latest)
    _print_skipped(console, outcome.skipped)
    if outcome.explained is not None and outcome.explained.accumulators:
        _print_score(console, outcome.explained, outcome.histories, now)
    if outcome.fall is not None:
        _print_fall(console, outcome.fall)
    style = "green" if outcome.verification.equal else "bold red"
    console.print(
        "\n[bold]The same log, replayed offline, against PostgreSQL, each lead at the instant that its row "
        f"carries:[/]\n[{style}]{outcome.verification}[/]"
    )


def print_places(console: Console, settings: Settings, variables: dict[str, str], *, kept: bool) -> None:
    """Where the tables are and what to try next."""
    given = external_postgres() is not None
    # One that was given may hold a password.
    dsn = "$LEADSTREAM_POSTGRES_DSN" if given else settings.postgres_dsn.get_secret_value()
    schema = settings.postgres_schema
    query = (
        f"SELECT tenant_id, lead_id, score_total, score_band FROM {schema}.leads ORDER BY total DESC LIMIT 10"
    )
    console.print(
        "\n[bold]The tables[/] leads, score_events, action_log, decision_log "
        + ("are at" if kept or given else "were at, and go now with all the rest,")
    )
    console.print(f'  {psql() if kept else "psql"} "{dsn}" -c "{query}"')
    if not kept:
        console.print("\n[bold]Next[/]")
        for command, meaning in _NEXT.items():
            console.print(f"  {command:<26} {meaning}")
        return
    console.print("\n[bold]In another terminal[/], in this folder")
    for text in exports(variables):
        console.print(f"  {text}")
    for command in ("doctor", "lead show acme lead-00000", "log export --to log.ndjson"):
        console.print(f"  .venv/bin/leadstream {command}")


def psql() -> str:
    """The command psql: the one on the PATH, else the one that comes with the embedded PostgreSQL."""
    if shutil.which("psql"):
        return "psql"
    try:
        return str(programs() / "psql")
    except LocalStackError:
        return "psql"


def _print_bands(console: Console, bands: dict[str, int]) -> None:
    console.print("\n[bold]Leads by band[/]")
    most = max(bands.values(), default=0) or 1
    for band, count in reversed(bands.items()):
        console.print(f"  {band:<8}{count:>8,}  {'█' * -(-BAR * count // most)}")


def _print_actions(console: Console, latest: Iterable[LoggedAction]) -> None:
    console.print("\n[bold]Latest actions, and the signals that caused them[/]")
    for action in latest:
        console.print(
            f"  {_clock(action.at)}  {action.tenant}:{action.lead}  "
            f"[cyan]{action.action}[/]{f' ({action.channel})' if action.channel else ''}  "
            f"{action.total_before:.1f} → {action.total_after:.1f}"
        )
        cause = f"{action.signal_type} {action.signal}" if action.signal else action.cause
        why = action.trigger if action.threshold is None else f"over {action.threshold:g}"
        console.print(f"                [dim]{why} by {cause}[/]")


def _print_skipped(console: Console, skipped: list[tuple[str, str, int]]) -> None:
    if skipped:
        parts = [f"{action} {reason.replace('_', ' ')} {count:,}" for action, reason, count in skipped]
        console.print(f"Withheld, with the reason: {'; '.join(parts)}.")


def _print_score(console: Console, row: LeadRow, histories: dict[str, FactorHistory], now: int) -> None:
    total = sum_at(row.accumulators, now, row.caps)
    console.print(
        f"\n[bold]{row.tenant}:{row.lead} explained[/]: score {score_of(total)} (total {total:.2f}) at "
        f"{_clock(now)}\n  it was {row.score} at {_clock(row.updated)}, when it last changed in the log"
    )
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name, justify in _FACTOR_COLUMNS.items():
        table.add_column(name, justify=justify, no_wrap=True)
    for one in sorted(row.accumulators, key=lambda one: -abs(contribution(one, now))):
        history = histories.get(one.factor)
        table.add_row(
            f"  {one.factor}",
            str(one.count),
            f"{history.came:.1f}" if history else "",
            f"{contribution(one, now):.2f}",
            f"{_clock(one.last_at)} {history.type if history else ''}",
        )
    console.print(table)


def _print_fall(console: Console, fall: Fall) -> None:
    row = fall.row
    console.print(f"\n[bold]{row.tenant}:{row.lead} fell by itself[/], without a signal")
    for step in range(FALL_STEPS):
        at = fall.since + (fall.at - fall.since) * step // FALL_STEPS
        console.print(f"  {_clock(at)}  {sum_at(row.accumulators, at, row.caps):8.4f}")
    end = sum_at(row.accumulators, fall.at, row.caps)
    console.print(
        f"  {_clock(fall.at)}  {end:8.4f}  below {fall.threshold:g}, as foretold at {_clock(fall.since)}"
    )
    if fall.recorded is None:
        console.print("  not recorded in time", style="red")
        return
    exact = "the same millisecond" if fall.recorded == fall.at else f"{fall.recorded - fall.at} ms off"
    console.print(f"  recorded in the log with its cause, decay, at {_clock(fall.recorded)}: {exact}")


def _clock(ms: int) -> str:
    """The time of the day in UTC with milliseconds."""
    return rfc3339(ms)[11:-1]
