"""What the tables are asked: one lead and why, lists, the latest actions, and how far they follow the log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import asyncpg
import msgspec

from leadstream.projection import lead_consents, lead_history, lead_list
from leadstream.projection.database import open_pool, translated
from leadstream.projection.lead_consents import Channel
from leadstream.projection.lead_history import Evidence, Move, Push, Withheld
from leadstream.projection.lead_list import Listed
from leadstream.projection.migrate import schema_state_of
from leadstream.records.models import ModelThreshold
from leadstream.records.outputs import Accumulator, FactorShare

LEAD_COLUMNS = (
    "tenant_id, lead_id, score_total, score_band, score_version, score_updated_on, total, model, "
    "next_change_on, last_activity_on, suppressed, stage, owner, caps::text, accumulators::text"
)
LEAD = f"SELECT {LEAD_COLUMNS} FROM leads WHERE tenant_id = $1 AND lead_id = $2"
ALL_LEADS = f"SELECT {LEAD_COLUMNS} FROM leads"
# LIMIT keeps each row a look-up of its own.
TOP = f"""
SELECT lead.* FROM top_leads($1, $2) AS best,
    LATERAL (SELECT {LEAD_COLUMNS} FROM leads WHERE tenant_id = $1 AND lead_id = best.lead_id LIMIT 1) AS lead
ORDER BY best.place
"""
TENANTS = """
WITH RECURSIVE tenant AS (
    SELECT min(tenant_id) AS id FROM leads
    UNION ALL
    SELECT (SELECT min(tenant_id) FROM leads WHERE tenant_id > tenant.id) FROM tenant
    WHERE tenant.id IS NOT NULL
)
SELECT id FROM tenant WHERE id IS NOT NULL
"""
NEIGHBOURS = """
(SELECT lead_id FROM leads WHERE tenant_id = $1 AND lead_id < $2 ORDER BY lead_id DESC LIMIT 3)
UNION ALL
(SELECT lead_id FROM leads WHERE tenant_id = $1 AND lead_id > $2 ORDER BY lead_id LIMIT 3)
"""
BANDS = """
SELECT score_band, count(*) FROM leads WHERE $1::text IS NULL OR tenant_id = $1
GROUP BY score_band ORDER BY min(total)
"""
# A reset is followed by what counts since then.
FACTORS = """
WITH counted AS (
    SELECT * FROM score_events AS event WHERE tenant_id = $1 AND lead_id = $2 AND source_offset > coalesce((
        SELECT max(source_offset) FROM score_events AS earlier
        WHERE earlier.tenant_id = $1 AND earlier.lead_id = $2 AND earlier.outcome = 'reset'
    ), -1)
), parts AS (
    SELECT part ->> 'factor' AS factor, (part ->> 'points')::float8 AS points, counted.*
    FROM counted, jsonb_array_elements(contributions) AS part
)
SELECT DISTINCT ON (factor) factor, sum(points) OVER (PARTITION BY factor) AS came,
    signal_id, event_type, at, created_at
FROM parts ORDER BY factor, at DESC, source_offset DESC
"""
ACTION_COLUMNS = (
    "id, type, tenant_id, lead_id, at, cause, direction, threshold, total_before, total_after, score, band, "
    "previous_band, stage, previous_stage, action, channel, trigger, value, signal_id, signal_type, "
    "coalesce(factors, '[]')::text"
)
ACTIONS_OF_TYPE = f"""
SELECT {ACTION_COLUMNS} FROM action_log WHERE type = $1
ORDER BY at DESC, log_partition, log_offset DESC LIMIT $2
"""
ACTIONS_OF_LEAD = f"""
SELECT {ACTION_COLUMNS} FROM action_log WHERE tenant_id = $1 AND lead_id = $2
    AND at >= coalesce($4::timestamptz, '-infinity') AND at <= coalesce($5::timestamptz, 'infinity')
ORDER BY at DESC, log_offset DESC LIMIT $3
"""
SKIPPED = """
SELECT coalesce(action, '') AS action, coalesce(reason, '') AS reason, count(*) FROM decision_log
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
THRESHOLDS = """
SELECT thresholds::text FROM lead_scoring_models
WHERE tenant_id IN ($1, '') AND name = $2 AND version = $3
ORDER BY is_active DESC, tenant_id DESC, log_offset DESC LIMIT 1
"""
PASSED = """
SELECT threshold FROM (
    SELECT DISTINCT ON (threshold) threshold, direction FROM action_log
    WHERE tenant_id = $1 AND lead_id = $2 AND type = 'lead.threshold.crossed'
    ORDER BY threshold, at DESC, log_offset DESC
) AS last WHERE direction = 'up'
"""
LAST_SIGNALS = """
WITH RECURSIVE kind AS (
    (SELECT event_type, source FROM score_events ORDER BY event_type, source LIMIT 1)
    UNION ALL
    SELECT following.event_type, following.source FROM kind, LATERAL (
        SELECT event_type, source FROM score_events
        WHERE (event_type, source) > (kind.event_type, kind.source) ORDER BY event_type, source LIMIT 1
    ) AS following
)
SELECT event_type, source, (
    SELECT max(created_at) FROM score_events AS event
    WHERE event.event_type = kind.event_type AND event.source = kind.source
) AS last FROM kind ORDER BY 1, 2
"""
TOPIC_IDS = (
    "SELECT DISTINCT topic, topic_id FROM projection_positions WHERE topic_id IS NOT NULL ORDER BY topic"
)
POSITIONS = "SELECT topic, partition, position FROM projection_positions ORDER BY topic, partition"
DEAD_LETTERS = """
SELECT topic, reason, count(*), max(logged_at) AS last FROM projection_dead_letters
GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A row of `leads`. Instants are epoch milliseconds; `updated` is the fold's now at which it is exact.

    `caps` are low and high of categories; `stage` is empty for none, `owner` is
    None for nobody."""

    tenant: str
    lead: str
    score: int
    band: str
    version: str
    updated: int
    total: float
    model: str
    next_change: int | None
    last_activity: int | None
    suppressed: tuple[str, ...]
    stage: str
    owner: str | None
    caps: dict[str, tuple[float, float]]
    accumulators: tuple[Accumulator, ...]


