"""Tables made anew beside those that are read, checked, and put in their place in one transaction."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import asyncpg

from leadstream.projection.database import LOST, connect, translated
from leadstream.projection.destinations import INDEXES
from leadstream.projection.errors import ProjectionError
from leadstream.projection.migrate import LOCK, migrate, schema_state_of
from leadstream.projection.policies import granted, renew

COPIED = ("projection_timeline", "crm_destinations")
"""What is not in the topics. With the timeline the tokens of destinations stay good: offsets are the same."""
# The sums of the fold and those of the factors differ by rounding, which grows with what was added and taken.
WRONG_TOTALS = """
SELECT tenant_id || ':' || lead_id FROM leads
WHERE NOT abs(total - total_of(accumulators, caps, epoch_ms(score_updated_on))) <= 1e-6
    OR score_total <> shown_score(total)
ORDER BY 1 LIMIT 5
"""
ALONE = "SELECT pg_try_advisory_lock(hashtextextended('leadstream rebuild ' || $1, 0))"
CLOSE_SECONDS = 5.0
DEAD = "SELECT count(*) FROM projection_dead_letters"
DIFFERENCE = """
SELECT count(*) FILTER (WHERE live.lead_id IS NULL), count(*) FILTER (WHERE made.lead_id IS NULL),
    count(*) FILTER (WHERE live.log_offset = made.log_offset AND live.source_partition = made.source_partition
        AND (live.total, live.score_band, live.stage, live.accumulators, live.caps)
            IS DISTINCT FROM (made.total, made.score_band, made.stage, made.accumulators, made.caps))
FROM {live}.leads AS live FULL JOIN {made}.leads AS made
    ON live.tenant_id = made.tenant_id AND live.lead_id = made.lead_id
"""
# Tables that are too old to be migrated lack some of the columns.
DIFFERENCE_OF_IDS = """
SELECT count(*) FILTER (WHERE live.lead_id IS NULL), count(*) FILTER (WHERE made.lead_id IS NULL), NULL
FROM {live}.leads AS live FULL JOIN {made}.leads AS made
    ON live.tenant_id = made.tenant_id AND live.lead_id = made.lead_id
"""
# A compacted topic forgets removals after a day; who has not heard of them yet still has to.
REMOVED = """
INSERT INTO removed_leads SELECT * FROM {live}.removed_leads ON CONFLICT (tenant_id, lead_id) DO NOTHING
"""
PATHS = """
SELECT proc.oid::regprocedure::text FROM pg_proc AS proc
WHERE pronamespace = to_regnamespace($1)
    AND EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting LIKE 'search_path=%')
