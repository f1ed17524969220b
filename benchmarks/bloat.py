"""How the table of leads and its indexes grow under millions of updates, with autovacuum at work.

    python -m benchmarks.bloat [--leads 200000] [--upserts 10000000] [--pace 0] [--fading 0]
        [--destinations]

Starts the embedded PostgreSQL, or takes the one in LEADSTREAM_POSTGRES_DSN. Writes each lead once, then as
many snapshots of random leads as asked for, through the projector's store, two partitions at a time, as fast
as it goes or at `--pace` a second; of these a share of `--fading` only because time passed. Prints ten times
on the way: speed since the line before, sizes, dead rows, how often autovacuum was there, the share of
updates that needed no index entry (HOT). At the end it compares with what the same rows take when they are
written anew (VACUUM FULL).
"""

import argparse
import asyncio
import os
import platform
import random
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec

from benchmarks.projection import FACTORS, HALF_LIFE, NOW, PARTITIONS, Record
from leadstream.devstack import postgres
from leadstream.projection.destinations import Destination, put_destination
from leadstream.projection.migrate import migrate
from leadstream.projection.store import ProjectionStore
from leadstream.records.outputs import Accumulator, ScoreSnapshot

TOPIC = "bench.scores"
STEP = 5_000
LINES = 10
POOL = 5_000
"""So many sets of the factors that a signal leaves alone."""
STATE = """
SELECT pg_table_size(relid) AS heap, pg_indexes_size(relid) AS indexes, n_dead_tup AS dead,
    autovacuum_count AS vacuums, n_tup_upd AS updates, n_tup_hot_upd AS hot
FROM pg_stat_user_tables WHERE schemaname = current_schema() AND relname = 'leads'
"""
INDEXES = """
SELECT indexrelname AS name, pg_relation_size(indexrelid) AS size FROM pg_stat_user_indexes
WHERE schemaname = current_schema() AND relname = 'leads' ORDER BY 1
"""


def factors(rng: random.Random, count: int, now: int) -> tuple[Accumulator, ...]:
    return tuple(
        Accumulator(
            factor=name, category="", points=points, kernel="exponential", half_life=HALF_LIFE,
            mass=rng.uniform(0, 2), t_ref=now, count=rng.randrange(1, 9), last_at=now,
        )
        for name, points in FACTORS[:count]
    )  # fmt: skip


class Signals:
    """Snapshots of one partition. A signal leaves a lead with one factor of five changed; a share of `fading`
    has the factors of the lead's snapshot before."""

    def __init__(self, seed: int, fading: float) -> None:
        self._rng = random.Random(seed)
        self._fading = fading
        self._changed: dict[int, Accumulator] = {}
        self._pool = [factors(self._rng, len(FACTORS) - 1, NOW) for _ in range(POOL)]
        self.position = 0

    def step(self, leads: Sequence[int]) -> list[Record]:
        rng = self._rng
        name, points = FACTORS[-1]
        records = []
        for number in leads:
            now = NOW + self.position
            total = rng.random() * 120
            changed = self._changed.get(number)
            if changed is None or rng.random() >= self._fading:
                changed = Accumulator(
                    name, "", points, "exponential", HALF_LIFE, total / points, now, 1 + number % 9, now
                )
                if self._fading:
                    self._changed[number] = changed
            snapshot = ScoreSnapshot(
                "acme", f"lead-{number:08d}", now, total, int(min(total, 100)),
                "cold" if total < 50 else "warm" if total < 80 else "hot", "tenx", "1",
                (), now + 100_000, now, self.position, (*self._pool[number % POOL], changed),
            )  # fmt: skip
            key = b"acme:lead-%08d" % number
            records.append(Record(self.position, now, key, msgspec.json.encode(snapshot)))
            self.position += 1
        return records

    def random(self, leads: range) -> list[Record]:
        return self.step(self._rng.sample(leads, min(STEP, len(leads))))


