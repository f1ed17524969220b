"""What was asked for about a lead and what was withheld, for people."""

from rich.table import Table

from leadstream.cli.console import cell, rounded_down
from leadstream.projection.lead_history import Withheld
from leadstream.projection.queries import LoggedAction
from leadstream.records.times import rfc3339

REASONS = {
    "cooldown": "its threshold asked not long ago",
    "suppressed": "the lead must not be contacted that way",
    "no_phone": "no phone number is known",
    "invalid_phone": "the phone number is no valid one",
    "no_email": "no e-mail address is known",
    "invalid_email": "the e-mail address is no valid one",
    "no_consent": "the lead has not consented",
    "no_owner": "nobody owns the lead",
    "repeated": "it was requested not long ago, or waits already",
    "outside_hours": "it came outside the hours",
    "deferred": "it waits for the next opening",
    "no_longer": "while it waited, what asked for it had passed",
}
"""In words, by the code that decisions and reports have."""


def action_table(actions: list[LoggedAction], withheld: list[Withheld], most: int) -> Table:
    """The latest records of both logs, newest first: crossings, changes, actions requested and withheld."""
    rows = [(one.at, _withheld(one)) for one in withheld] + [(one.at, _logged(one)) for one in actions]
    # Of one instant, what a crossing led to stands above it.
    rows.sort(key=lambda row: -row[0])
    title = "Latest actions, requested and withheld"
    table = Table("at", "what", "total", "cause", title=title, title_justify="left")
    for at, row in rows[:most]:
        table.add_row(rfc3339(at), *(cell(text) for text in row))
    return table


def _logged(action: LoggedAction) -> tuple[str, str, str]:
    total = f"{rounded_down(action.total_before, 2)} to {rounded_down(action.total_after, 2)}"
    return _what(action), total, _cause(action.cause, action.signal_type, action.signal)


def _withheld(one: Withheld) -> tuple[str, str, str]:
    reason = REASONS.get(one.reason, "")
    until = f" until {rfc3339(one.until)}" if one.until is not None else ""
    words = f": {reason}" if reason else ""
    asked = _by(one.trigger, one.threshold)
    what = f"{_named(one.action, one.channel)} WITHHELD{asked}, {one.reason}{until}{words}"
    return what, rounded_down(one.total, 2), _cause(one.cause, one.signal_type, one.signal)


def _what(action: LoggedAction) -> str:
    if action.action is not None:
        return f"{_named(action.action, action.channel)} requested{_by(action.trigger, action.threshold)}"
    if action.previous_band is not None:
        return f"{action.previous_band} to {action.band}"
    if action.previous_stage is not None:
        return f"stage {action.previous_stage or 'none'} to {action.stage or 'none'}"
    if action.threshold is None:
        reached = "" if action.value is None else f" at {action.value:g}"
        return f"{action.trigger} fired{reached}"
    return f"crossed {action.threshold:g} {action.direction}"


def _named(action: str, channel: str | None) -> str:
    return f"{action} ({channel})" if channel else action


def _by(trigger: str | None, threshold: float | None) -> str:
    if threshold is not None:
        return f" at {threshold:g}"
    return f" by {trigger}" if trigger else ""


def _cause(cause: str, signal_type: str | None, signal: str | None) -> str:
    return f"{cause}: {signal_type} {signal}" if signal else cause