"""


class RebuildRefused(ProjectionError):
    """The tables can't be made anew, or what was made must not take the place of the live ones."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How the leads of the new tables differ from the live ones: leads in the new ones alone, in the live
    ones alone, and with another score though from the same record; None where the live tables are too old
    to tell."""

    added: int
    missing: int
    changed: int | None

    def __str__(self) -> str:
        scores = "scores not compared"
        if self.changed is not None:
            scores = f"{self.changed:,} with another score from the same record"
        return f"against the live tables: {self.added:,} leads more, {self.missing:,} fewer, {scores}"


class Rebuild:
    """The tables of `schema`, made anew in `made`; the live ones become `old`.

    Used as `async with Rebuild(...) as work`: the connection that it holds is alone at this work, and so is
    what `switch` puts in place. Needs the owner of the live tables. Entering raises `RebuildRefused` while
    another rebuild of the schema is under way, and `StoreUnavailable`.
    """

    def __init__(self, dsn: str, schema: str) -> None:
        self.schema = schema
        self.made = f"{schema}_next"
        self.old = f"{schema}_old"
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None
        self._too_old = False

    async def __aenter__(self) -> Self:
        connection = await connect(self._dsn)
        with translated(self._dsn):
            alone = await connection.fetchval(ALONE, self.schema)
        if not alone:
            connection.terminate()
            raise RebuildRefused(
                f"another rebuild of schema {self.schema} is under way: let it end, or end it, then try again"
            )
        self._connection = connection
        return self

    async def __aexit__(self, *_: object) -> None:
        connection, self._connection = self._held, None
        # Whoever rebuilds next finds the lock free.
        with suppress(*LOST, asyncpg.PostgresError):
            await connection.close(timeout=CLOSE_SECONDS)

    async def begin(self) -> None:
        """Makes the new schema, empty, in place of one that an earlier attempt left. The live one may be too
        old to be migrated.

        Raises `RebuildRefused` if the tables of an earlier rebuild are still there, `SchemaMismatch`,
        `StoreUnavailable`.
        """
        connection = self._held
        with translated(self._dsn):
            state = await schema_state_of(connection, self.schema)
            self._too_old = state.too_old
            if not state.too_old:
                state.check()
            if await connection.fetchval("SELECT to_regnamespace($1)", self.old) is not None:
                raise RebuildRefused(
                    f"the tables before the last rebuild are still there: look at them, then "
                    f"`DROP SCHEMA {self.old} CASCADE`"
                )
            await connection.execute(f"DROP SCHEMA IF EXISTS {self.made} CASCADE")
            await migrate(self._dsn, self.made)
            async with connection.transaction():
                for table in COPIED:
                    if not await self._is_live(table):
                        continue
                    await connection.execute(f"DELETE FROM {self.made}.{table}")
                    await connection.execute(
                        f"INSERT INTO {self.made}.{table} SELECT * FROM {self.schema}.{table}"
                    )

    async def check(self, leads: int) -> tuple[Difference, int]:
        """Makes the indexes that destinations want, and checks the new tables: `leads` of them, each with the
        total that its factors and caps give and the score shown for it.

        Returns how they differ from the live ones, and the number of rows that could not be stored. Raises
        `RebuildRefused` naming what is wrong.
        """
        connection = self._held
        with translated(self._dsn):
            await connection.execute(f"SET search_path TO {self.made}")
            for row in await connection.fetch("SELECT DISTINCT writes FROM crm_destinations"):
                index = INDEXES[row["writes"]].format(schema=self.made)
                await connection.execute(f"CREATE INDEX IF NOT EXISTS {index}")
            await connection.execute(
                "ANALYZE leads, score_events, action_log, decision_log, lead_score_factors"
            )
            found, dead = await connection.fetchrow(f"SELECT (SELECT count(*) FROM leads), ({DEAD})")
            # A lead whose last snapshot can't be stored may be absent.
            if not leads - dead <= found <= leads:
                raise RebuildRefused(
                    f"{self.made} has {found:,} leads, the topic has {leads:,}: nothing switched"
                )
            wrong = [row[0] for row in await connection.fetch(WRONG_TOTALS)]
            if wrong:
                raise RebuildRefused(
                    f"in {self.made} totals are not those of their factors ({', '.join(wrong)}): "
                    "nothing switched"
                )
            query = DIFFERENCE_OF_IDS if self._too_old else DIFFERENCE
            row = await connection.fetchrow(query.format(live=self.schema, made=self.made))
            return Difference(*row), dead

    async def switch(self) -> None:
        """Puts the new tables in the place of the live ones, with their rights, all at once.

        A running projector finds its position changed and goes on from that of the new tables. Raises
        `StoreUnavailable`.
        """
        connection = self._held
        with translated(self._dsn):
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                await connection.execute(f"SET LOCAL search_path TO {self.schema}")
                members = await granted(connection)
                await connection.execute(f"SET LOCAL search_path TO {self.made}")
                if await self._is_live("removed_leads"):
                    await connection.execute(REMOVED.format(live=self.schema))
                await renew(connection, members)
                await self._rename(connection, self.schema, self.old)
                await self._rename(connection, self.made, self.schema)

    @property
    def _held(self) -> asyncpg.Connection:
        if self._connection is None:
            raise RuntimeError("a rebuild is used as `async with`")
        return self._connection

    async def _is_live(self, table: str) -> bool:
        """Whether the live tables have this one: those that are too old may not."""
        name = f"{self.schema}.{table}"
        return await self._held.fetchval("SELECT to_regclass($1)", name) is not None

    async def _rename(self, connection: asyncpg.Connection, before: str, after: str) -> None:
        await connection.execute(f"ALTER SCHEMA {before} RENAME TO {after}")
        await connection.execute("SET LOCAL search_path TO pg_catalog")
        # Functions in PL/pgSQL name their schema.
        for row in await connection.fetch(PATHS, after):
            await connection.execute(f"ALTER FUNCTION {row[0]} SET search_path = {after}, pg_temp")
