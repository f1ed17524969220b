"""What the demo tells at its end, for a person and for a program."""

import shlex
import shutil
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from leadstream.projection.queries import FactorHistory, LeadRow, LoggedAction
from leadstream.projection.standing import contribution, total_at
from leadstream.projection.verify import Verification
from leadstream.records.times import rfc3339
from leadstream.scoring.kernel import score_of
from leadstream.settings import Settings

BAR = 40
"""Characters of the longest bar."""


@dataclass(slots=True)
class Fall:
    """A lead that passes a threshold downwards by itself at `at` (epoch ms), as its row at `since` foretold."""

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
    dead = f"{sum(outcome.rejected.values()):,} could not be read ({reasons})" if reasons else "all could be read"
    console.print(f"{outcome.duplicates:,} duplicates were dropped by their ids; {dead}.")
    _print_bands(console, outcome.bands)
    _print_actions(console, outcome.latest)
    _print_skipped(console, outcome.skipped)
    if outcome.explained is not None:
        _print_score(console, outcome.explained, outcome.histories, now)
    if outcome.fall is not None:
        _print_fall(console, outcome.fall)
    style = "green" if outcome.verification.equal else "bold red"
    console.print(
        "\n[bold]The same log, replayed offline, against PostgreSQL, each lead at the instant that its row "
        f"carries:[/]\n[{style}]{outcome.verification}[/]"
    )


def print_places(console: Console, settings: Settings, environment: dict[str, str], *, kept: bool) -> None:
    """Where the tables are and what to try next."""
    dsn = settings.postgres_dsn.get_secret_value()
    schema = settings.postgres_schema
    psql = shutil.which("psql") or bundled_psql() or "psql"
    query = f"SELECT tenant_id, lead_id, score_total, score_band FROM {schema}.leads ORDER BY total DESC LIMIT 10"
    tables = "leads, score_events, action_log, decision_log"
    if not kept:
        console.print(
            f"\n[bold]The tables[/] ({tables}) were at\n  psql {shlex.quote(dsn)} -c {shlex.quote(query)}\n"
            "and are gone now, with all the rest.\n\n[bold]Next[/]"
        )
        console.print('  make demo ARGS="--keep"              leave it all up, to look around')
        console.print("  make demo KAFKA=apache               on Apache Kafka, exactly once (java and mvn needed)")
        console.print("  make stack                           a broker and a PostgreSQL for your own signals")
        console.print("  docs/getting-started.md              from here to your own leads")
        return
    console.print(f"\n[bold]The tables[/] ({tables})\n  {psql} {shlex.quote(dsn)} -c {shlex.quote(query)}")
    console.print("\n[bold]In another terminal[/], in this folder:")
    for name, value in environment.items():
        console.print(f"  export {name}={shlex.quote(value)}", soft_wrap=True)
    console.print("  .venv/bin/leadstream doctor")
    console.print("  .venv/bin/leadstream lead show acme lead-00000")
    console.print("  .venv/bin/leadstream log export --to log.ndjson")


def bundled_psql() -> str | None:
    """The psql that comes with the embedded PostgreSQL, if it is installed."""
    from leadstream.localstack.database import program

    return program("psql")


def _print_bands(console: Console, bands: dict[str, int]) -> None:
    console.print("\n[bold]Leads by band[/]")
    most = max(bands.values(), default=0) or 1
    for band, count in reversed(bands.items()):
        console.print(f"  {band:<8}{count:>8,}  {'█' * -(-BAR * count // most)}")


def _print_actions(console: Console, latest: Iterable[LoggedAction]) -> None:
    table = Table(title="Latest actions, and the signals that caused them", **_PLAIN)
    for name in ("at", "lead", "action", "over", "total", "signal"):
        table.add_column(name, justify="right" if name in ("over", "total") else "left", no_wrap=True)
    for action in latest:
        table.add_row(
            _clock(action.at),
            f"{action.tenant}:{action.lead}",
            f"{action.action} ({action.channel})",
            f"{action.threshold:g}",
            f"{action.total_before:.1f} → {action.total_after:.1f}",
            f"{action.signal_type} {action.signal}" if action.signal else action.cause,
        )
    console.print()
    console.print(table)


def _print_skipped(console: Console, skipped: list[tuple[str, str, int]]) -> None:
    if skipped:
        parts = [f"{action} {reason.replace('_', ' ')} {count:,}" for action, reason, count in skipped]
        console.print(f"Withheld, with the reason: {'; '.join(parts)}.")


def _print_score(
    console: Console, row: LeadRow, histories: dict[str, FactorHistory], now: int
) -> None:
    total = total_at(row.accumulators, now)
    title = (
        f"{row.tenant}:{row.lead} explained: score {score_of(total)} (total {total:.2f}) at {_clock(now)}, "
        f"{row.score} when last written at {_clock(row.updated)}"
    )
    table = Table(title=title, **_PLAIN)
    table.add_column("factor")
    for name in ("signals", "came as", "now"):
        table.add_column(name, justify="right")
    table.add_column("last signal")
    for one in sorted(row.accumulators, key=lambda one: -abs(contribution(one, now))):
        history = histories.get(one.factor)
        table.add_row(
            one.factor,
            str(one.count),
            f"{history.came:.1f}" if history else "",
            f"{contribution(one, now):.2f}",
            f"{_clock(one.last_at)}  {history.type} {history.signal}" if history else _clock(one.last_at),
        )
    console.print()
    console.print(table)


def _print_fall(console: Console, fall: Fall) -> None:
    name = f"{fall.row.tenant}:{fall.row.lead}"
    before = total_at(fall.row.accumulators, fall.since)
    console.print(
        f"\n[bold]{name} fell by itself[/]: {before:.2f} at {_clock(fall.since)}, below {fall.threshold:g} "
        f"foretold for {_clock(fall.at)}"
    )
    if fall.recorded is None:
        console.print("  and not recorded in time", style="red")
    else:
        console.print(
            f"  recorded in the log at {_clock(fall.recorded)}, cause decay: "
            + ("the same millisecond." if fall.recorded == fall.at else f"{fall.recorded - fall.at} ms off.")
        )


def _clock(ms: int) -> str:
    """The time of the day in UTC with milliseconds."""
    return rfc3339(ms)[11:-1]


_PLAIN: dict[str, object] = {}
