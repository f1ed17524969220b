"""The reports, as the tables give them."""

from dataclasses import dataclass
from typing import Any

import msgspec

from leadstream.projection.database import open_pool, translated
from leadstream.projection.migrate import schema_state_of
from leadstream.records.times import rfc3339

SINCE = "now() - make_interval(days => $2)"
DISTRIBUTION = """
SELECT coalesce(score_band, 'all') AS band, leads, percent::float8, mean, median, lowest, highest
FROM report_distribution WHERE tenant_id = $1 ORDER BY score_band IS NULL, highest, score_band
"""
MOVERS = f"""
SELECT lead_id AS lead, score_before AS before, score_now AS now, change, signals, score_band AS band,
    last_activity_on AS last_activity
FROM report_movers($1, {SINCE}, $3)
"""
TOP_ACTIONS = f"""
SELECT event_type AS signal, signals, leads, points, points_each FROM report_top_actions($1, {SINCE}, $3)
"""
FUNNEL = f"""
SELECT stage, leads, percent_of_leads, percent_of_stage_before, median_hours
FROM report_funnel($1, {SINCE}, $3, $4)
"""
OWNERS = """
SELECT coalesce(owner, '(nobody)') AS owner, leads, mean, highest, bands::text AS bands
FROM report_owners WHERE tenant_id = $1 ORDER BY leads DESC, owner
"""
MAX_DAYS = 36_500
SECONDS = 600.0
"""A report reads all leads of a tenant: it may take longer than other questions."""


@dataclass(frozen=True, slots=True)
class Report:
    """Rows under the names of their columns. Instants are RFC 3339; `bands` is a dict."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


async def ask(dsn: str, schema: str, query: str, *values: Any) -> Report:
    """One of the queries of this module. Raises `SchemaMismatch` and `StoreUnavailable`."""
    pool = await open_pool(dsn, schema, size=1)
    try:
        with translated(dsn):
            async with pool.acquire() as connection:
                (await schema_state_of(connection, schema)).check()
                statement = await connection.prepare(query)
                names = tuple(attribute.name for attribute in statement.get_attributes())
                rows = [_row(names, row) for row in await statement.fetch(*values, timeout=SECONDS)]
    finally:
        pool.terminate()
    return Report(names, rows)


def _row(names: tuple[str, ...], row: Any) -> tuple[Any, ...]:
    return tuple(_value(name, value) for name, value in zip(names, row, strict=True))


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "last_activity":
        return rfc3339(value)
    return msgspec.json.decode(value) if name == "bands" else value