async def measure(dsn: str, options: argparse.Namespace) -> None:
    schema = f"bloat_{os.getpid()}"
    await migrate(dsn, schema)
    if options.destinations:
        await put_destination(dsn, schema, Destination("every", "acme", "every_update"))
        await put_destination(dsn, schema, Destination("bands", "acme", "band_change"))
    store = ProjectionStore(dsn, schema, {TOPIC: "scores"})
    await store.open()
    connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
    print(await connection.fetchval("SELECT version()"))
    for name in ("autovacuum", "autovacuum_naptime", "shared_buffers", "max_wal_size", "fsync"):
        print(f"{name} {await connection.fetchval(f'SHOW {name}')}", end="; ")
    options_of = "SELECT reloptions::text FROM pg_class WHERE oid = 'leads'::regclass"
    print(f"leads: {await connection.fetchval(options_of) or 'no settings of its own'}")
    share = options.leads // PARTITIONS
    parts = [range(number * share, (number + 1) * share) for number in range(PARTITIONS)]
    signals = [Signals(number, options.fading) for number in range(PARTITIONS)]

    async def new(number: int) -> None:
        for start in range(0, share, STEP):
            await apply(number, signals[number].step(parts[number][start : start + STEP]))

    async def apply(number: int, records: list[Record]) -> None:
        first = records[0].offset
        await store.apply(TOPIC, number, first, first + len(records), records)

    async def changes(number: int, count: int) -> None:
        started = time.perf_counter()
        for done in range(0, count, STEP):
            if options.pace:
                due = started + done / (options.pace / PARTITIONS)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await apply(number, signals[number].random(parts[number]))

    await asyncio.gather(*(new(number) for number in range(PARTITIONS)))
    await connection.execute("VACUUM ANALYZE leads")
    first = await connection.fetchrow(STATE)
    print(f"{'updates':>12} {'a second':>9} {'table MB':>9} {'indexes MB':>10} {'dead':>10} vacuums   HOT")
    print(f"{0:>12,} {'':>9} {first['heap'] / 1e6:>9,.0f} {first['indexes'] / 1e6:>10,.0f}")
    done, hot = 0, 0.0
    for line in range(1, LINES + 1):
        count = options.upserts * line // LINES - done
        started = time.perf_counter()
        await asyncio.gather(*(changes(number, count // PARTITIONS) for number in range(PARTITIONS)))
        seconds = time.perf_counter() - started
        done += count
        state = await connection.fetchrow(STATE)
        hot = state["hot"] / max(1, state["updates"])
        print(
            f"{done:>12,} {count / seconds:>9,.0f} {state['heap'] / 1e6:>9,.0f} "
            f"{state['indexes'] / 1e6:>10,.0f} {state['dead']:>10,} {state['vacuums']:>7} {hot:>5.0%}"
        )
    before = await sizes(connection)
    await store.close()
    await connection.execute("VACUUM FULL leads")
    after = await sizes(connection)
    for name, size in before.items():
        print(f"{name:<16} {size / 1e6:>7,.0f} MB, written anew {after[name] / 1e6:>7,.0f} MB: "
              f"{size / after[name]:.2f} times")  # fmt: skip
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


async def sizes(connection: asyncpg.Connection) -> dict[str, int]:
    """Bytes of the table and of each index, by name."""
    state = await connection.fetchrow(STATE)
    found = {"leads": int(state["heap"])}
    found.update({row["name"]: int(row["size"]) for row in await connection.fetch(INDEXES)})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=200_000)
    parser.add_argument("--upserts", type=int, default=10_000_000)
    parser.add_argument("--pace", type=int, default=0, help="updates a second, 0 for as fast as it goes")
    parser.add_argument("--fading", type=float, default=0.0, help="the share of updates without a signal")
    parser.add_argument("--destinations", action="store_true", help="with both kinds of CRM destination")
    options = parser.parse_args()
    print(f"$ {shlex.join([Path(sys.executable).name, '-m', 'benchmarks.bloat', *sys.argv[1:]])}")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, postgres(directory=Path(folder)) as dsn:
        asyncio.run(measure(dsn, options))


if __name__ == "__main__":
    main()
