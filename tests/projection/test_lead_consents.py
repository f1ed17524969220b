"""`leadstream lead show`: what the lead consents to, by channel, and what is suppressed."""

import json
from typing import Any

from .made import DAY, NOW, Database, entry, history, run, snapshot
from .shell import command


def filled(database: Database, *signals: tuple[str, int, dict[str, Any]], suppressed: Any = ()) -> None:
    """A lead with these signals (type, own time, data), folded a day apart."""
    run(database.fill("t.scores", [snapshot(0, suppressed=suppressed)]))
    entries = [
        entry(number, at=at, now=NOW + number * DAY, type=type_, data=data, outcome="noted")
        for number, (type_, at, data) in enumerate(signals)
    ]
    run(database.fill("t.history", [history(0, *entries, entry(99, "other", now=NOW))]))


def told(database: Database) -> list[tuple[Any, ...]]:
    lead = entry(0).lead
    result = command(database, "lead", "show", "acme", lead, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["channels"]
    return [(one["name"], one["consent"], one["since"], one["suppressed"]) for one in found]


EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-01-03T00:00:00.000Z"


def test_consents_and_suppressions_by_channel(database: Database) -> None:
    filled(
        database,
        ("lead.created", NOW, {"consent": {"email": True, "tracking": "yes"}, "title": "CEO"}),
        ("consent.changed", NOW + 2 * DAY, {"channel": "phone", "value": "opted out"}),
        ("consent.changed", NOW + 2 * DAY, {"kind": "tracking", "value": False}),
        # Of a time before it, and of another type: neither says anything.
        ("lead.updated", NOW + DAY, {"consent.tracking": True}),
        ("form.submitted", NOW + 3 * DAY, {"consent": {"sms": True}}),
        suppressed=("all",),
    )
    assert told(database) == [
        ("all", None, None, True),
        ("email", True, EARLY, False),
        ("phone", False, LATE, False),
        ("tracking", False, LATE, False),
    ]
    printed = command(database, "lead", "show", "acme", entry(0).lead).stdout
    rows = [line.replace("│", " ").split() for line in printed.splitlines()]
    assert ["email", "given", EARLY] in rows
    assert ["phone", "withdrawn", LATE] in rows
    assert ["all", "yes"] in rows


def test_of_a_lead_that_has_said_nothing_there_is_no_table(database: Database) -> None:
    filled(database, ("lead.created", NOW, {"title": "CEO"}))
    assert told(database) == []
    assert "Channels" not in command(database, "lead", "show", "acme", entry(0).lead).stdout


def test_a_withdrawal_told_again_holds_since_the_first(database: Database) -> None:
    filled(
        database,
        ("consent.changed", NOW, {"channel": "Email", "value": "no"}),
        ("consent.changed", NOW + 2 * DAY, {"channel": "email", "value": None}),
        suppressed=("email",),
    )
    assert told(database) == [("email", False, EARLY, True)]
