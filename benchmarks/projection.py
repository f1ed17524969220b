"""How fast PostgreSQL takes the worker's records.

    python benchmarks/projection.py [--leads 50000] [--steps 60] [--step 5000]

Starts the embedded PostgreSQL, or takes the one in LEADSTREAM_POSTGRES_DSN. Prints, per second of wall clock:
snapshots of leads that are new, snapshots of leads that are there (two partitions at a time, as the projector
does), history entries (batches of 500), the share of each step that Python spends on decoding, the sizes of
the tables, and how long a lead takes in the views that explain scores. The numbers are of the store alone,
with records that are in memory: fetching from Kafka comes on top. The embedded PostgreSQL does not wait for
the disk.
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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import msgspec

from leadstream.localstack import postgres
from leadstream.projection.migrate import migrate
from leadstream.projection.rows import read_records
from leadstream.projection.store import ProjectionStore
from leadstream.projection.tables import Kind
from leadstream.records.keys import lead_key
from leadstream.records.outputs import Accumulator, Contribution, HistoryBatch, HistoryEntry, ScoreSnapshot

NOW = 1_767_225_600_000
HALF_LIFE = 14 * 86_400_000
PARTITIONS = 2
BATCH = 500
ASKED = 200
TOPICS: dict[str, Kind] = {"bench.scores": "scores", "bench.history": "history"}
FACTORS = (
    ("email.opened", 2.0),
    ("email.replied.positive", 25.0),
    ("page.viewed", 10.0),
    ("form.submitted.organic", 30.0),
    ("status.changed", 40.0),
)


@dataclass(slots=True)
class Record:
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def snapshots(rng: random.Random, leads: Sequence[int], place: int) -> list[Record]:
    """One snapshot a lead, with five factors each."""
    records = []
    for index, number in enumerate(leads):
        offset = place + index
        now = NOW + offset
        total = rng.uniform(0, 120)
        factors = tuple(
            Accumulator(
                factor=name, category="", points=points, kernel="exponential", half_life=HALF_LIFE,
                mass=rng.uniform(0, 2), t_ref=now, count=rng.randrange(1, 9), last_at=now,
            )
            for name, points in FACTORS
        )  # fmt: skip
        snapshot = ScoreSnapshot(
            tenant="acme", lead=f"lead-{number:08d}", at=now, total=total, score=int(min(total, 100)),
            band="cold" if total < 50 else "warm" if total < 80 else "hot", model="tenx", version="1",
            suppressed=(), next_change=now + 100_000, last_activity=now, offset=offset, accumulators=factors,
        )  # fmt: skip
        key = lead_key("acme", snapshot.lead)
        records.append(Record(offset, now, key, msgspec.json.encode(snapshot)))
    return records


def history(rng: random.Random, leads: int, place: int, count: int, partition: int) -> list[Record]:
    """Entries of random leads, with data of a page view."""
    records = []
    for start in range(place, place + count, BATCH):
        entries = []
        for offset in range(start, start + BATCH):
            before = rng.uniform(0, 100)
            lead, now = f"lead-{rng.randrange(leads):08d}", NOW + offset
            data = {"url": "https://example.com/pricing", "title": "Pricing", "seconds": rng.randrange(300)}
            entries.append(HistoryEntry(
                offset=offset, tenant="acme", lead=lead, signal=f"signal-{offset:012d}", type="page.viewed",
                source="web", at=now, now=now, points=10.0, before=before, after=before + 10,
                score_before=int(before), score_after=int(before) + 10,
                contributions=(Contribution("page.viewed", 10.0),), data=data,
            ))  # fmt: skip
        records.append(
            Record(start // BATCH, NOW, None, msgspec.json.encode(HistoryBatch(partition, tuple(entries))))
        )
    return records


async def project(store: ProjectionStore, topic: str, steps: Sequence[Sequence[list[Record]]]) -> float:
    """Seconds to apply the steps of every partition, partitions side by side."""

    async def partition(number: int) -> None:
        position = await store.position(topic, number) or 0
        for records in steps[number]:
            await store.apply(topic, number, position, position + len(records), records)
            position += len(records)

    started = time.perf_counter()
    await asyncio.gather(*(partition(number) for number in range(len(steps))))
    return time.perf_counter() - started


def chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def decode_seconds(topic: str, steps: Sequence[Sequence[list[Record]]]) -> float:
    started = time.perf_counter()
    for partition in steps:
        for records in partition:
            read_records(TOPICS[topic], 0, records)
    return time.perf_counter() - started


def line(name: str, count: int, seconds: float, decoding: float) -> None:
    share = decoding / seconds
    print(f"{name:<28} {count / seconds:>9,.0f}/s   {count:,} in {seconds:.2f} s, decoding {share:.0%}")


async def measure(dsn: str, options: argparse.Namespace) -> None:
    schema = f"bench_{os.getpid()}"
    await migrate(dsn, schema)
    store = ProjectionStore(dsn, schema, TOPICS)
    await store.open()
    connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
    rng = random.Random(1)
    print(await connection.fetchval("SELECT version()"))
    print("fsync", await connection.fetchval("SHOW fsync"))
    share = options.leads // PARTITIONS
    leads = [range(number * share, (number + 1) * share) for number in range(PARTITIONS)]
    new = [
        [snapshots(rng, part, part[0]) for part in chunks(leads[number], options.step)]
        for number in range(PARTITIONS)
    ]
    line("snapshots, new leads", share * PARTITIONS, await project(store, "bench.scores", new),
         decode_seconds("bench.scores", new))  # fmt: skip
    again = [
        [
            snapshots(rng, rng.sample(leads[number], min(options.step, share)), options.leads * (step + 1))
            for step in range(options.steps // PARTITIONS)
        ]
        for number in range(PARTITIONS)
    ]
    count = sum(len(records) for part in again for records in part)
    line("snapshots, known leads", count, await project(store, "bench.scores", again),
         decode_seconds("bench.scores", again))  # fmt: skip
    per_step = options.step // BATCH * BATCH
    entries = [
        [
            history(rng, options.leads, step * per_step, per_step, number)
            for step in range(options.steps // PARTITIONS)
        ]
        for number in range(PARTITIONS)
    ]
    count = per_step * sum(len(part) for part in entries)
    line("history entries", count, await project(store, "bench.history", entries),
         decode_seconds("bench.history", entries))  # fmt: skip
    for name in ("leads", "score_events"):
        rows = await connection.fetchval(f"SELECT count(*) FROM {name}")
        size = await connection.fetchval(
            "SELECT pg_total_relation_size($1::regclass) + coalesce("
            "(SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree($1::regclass)), 0)",
            name,
        )
        each = float(size) / max(1, rows)
        print(f"{name:<28} {rows:,} rows, {float(size) / 1e6:.0f} MB with indexes, {each:.0f} B a row")
    await connection.execute("ANALYZE leads, score_events")
    for view, name in (("lead_score_factors", "lead_id"), ("contact_scores", "contact_id")):
        asked = [f"lead-{rng.randrange(options.leads):08d}" for _ in range(ASKED)]
        query = f"SELECT * FROM {view} WHERE tenant_id = 'acme' AND {name} = $1"
        started = time.perf_counter()
        for lead in asked:
            await connection.fetch(query, lead)
        print(f"{view:<28} {(time.perf_counter() - started) / ASKED * 1000:.2f} ms a lead")
    await store.close()
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=50_000)
    parser.add_argument("--steps", type=int, default=60, help="steps of known leads, and of history")
    parser.add_argument("--step", type=int, default=5_000, help="records of a step")
    options = parser.parse_args()
    print(f"$ {shlex.join([Path(sys.executable).name, *sys.argv])}")
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"asyncpg {asyncpg.__version__}, msgspec {msgspec.__version__}"
    )
    with tempfile.TemporaryDirectory() as folder, postgres(directory=Path(folder)) as dsn:
        asyncio.run(measure(dsn, options))


if __name__ == "__main__":
    main()
