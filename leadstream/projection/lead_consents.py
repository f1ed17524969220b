"""What a lead consents to, as its history tells it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from leadstream.scoring.actions.consents import Given, note
from leadstream.scoring.state.facts import CONSENT, FACT_TYPES, Facts, learn

CONSENTS = """
SELECT event_type, at, event_data::text FROM score_events
WHERE tenant_id = $1 AND lead_id = $2 AND event_type = ANY($3) AND event_data IS NOT NULL
ORDER BY created_at, source_offset
"""
TYPES = sorted(FACT_TYPES)


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, or kind of consent, that a lead has said something of or that is suppressed.

    `consent` is whether it is given, None if nothing is known of it; `since` when that was said first (epoch
    ms)."""

    name: str
    consent: bool | None
    since: int | None
    suppressed: bool


def channels(rows: Iterable[Any], suppressed: Collection[str]) -> tuple[Channel, ...]:
    """From the rows of `CONSENTS` and the channels that are suppressed, by name.

    Signals are taken as the fold takes them. What it does not tell are data of more than 2 KiB, months that
    are not kept any more, and leads that were merged into this one.
    """
    facts: Facts = {}
    given: Given = {}
    for type_, at, data in rows:
        for name in learn(facts, msgspec.json.decode(data), at, type_=type_, standing=given):
            if name.startswith(CONSENT):
                note(given, name.removeprefix(CONSENT), *facts[name])
    names = sorted({*given, *suppressed})
    found = []
    for name in names:
        consent, since = given.get(name, (None, None))
        found.append(Channel(name, consent, since, name in suppressed))
    return tuple(found)
