"""The reports, as the tables give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from leadstream.projection.database import open_pool, translated
from leadstream.projection.migrate import schema_state_of
from leadstream.records.times import rfc3339

SINCE = "now() - make_interval(days => $2)"
KNOWN = """
SELECT EXISTS (SELECT FROM leads WHERE tenant_id = $1)
    OR EXISTS (SELECT FROM score_events WHERE tenant_id = $1)
    OR EXISTS (SELECT FROM action_log WHERE tenant_id = $1) AS known
"""
"""Whether there is anything of a tenant."""
DISTRIBUTION = """
SELECT coalesce(score_band, 'all') AS band, leads, percent::float8, mean, median, lowest, highest
FROM report_distribution WHERE tenant_id = $1 ORDER BY score_band IS NULL, highest, score_band
"""
MOVERS = f"""
SELECT lead_id AS lead, score_before AS before, score_now AS now, change, signals, score_band AS band,
    last_activity_on AS last_activity
FROM report_movers($1, {SINCE}, $3)
"""
MOVED = f"""
SELECT direction, leads, percent FROM report_moved($1, {SINCE})
"""
TOP_ACTIONS = f"""
SELECT event_type AS signal, signals, leads, points, points_each FROM report_top_actions($1, {SINCE}, $3)
"""
HISTOGRAM = """
SELECT least(score_now / 5, 19) * 5 AS score_from, score_band AS band, count(*) AS leads
FROM leads_now WHERE tenant_id = $1 GROUP BY 1, 2 ORDER BY 1, 2
"""
"""Shown scores by fives; 100 is with 95 to 99."""
STAGES = """
SELECT coalesce(stage, '(none)') AS stage, leads, percent::float8, mean, median, highest, bands::text AS bands
FROM report_stages WHERE tenant_id = $1 ORDER BY mean, stage
"""
UNTIL = "coalesce($3, now())"
FUNNEL = f"""
SELECT step, leads, percent_of_leads, rate, percent_of_step_before, median_hours, median_hours_of_step
FROM report_funnel($1, {UNTIL} - make_interval(days => $2), {UNTIL}, $4, $5)
"""
COHORTS = """
SELECT to_char(cohort AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS cohort, leads, qualified_leads, converted_leads,
    converted_otherwise, lead_to_qualified, qualified_to_converted, lead_to_converted, hours_to_qualified,
    hours_to_converted
FROM report_cohorts(
    $1, $2, date_trunc($2, now(), 'UTC') - ($3 - 1) * ('1 ' || $2)::interval, now(), $4, $5
)
"""
OWNERS = """
SELECT coalesce(owner, '(nobody)') AS owner, leads, mean, highest, bands::text AS bands
FROM report_owners WHERE tenant_id = $1 ORDER BY leads DESC, owner
"""
OUTCOMES = f"""
SELECT action, requested, withheld, median_delay_seconds, answered, percent_answered, median_hours_to_answer,
    converted_leads, reasons::text AS reasons
FROM report_outcomes($1, {SINCE}, $3)
"""
REACHED = """
SELECT DISTINCT CASE type
    WHEN 'lead.threshold.crossed' THEN 'threshold:' || threshold
    WHEN 'lead.band.changed' THEN 'band:' || band
    ELSE 'stage:' || stage
END AS level
FROM action_log WHERE tenant_id = $1 AND direction = 'up'
    AND type IN ('lead.threshold.crossed', 'lead.band.changed', 'lead.stage.changed')
ORDER BY level
"""
"""What leads of a tenant have reached so far, as the argument `qualified` names it."""
MAX_DAYS = 36_500
SECONDS = 600.0
"""A report reads all leads of a tenant: it may take longer than other questions."""

Question = tuple[str, Sequence[Any]]
"""A query of this module and its values."""


@dataclass(frozen=True, slots=True)
class Report:
    """Rows under the names of their columns. Instants are RFC 3339; `bands` and `reasons` are dicts."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


async def ask(dsn: str, schema: str, *questions: Question) -> list[Report]:
    """Queries of this module, each with its values, as of one moment. Raises `SchemaMismatch` and
    `StoreUnavailable`."""
    pool = await open_pool(dsn, schema, size=1)
    try:
        with translated(dsn):
            async with pool.acquire() as connection:
                (await schema_state_of(connection, schema)).check()
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    return [await _report(connection, *question) for question in questions]
    finally:
        pool.terminate()


async def _report(connection: Any, query: str, values: Sequence[Any]) -> Report:
    statement = await connection.prepare(query)
    names = tuple(attribute.name for attribute in statement.get_attributes())
    return Report(names, [_row(names, row) for row in await statement.fetch(*values, timeout=SECONDS)])


def _row(names: tuple[str, ...], row: Any) -> tuple[Any, ...]:
    return tuple(_value(name, value) for name, value in zip(names, row, strict=True))


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "last_activity":
        return rfc3339(value)
    return msgspec.json.decode(value) if name in ("bands", "reasons") else value
