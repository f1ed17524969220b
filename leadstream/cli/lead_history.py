"""`leadstream lead show --history` and `--json`: the way of a lead, for people and for programs."""

from collections.abc import Iterable
from typing import Any

import msgspec
from rich.table import Table

from leadstream.cli.console import cell, printable, rounded_down
from leadstream.projection.forecast import Crossing
from leadstream.projection.lead_consents import Channel
from leadstream.projection.lead_history import Evidence, Move, Push, Withheld
from leadstream.projection.queries import LeadRow, LoggedAction
from leadstream.records.times import rfc3339
from leadstream.scoring.decay.totals import explain, sum_at
from leadstream.scoring.kernels.kernel import score_of

LATE = 60_000
"""From how long after it happened on (ms) the table says when a signal did."""


def channels_table(channels: Iterable[Channel]) -> Table:
    """What the lead consents to, and what is suppressed."""
    table = Table(title="Channels", title_justify="left")
    for name in ("channel", "consent", "since", "suppressed"):
        table.add_column(name)
    for one in channels:
        consent = "" if one.consent is None else "given" if one.consent else "withdrawn"
        since = "" if one.since is None else rfc3339(one.since)
        table.add_row(cell(one.name), consent, since, "yes" if one.suppressed else "")
    return table


def moves_table(moves: list[Move]) -> Table:
    """What moved the lead, newest first."""
    table = Table(title="History, newest first", title_justify="left")
    table.add_column("folded at", no_wrap=True)
    table.add_column("signal")
    for name in ("meanwhile", "points", "total", "score"):
        table.add_column(name, justify="right")
    table.add_column("factors")
    for move in moves:
        late = f", happened {rfc3339(move.at)}" if move.created - move.at >= LATE else ""
        marks = [name for name in ("future", "past") if getattr(move, name)]
        notes = [*([] if move.outcome == "scored" else [move.outcome]), *move.flags, *marks]
        outcome = f" ({', '.join(notes)})" if notes else ""
        table.add_row(
            rfc3339(move.created),
            cell(f"{move.type} {move.signal} of {move.source}{late}{outcome}"),
            "" if move.meanwhile is None else _signed(move.meanwhile),
            _signed(move.points),
            f"{rounded_down(move.before, 2)} to {rounded_down(move.after, 2)}",
            f"{move.score_before} to {move.score_after}",
            cell(", ".join(f"{one.factor} {one.points:+.4g}" for one in move.contributions)),
        )
    return table


def push_title(push: Push) -> str:
    """When it was pushed over which threshold, and by what."""
    signal = f" {push.type} {push.signal}" if push.signal is not None else ""
    return printable(
        f"What pushed it over {push.threshold:g} at {rfc3339(push.at)}: {push.cause}{signal}, "
        f"{rounded_down(push.before, 2)} to {rounded_down(push.after, 2)}"
    )


def push_table(push: Push) -> Table:
    """The last crossing upwards, factor by factor."""
    table = Table()
    table.add_column("factor")
    table.add_column("points then", justify="right")
    table.add_column("signals", justify="right")
    table.add_column("last signal then")
    for part in push.parts:
        last = "" if part.at is None else f"{rfc3339(part.at)}  {part.type} {part.signal}"
        table.add_row(cell(part.factor), f"{part.points:.4f}", str(part.signals or ""), cell(last))
    return table


def evidence_table(factors: dict[str, tuple[Evidence, ...]]) -> Table:
    """The last signals in each factor, newest first."""
    table = Table(title="Last signals in each factor", title_justify="left")
    table.add_column("factor")
    table.add_column("happened at", no_wrap=True)
    table.add_column("signal")
    table.add_column("points then", justify="right")
    for factor, signals in sorted(factors.items()):
        for number, signal in enumerate(signals):
            table.add_row(
                cell(factor) if number == 0 else "",
                cell(signal.at),
                cell(f"{signal.event_type} {signal.signal_id} of {signal.source}"),
                f"{signal.points:.4f}",
            )
    return table


def lead_as_json(
    row: LeadRow,
    at: int,
    crossing: Crossing | None,
    actions: Iterable[LoggedAction],
    withheld: Iterable[Withheld],
    channels: Iterable[Channel],
) -> dict[str, Any]:
    """What `lead show` says of a lead at `at` (epoch ms), with instants as RFC 3339."""
    total = sum_at(row.accumulators, at, row.caps)
    accumulators = {one.factor: one for one in row.accumulators}
    found = {name: value for name, value in msgspec.to_builtins(row).items() if name != "accumulators"}
    factors = []
    for one in explain(row.accumulators, at, row.caps):
        made = accumulators.get(one.factor)
        factors.append({
            "factor": one.factor,
            "category": made.category if made else one.factor.removeprefix("cap:"),
            "points": one.points,
            "signals": made.count if made else 0,
            "last_at": _time(made.last_at if made and made.count else None),
        })  # fmt: skip
    return {
        **found,
        "at": rfc3339(at),
        "total": total,
        "score": score_of(total),
        **{name: _time(getattr(row, name)) for name in ("updated", "next_change", "last_activity")},
        "next_crossing": None if crossing is None else as_json(crossing),
        "channels": [{**as_json(one), "since": _time(one.since)} for one in channels],
        "factors": sorted(factors, key=lambda factor: -abs(factor["points"])),
        "actions": [as_json(action) for action in actions],
        "withheld": [as_json(action) for action in withheld],
    }


def as_json(record: Any) -> dict[str, Any]:
    """A record with its instants as RFC 3339."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    for name in ("at", "created", "until"):
        if name in found:
            found[name] = _time(found[name])
    if "parts" in found:
        found["parts"] = [{**part, "at": _time(part["at"])} for part in found["parts"]]
    return found


def _signed(points: float) -> str:
    # Adding 0 makes -0 of what faded in a moment a 0.
    return f"{round(points, 2) + 0.0:+.2f}"


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
