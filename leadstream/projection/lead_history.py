"""The way of one lead: what moved it, what pushed it over a threshold, and the signals in each factor."""

from dataclasses import dataclass
from typing import Any

import msgspec

from leadstream.records.outputs import Contribution
from leadstream.records.times import parse_instant, rfc3339

MOVES = """
SELECT created_at, at, event_type, signal_id, source, outcome, flags, future, past, points_added,
    total_before, total_after, score_before, score_after, meanwhile, contributions::text, event_data::text
FROM (
    SELECT event.*, total_before - lag(total_after) OVER (ORDER BY created_at, source_offset) AS meanwhile
    FROM score_events AS event WHERE tenant_id = $1 AND lead_id = $2
) AS moved
WHERE created_at >= coalesce($3::timestamptz, '-infinity')
    AND created_at <= coalesce($4::timestamptz, 'infinity')
ORDER BY created_at DESC, source_offset DESC LIMIT $5
"""
# A factor's offset is that of its newest signal, in the lead's partition of the log of signals.
PUSHED = """
WITH crossing AS (
    SELECT * FROM action_log
    WHERE tenant_id = $1 AND lead_id = $2 AND type = 'lead.threshold.crossed' AND direction = 'up'
        AND at >= coalesce($3::timestamptz, '-infinity') AND at <= coalesce($4::timestamptz, 'infinity')
    ORDER BY at DESC, log_offset DESC LIMIT 1
)
SELECT crossing.id, crossing.at, crossing.threshold, crossing.cause, crossing.total_before,
    crossing.total_after, crossing.signal_id, crossing.signal_type, part ->> 'factor' AS factor,
    (part ->> 'points')::double precision AS points, coalesce((part ->> 'count')::integer, 0) AS signals,
    event.event_type, event.signal_id AS last_signal, event.at AS last_at
FROM crossing LEFT JOIN leads USING (tenant_id, lead_id)
LEFT JOIN jsonb_array_elements(crossing.factors) AS part ON true
LEFT JOIN score_events AS event
    ON event.tenant_id = crossing.tenant_id AND event.lead_id = crossing.lead_id
    AND event.source_partition = leads.source_partition
    AND event.source_offset = (part ->> 'offset')::bigint AND event.created_at <= crossing.at
ORDER BY abs((part ->> 'points')::double precision) DESC, part ->> 'factor'
"""
WITHHELD = """
SELECT id, at, action, channel, reason, until, trigger, threshold, cause, total_after, score, band, signal_id,
    signal_type, crossing_id
FROM decision_log
WHERE tenant_id = $1 AND lead_id = $2
    AND at >= coalesce($3::timestamptz, '-infinity') AND at <= coalesce($4::timestamptz, 'infinity')
ORDER BY at DESC, log_offset DESC LIMIT $5
"""
EVIDENCE = """
SELECT details ->> 'factor' AS factor, (details -> 'signals')::text AS signals
FROM lead_factors_now WHERE tenant_id = $1 AND lead_id = $2
"""


@dataclass(frozen=True, slots=True)
class Move:
    """What one signal did. `created` is when it was folded, `at` its own time (epoch ms), which is flagged as
    `future` or `past` if it claimed to be more than 5 minutes ahead or 5 years back. `meanwhile` is what
    became of the total since the signal before: what faded, or what a merge brought; None for the first.
    `contributions` are the points of each factor at the signal's own time."""

    created: int
    at: int
    type: str
    signal: str
    source: str
    outcome: str
    flags: tuple[str, ...]
    future: bool
    past: bool
    points: float
    before: float
    after: float
    score_before: int
    score_after: int
    meanwhile: float | None
    contributions: tuple[Contribution, ...]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A factor at a crossing: its points and signals then, and the last of these where history has it."""

    factor: str
    points: float
    signals: int
    type: str | None
    signal: str | None
    at: int | None


@dataclass(frozen=True, slots=True)
class Push:
    """A lead's last crossing upwards, and its weightiest factors then. `signal` and `type` name its cause."""

    id: str
    at: int
    threshold: float
    cause: str
    before: float
    after: float
    signal: str | None
    type: str | None
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Withheld:
    """An action that the model wanted and a policy withheld at `at`, with the reason. One that is `deferred`
    is judged again at `until`. Both are epoch ms; `signal` and `signal_type` name the cause if it was one."""

    id: str
    at: int
    action: str
    channel: str | None
    reason: str
    until: int | None
    trigger: str | None
    threshold: float | None
    cause: str
    total: float
    score: int
    band: str
    signal: str | None
    signal_type: str | None
    crossing: str | None


class Evidence(msgspec.Struct, frozen=True):
    """One of the last signals in a factor, with what it was worth at its own time. Times are RFC 3339."""

    signal_id: str
    event_type: str
    source: str
    at: str
    created_at: str
    points: float


_contributions = msgspec.json.Decoder(tuple[Contribution, ...]).decode
_evidence = msgspec.json.Decoder(tuple[Evidence, ...]).decode


def move(row: Any) -> Move:
    """From a row of `MOVES`."""
    values = list(row)
    values[6] = tuple(values[6])
    values[-2:] = _contributions(values[-2]), msgspec.json.decode(values[-1])
    return Move(*values)


def push(rows: list[Any]) -> Push | None:
    """From the rows of `PUSHED`, which are those of one crossing."""
    if not rows:
        return None
    values = list(rows[0])
    values[8:] = [tuple(Part(*list(row)[8:]) for row in rows if row["factor"] is not None)]
    return Push(*values)


def evidence(rows: list[Any]) -> dict[str, tuple[Evidence, ...]]:
    """By factor, from the rows of `EVIDENCE`, newest first."""
    return {row["factor"]: tuple(map(_in_utc, _evidence(row["signals"]))) for row in rows}


def _in_utc(found: Evidence) -> Evidence:
    # PostgreSQL writes times in JSON by the session's time zone.
    at, created_at = (rfc3339(parse_instant(text)) for text in (found.at, found.created_at))
    return msgspec.structs.replace(found, at=at, created_at=created_at)