@dataclass(frozen=True, slots=True)
class FactorHistory:
    """What `score_events` knows of a factor since the last reset: what its signals were worth when they came,
    together, and the last of them (`at`: its own time, epoch ms)."""

    factor: str
    came: float
    signal: str
    type: str
    at: int


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """A row of `action_log`; `at` in epoch milliseconds. `signal` and `signal_type` name the cause, `factors`
    what each factor contributed then."""

    id: str
    type: str
    tenant: str
    lead: str
    at: int
    cause: str
    direction: str
    threshold: float | None
    total_before: float
    total_after: float
    score: int
    band: str
    previous_band: str | None
    stage: str
    previous_stage: str | None
    action: str | None
    channel: str | None
    trigger: str | None
    value: float | None
    signal: str | None
    signal_type: str | None
    factors: tuple[FactorShare, ...]


_accumulators = msgspec.json.Decoder(tuple[Accumulator, ...]).decode
_caps = msgspec.json.Decoder(dict[str, tuple[float, float]]).decode
_thresholds = msgspec.json.Decoder(tuple[ModelThreshold, ...]).decode
_factors = msgspec.json.Decoder(tuple[FactorShare, ...]).decode


class Tables:
    """Questions to the tables. Each raises `StoreUnavailable` when PostgreSQL is away."""

    def __init__(self, pool: asyncpg.Pool, dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn

    async def lead(self, tenant: str, lead: str) -> LeadRow | None:
        """One lead, or None."""
        rows = await self._fetch(LEAD, tenant, lead)
        return lead_row(rows[0]) if rows else None

    async def nearest(self, tenant: str, lead: str) -> list[str]:
        """Ids of the tenant's leads that may have been meant, best first."""
        rows = await self._fetch(NEIGHBOURS, tenant, lead)
        return get_close_matches(lead, [row["lead_id"] for row in rows])

    async def tenants(self) -> list[str]:
        """All tenants that have leads."""
        return [row["id"] for row in await self._fetch(TENANTS)]

    async def top(self, tenant: str, limit: int = 10) -> list[LeadRow]:
        """The tenant's leads with the highest totals at this moment, each row as of its own instant."""
        return [lead_row(row) for row in await self._fetch(TOP, tenant, limit)]

    async def listed(
        self,
        tenant: str,
        limit: int,
        band: str | None = None,
        stage: str | None = None,
        owner: str | None = None,
    ) -> list[Listed]:
        """The tenant's leads by total at this moment, of a band, stage and owner if given ("" for nobody)."""
        if band is None and stage is None and owner is None:
            rows = await self._fetch(lead_list.BEST, tenant, limit)
        else:
            rows = await self._fetch(lead_list.NARROWED, tenant, limit, band, stage, owner)
        return [Listed(*row) for row in rows]

    async def names(self, kind: str, tenant: str) -> list[str]:
        """The bands or stages of the tenant's models and leads, or the owners of its leads, by `kind`."""
        query = {"band": lead_list.BANDS, "stage": lead_list.STAGES, "owner": lead_list.OWNERS}[kind]
        return [row["name"] for row in await self._fetch(query, tenant)]

    async def bands(self, tenant: str | None = None) -> dict[str, int]:
        """How many leads are in each band, from the lowest to the highest."""
        return dict(await self._fetch(BANDS, tenant))

    async def factors(self, tenant: str, lead: str) -> dict[str, FactorHistory]:
        """By factor, what made it."""
        return {
            row["factor"]: FactorHistory(
                row["factor"], row["came"], row["signal_id"], row["event_type"], row["at"]
            )
            for row in await self._fetch(FACTORS, tenant, lead)
        }

    async def latest(self, kind: str = "lead.action.requested", limit: int = 10) -> list[LoggedAction]:
        """The latest records of one type in the action log, newest first."""
        return [_logged(row) for row in await self._fetch(ACTIONS_OF_TYPE, kind, limit)]

    async def actions(
        self, tenant: str, lead: str, limit: int = 10, since: int | None = None, until: int | None = None
    ) -> list[LoggedAction]:
        """A lead's latest records in the action log in a time (epoch ms, None for open), newest first."""
        rows = await self._fetch(ACTIONS_OF_LEAD, tenant, lead, limit, since, until)
        return [_logged(row) for row in rows]

    async def withheld(
        self, tenant: str, lead: str, limit: int = 10, since: int | None = None, until: int | None = None
    ) -> list[Withheld]:
        """A lead's latest actions that were withheld in a time (epoch ms, None for open), newest first."""
        rows = await self._fetch(lead_history.WITHHELD, tenant, lead, since, until, limit)
        return [Withheld(*row) for row in rows]

    async def moves(
        self, tenant: str, lead: str, since: int | None, until: int | None, limit: int
    ) -> list[Move]:
        """What signals did to a lead that were folded in a time (epoch ms, None for open), newest first."""
        rows = await self._fetch(lead_history.MOVES, tenant, lead, since, until, limit)
        return [lead_history.move(row) for row in rows]

    async def push(self, tenant: str, lead: str, since: int | None, until: int | None) -> Push | None:
        """The last crossing upwards of a lead in a time (epoch ms, None for open)."""
        return lead_history.push(await self._fetch(lead_history.PUSHED, tenant, lead, since, until))

    async def evidence(self, tenant: str, lead: str) -> dict[str, tuple[Evidence, ...]]:
        """By factor of a lead, the last signals in it."""
        return lead_history.evidence(await self._fetch(lead_history.EVIDENCE, tenant, lead))

    async def channels(self, lead: LeadRow) -> tuple[Channel, ...]:
        """What a lead consents to, by its history, and which channels are suppressed."""
        rows = await self._fetch(lead_consents.CONSENTS, lead.tenant, lead.lead, lead_consents.TYPES)
        return lead_consents.channels(rows, lead.suppressed)

    async def skipped(self) -> list[tuple[str, str, int]]:
        """Withheld actions: action, reason, how many."""
        return [tuple(row) for row in await self._fetch(SKIPPED)]

    async def thresholds(self, lead: LeadRow) -> tuple[ModelThreshold, ...] | None:
        """Those of the model that scored the lead; None while the tables don't have the model."""
        rows = await self._fetch(THRESHOLDS, lead.tenant, lead.model, lead.version)
        return _thresholds(rows[0]["thresholds"]) if rows else None

    async def passed(self, tenant: str, lead: str) -> frozenset[float]:
        """The thresholds whose last crossing by the lead was upwards."""
        return frozenset(row["threshold"] for row in await self._fetch(PASSED, tenant, lead))

    async def last_signals(self) -> list[tuple[str, str, int]]:
        """Per type and source of signals, when one was last folded (epoch ms)."""
        return [tuple(row) for row in await self._fetch(LAST_SIGNALS)]

    async def positions(self) -> dict[tuple[str, int], int]:
        """By topic and partition, the offset up to which the tables hold it."""
        return {(row["topic"], row["partition"]): row["position"] for row in await self._fetch(POSITIONS)}

    async def topic_ids(self) -> dict[str, str]:
        """The ids of the topics that the positions are in, as far as they are known."""
        return {row["topic"]: row["topic_id"] for row in await self._fetch(TOPIC_IDS)}

    async def dead_letters(self) -> list[tuple[str, str, int, int]]:
        """Rows that could not be stored: topic, reason, how many, the last one's time (epoch ms)."""
        return [tuple(row) for row in await self._fetch(DEAD_LETTERS)]

    async def all_leads(self) -> AsyncIterator[LeadRow]:
        """Every lead, as of one moment, however many there are."""
        with translated(self._dsn):
            async with self._pool.acquire() as connection, connection.transaction(readonly=True):
                async for row in connection.cursor(ALL_LEADS, prefetch=2000):
                    yield lead_row(row)

    async def _fetch(self, query: str, *values: Any) -> list[Any]:
        with translated(self._dsn):
            return await self._pool.fetch(query, *values)  # type: ignore[no-any-return]


@asynccontextmanager
async def reading(dsn: str, schema: str) -> AsyncIterator[Tables]:
    """The tables, to be read. Raises `StoreUnavailable`, and `SchemaMismatch` with the remedy."""
    pool = await open_pool(dsn, schema)
    try:
        with translated(dsn):
            async with pool.acquire() as connection:
                state = await schema_state_of(connection, schema)
        state.check()
        yield Tables(pool, dsn)
    finally:
        pool.terminate()


def lead_row(row: Any) -> LeadRow:
    """From the values of `LEAD_COLUMNS`."""
    values = list(row)
    suppressed, stage, owner, caps, accumulators = values[-5:]
    values[-5:] = tuple(suppressed), stage, owner, _caps(caps), _accumulators(accumulators)
    return LeadRow(*values)


def _logged(row: Any) -> LoggedAction:
    values = list(row)
    values[-1] = _factors(values[-1])
    return LoggedAction(*values)
