"""How long PostgreSQL takes to name the best leads of a tenant, as of this moment.

    python -m benchmarks.ranking [--leads 1000000] [--top 100] [--times 20] [--world NAME ...]

Starts the embedded PostgreSQL, or takes the one in LEADSTREAM_POSTGRES_DSN. Makes the leads of one tenant,
for several kinds of models, inside PostgreSQL, or as the projector does where caps and kernels want it
(`capped`, `stepped`), and asks `top_leads` for the best now, in one and in three
days (with nothing written since): the median and the slowest of the times, and how many rows of `leads` were
read. Each answer is compared with sorting all leads by their totals then, to the last place.
"""

import argparse
import asyncio
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

import asyncpg

from leadstream.devstack import postgres
from leadstream.projection.migrate import migrate
from leadstream.projection.store import ProjectionStore
from tests.projection.made import DAY, Record
from tests.projection.many import DETAILED, WORLDS, records

STEP = 10_000
TOP = "SELECT lead_id, total_now FROM top_leads('acme', $1, timestamptz 'epoch' + $2 * interval '1 ms')"
FULL = """
SELECT lead_id, total_of(accumulators, caps, greatest($2::float8, epoch_ms(score_updated_on))) AS total_now
FROM leads WHERE tenant_id = 'acme' ORDER BY total_now DESC, lead_id LIMIT $1
"""
READ = """
SELECT sum(seq_tup_read + idx_tup_fetch)::bigint FROM pg_stat_xact_user_tables
WHERE schemaname = current_schema() AND relname = 'leads'
"""


async def read_of(connection: asyncpg.Connection, top: int, at: float) -> int:
    """Rows of `leads` that one answer reads."""
    async with connection.transaction():
        before = await connection.fetchval(READ) or 0
        await connection.fetch(TOP, top, at)
        return int(await connection.fetchval(READ) or 0) - int(before)


async def measure(dsn: str, options: argparse.Namespace) -> None:
    print(await server_version(dsn))
    for world in options.world or [*WORLDS, *DETAILED]:
        schema = f"ranking_{os.getpid()}"
        await migrate(dsn, schema)
        connection = await asyncpg.connect(dsn, server_settings={"search_path": schema, "jit": "off"})
        started = time.perf_counter()
        now = await connection.fetchval("SELECT epoch_ms(now())")
        if world in WORLDS:
            await connection.fetch(WORLDS[world], "acme", options.leads)
        else:
            await project(dsn, schema, records(world, options.leads, int(now)))
        await connection.execute("VACUUM ANALYZE leads")
        size = await connection.fetchval("SELECT pg_relation_size('leads_by_rank')")
        parts = await connection.fetchval(
            "SELECT count(*) FROM (SELECT DISTINCT rank_half_life, rank_base FROM leads) AS part"
        )
        print(
            f"{world}: {options.leads:,} leads made in {time.perf_counter() - started:.0f} s, {parts} parts, "
            f"leads_by_rank {size / 1e6:.0f} MB"
        )
        for days in (0, 1, 3):
            at = now + days * DAY
            answer = await connection.fetch(TOP, options.top, at)
            taken = []
            for _ in range(options.times):
                started = time.perf_counter()
                await connection.fetch(TOP, options.top, at)
                taken.append((time.perf_counter() - started) * 1000)
            started = time.perf_counter()
            right = answer == await connection.fetch(FULL, options.top, at)
            full = time.perf_counter() - started
            read = await read_of(connection, options.top, at)
            print(
                f"  top {options.top} in {days:>2} days: median {median(taken):6.1f} ms, "
                f"slowest {max(taken):6.1f} ms, "
                f"{read:,} rows read; sorting all takes {full:.1f} s: {'the same' if right else 'DIFFERENT'}"
            )
        await connection.execute(f"DROP SCHEMA {schema} CASCADE")
        await connection.close()


async def project(dsn: str, schema: str, snapshots: Iterator[Record]) -> None:
    """Writes the snapshots as a projector does."""
    store = ProjectionStore(dsn, schema, {"bench.scores": "scores"})
    await store.open()
    position = 0
    while step := list(islice(snapshots, STEP)):
        await store.apply("bench.scores", 0, position, position + len(step), step)
        position += len(step)
    await store.close()


async def server_version(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    version: str = await connection.fetchval("SELECT version()")
    await connection.close()
    return version


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--top", type=int, default=100)
    parser.add_argument("--times", type=int, default=20, help="how often each question is asked")
    parser.add_argument("--world", action="append", choices=[*WORLDS, *DETAILED], help="only these")
    options = parser.parse_args()
    print(f"$ {shlex.join([Path(sys.executable).name, '-m', 'benchmarks.ranking', *sys.argv[1:]])}")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, postgres(directory=Path(folder)) as dsn:
        asyncio.run(measure(dsn, options))


if __name__ == "__main__":
    main()
