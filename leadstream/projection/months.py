"""The months of `score_events`: making their partitions, and dropping those that are old enough."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

from leadstream.projection.database import open_pool, translated
from leadstream.projection.migrate import schema_state_of
from leadstream.projection.storable import Row
from leadstream.projection.tables import SCORE_EVENTS
from leadstream.records.times import DAY

MAKE = "SELECT make_month($1)"
RETRY_SECONDS = 60.0
"""A month that a long reader keeps from being made is tried again after so long."""
CREATED_AT = SCORE_EVENTS.names.index("created_at")
EPOCH = date(1970, 1, 1)
MONTHS = """
SELECT relname AS name, to_date(substr(relname, 14), 'YYYY_MM') AS month
FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
WHERE inhparent = 'score_events'::regclass AND relname ~ '^score_events_[0-9]{4}_[0-9]{2}$' ORDER BY 1
"""
COUNT_OLD = (
    "SELECT count(*) FROM score_events_other WHERE created_at < $1::date::timestamp AT TIME ZONE 'UTC'"
)
DELETE_OLD = "DELETE FROM score_events_other WHERE created_at < $1::date::timestamp AT TIME ZONE 'UTC'"
# Dropping a partition needs the whole table for a moment; who reads it for longer is not waited for.
PATIENCE = "SET LOCAL lock_timeout = '5s'"


class Months:
    """The months that have a partition, as far as one projector knows."""

    def __init__(self) -> None:
        self._made: set[date] = set()
        self._retry_at = 0.0

    def forget(self) -> None:
        """The tables may be earlier ones, without some of these months."""
        self._made.clear()

    async def make(self, pool: asyncpg.Pool, rows: Iterable[Row]) -> None:
        """Makes the partitions that the rows want, in transactions of their own.

        Where a lock is not to be had within 2 s, the rows go to `score_events_other` until it is.
        """
        # Few days, so few conversions.
        days = {row[CREATED_AT] // DAY for row in rows}
        months = {month_of(day) for day in days} - self._made
        if not months or time.monotonic() < self._retry_at:
            return
        for month in sorted(months):
            try:
                await pool.fetchval(MAKE, month)
            except asyncpg.LockNotAvailableError:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                return
            self._made.add(month)


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
    """Drops the months of `score_events` before the `keep` whole months that precede the month of `now`.

    Without `now` that is today's. All in one transaction; with `dry` nothing is dropped, only found. Needs
    the schema's owner. Raises `SchemaMismatch`, and `StoreUnavailable` also if somebody reads the table for
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
                    names = [row["name"] for row in await connection.fetch(MONTHS) if row["month"] < since]
                    rows = await connection.fetchval(COUNT_OLD, since)
                    if not dry:
                        if names:
                            await connection.execute(f"DROP TABLE {', '.join(names)}")
                        await connection.execute(DELETE_OLD, since)
    finally:
        pool.terminate()
    return Retained(since, tuple(names), rows)
