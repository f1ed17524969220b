"""The months of history and of the trail of factors: making partitions, and dropping those that are old."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

from leadstream.projection.database import open_pool, translated
from leadstream.projection.migrate import schema_state_of
from leadstream.projection.storable import Row
from leadstream.projection.tables import ACTION_LOG, SCORE_EVENTS
from leadstream.records.outputs import Kind
from leadstream.records.times import DAY

RETRY_SECONDS = 60.0
"""A month that a long reader keeps from being made is tried again after so long."""
MAKES: dict[Kind, tuple[str, int]] = {
    "history": ("SELECT make_month($1)", SCORE_EVENTS.names.index("created_at")),
    "actions": ("SELECT make_factor_month($1)", ACTION_LOG.names.index("at")),
}
"""What makes the month that a row wants, and which column of the row says so."""
KEPT_BY = {"score_events": "created_at", "lead_score_factors": "created_on"}
"""The tables by month, and the column that their months are of."""
EPOCH = date(1970, 1, 1)
MONTHS = """
SELECT relname AS name, to_date(right(relname, 7), 'YYYY_MM') AS month
FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
WHERE inhparent = $1::regclass AND relname ~ '_[0-9]{4}_[0-9]{2}$' ORDER BY 1
"""
COUNT_OLD = "SELECT count(*) FROM {}_other WHERE {} < $1::date::timestamp AT TIME ZONE 'UTC'"
DELETE_OLD = "DELETE FROM {}_other WHERE {} < $1::date::timestamp AT TIME ZONE 'UTC'"
# Dropping a partition needs the whole table for a moment; who reads it for longer is not waited for.
PATIENCE = "SET LOCAL lock_timeout = '5s'"


class Months:
    """The months that have a partition, as far as one projector knows."""

    def __init__(self) -> None:
        self._made: set[tuple[Kind, date]] = set()
        self._retry_at = 0.0

    def forget(self) -> None:
        """The tables may be earlier ones, without some of these months."""
        self._made.clear()

    async def make(self, pool: asyncpg.Pool, kind: Kind, rows: Iterable[Row]) -> None:
        """Makes the partitions that rows of a kind want, in transactions of their own.

        Where a lock is not to be had within 2 s, the rows go to the partition `other` until it is.
        """
        if kind not in MAKES:
            return
        make, column = MAKES[kind]
        # Few days, so few conversions.
        days = {row[column] // DAY for row in rows}
        months = {(kind, month_of(day)) for day in days} - self._made
        if not months or time.monotonic() < self._retry_at:
            return
        for wanted in sorted(months):
            try:
                await pool.fetchval(make, wanted[1])
            except asyncpg.LockNotAvailableError:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                return
            self._made.add(wanted)


def month_of(day: int) -> date:
    """The first day of the month of a day, counted from 1970."""
    return (EPOCH + timedelta(days=day)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Retained:
    """What is older than the first day of `since`: partitions, and rows in no month's partition."""

    since: date
    months: tuple[str, ...]
    rows: int


async def retain(
    dsn: str, schema: str, keep: int, *, now: datetime | None = None, dry: bool = False
) -> Retained:
    """Drops the months of history and factors before the `keep` whole months that precede that of `now`.

    Without `now` that is today's. All in one transaction; with `dry` nothing is dropped, only found. Needs
    the schema's owner. Raises `SchemaMismatch`, and `StoreUnavailable` also if somebody reads a table for
    more than 5 s.
    """
    today = (now or datetime.now(UTC)).astimezone(UTC)
    years, month = divmod(today.year * 12 + today.month - 1 - keep, 12)
    since = date(years, month + 1, 1)
    pool = await open_pool(dsn, schema, size=1)
    try:
        with translated(dsn):
            async with pool.acquire() as connection:
                (await schema_state_of(connection, schema)).check()
                async with connection.transaction():
                    await connection.execute(PATIENCE)
                    names, rows = [], 0
                    for table, column in KEPT_BY.items():
                        found = await connection.fetch(MONTHS, table)
                        names += [row["name"] for row in found if row["month"] < since]
                        rows += await connection.fetchval(COUNT_OLD.format(table, column), since)
                        if not dry:
                            await connection.execute(DELETE_OLD.format(table, column), since)
                    if names and not dry:
                        await connection.execute(f"DROP TABLE {', '.join(names)}")
    finally:
        pool.terminate()
    return Retained(since, tuple(names), rows)
