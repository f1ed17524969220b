"""How fast PostgreSQL takes the worker's records.

    python benchmarks/projection.py [--leads 50000] [--steps 60] [--step 5000]

Starts the embedded PostgreSQL, or takes the one in LEADSTREAM_POSTGRES_DSN. Prints, per second of wall clock:
snapshots of leads that are new, snapshots of leads that are there (two partitions at a time, as the projector
does), history entries (batches of 500), what of it Python decodes, and the CPU of both sides a row; signals
with all that they lead to, four topics of two partitions at a time; snapshots of a backlog in which leads
come again, of which the last of a step is written; the sizes of the tables, and how long a lead takes in the
views that explain scores. The numbers are of the store alone, with records that are in memory: fetching from
Kafka comes on top. The embedded PostgreSQL does not wait for the disk.
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

from leadstream.devstack import postgres
from leadstream.projection.migrate import migrate
from leadstream.projection.rows import read_records
from leadstream.projection.store import ProjectionStore
from leadstream.records.keys import lead_key
from leadstream.records.outputs import (
    Accumulator,
    ActionRequested,
    ActionSkipped,
    Contribution,
    FactorShare,
    HistoryBatch,
    HistoryEntry,
    Kind,
    ScoreSnapshot,
    SignalRef,
    ThresholdCrossed,
)

NOW = 1_767_225_600_000
HALF_LIFE = 14 * 86_400_000
PARTITIONS = 2
BATCH = 500
ASKED = 200
TOPICS: dict[str, Kind] = {
    "bench.scores": "scores", "bench.history": "history", "bench.actions": "actions",
    "bench.decisions": "decisions",
}  # fmt: skip
ACTIONS_SHARE = 14
"""One signal of so many passes a threshold: a crossing, a requested action, and in a tenth a withheld one."""
CATCH_UP = 20_000
"""The most records that the projector applies in one step."""
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


def outcomes(signals: Sequence[Record], place: int, partition: int) -> tuple[list[Record], list[Record]]:
    """What some of the signals behind these snapshots led to: records of actions, and of decisions."""
    actions: list[Record] = []
    decisions: list[Record] = []
    for signal in signals[::ACTIONS_SHARE]:
        lead = (signal.key or b"").decode().partition(":")[2]
        crossing = f"crossing-{partition}-{signal.offset}"
        common = {
            "tenant": "acme", "lead": lead, "at": "2026-01-01T00:00:00.000Z", "cause": "signal",
            "direction": "up", "total_before": 70.0, "total_after": 85.5, "score": 85, "band": "hot",
            "model": "tenx/1", "threshold": 80.0,
            "factors": tuple(FactorShare(name, points, 1, NOW, 7) for name, points in FACTORS),
            "signal": SignalRef(f"signal-{signal.offset:012d}", "page.viewed", "2026-01-01T00:00:00.000Z"),
        }  # fmt: skip
        action = {"do": "call", "channel": "phone", "trigger": "threshold:80.0", "crossing": crossing}
        made: list[msgspec.Struct] = [
            ThresholdCrossed(id=crossing, type="lead.threshold.crossed", **common),
            ActionRequested(id=f"a-{crossing}", type="lead.action.requested", **common, **action),
        ]
        actions += [
            Record(place + len(actions) + index, NOW, signal.key, msgspec.json.encode(one))
            for index, one in enumerate(made)
        ]
        if len(actions) % 20 == 0:
            del common["factors"]
            skipped = ActionSkipped(
                id=f"d-{crossing}", type="lead.action.skipped", reason="no_phone", **common, **action
            )
            decisions.append(Record(place + len(decisions), NOW, signal.key, msgspec.json.encode(skipped)))
    return actions, decisions


async def all_at_once(store: ProjectionStore, options: argparse.Namespace, rng: random.Random) -> None:
    """Everything that a stream of signals leads to, four topics of each partition side by side."""
    share = options.leads // PARTITIONS
    steps = max(1, options.steps // PARTITIONS // 2)
    per_step = options.step // BATCH * BATCH
    made: dict[str, list[list[list[Record]]]] = {topic: [[] for _ in range(PARTITIONS)] for topic in TOPICS}
    for number in range(PARTITIONS):
        leads = range(number * share, (number + 1) * share)
        for step in range(steps):
            place = 1_000_000_000 + step * per_step
            written = snapshots(rng, rng.choices(leads, k=per_step), place)
            entries = history(rng, options.leads, place, per_step, number)
            actions, decisions = outcomes(written, step * per_step, number)
            for topic, records in zip(TOPICS, (written, entries, actions, decisions), strict=True):
                made[topic][number].append(records)
    started = time.perf_counter()
    await asyncio.gather(*(project(store, topic, steps) for topic, steps in made.items()))
    count = steps * per_step * PARTITIONS
    seconds = time.perf_counter() - started
    records = sum(len(step) for topic in made.values() for part in topic for step in part)
    print(f"{'signals, all four topics':<28} {count / seconds:>9,.0f}/s   {count:,} in {seconds:.2f} s, "
          f"{records:,} records")  # fmt: skip


async def catch_up(store: ProjectionStore, options: argparse.Namespace, rng: random.Random) -> None:
    """A backlog in which leads come again and again: of each step only the last of a lead is written."""
    share = options.leads // PARTITIONS
    for again in (1, 5, 20):
        leads = max(1, min(share, CATCH_UP // again))
        steps = [
            [
                snapshots(
                    rng, rng.choices(range(number * share, number * share + leads), k=CATCH_UP), 2_000_000_000
                )
                for _ in range(2)
            ]
            for number in range(PARTITIONS)
        ]
        count = 2 * CATCH_UP * PARTITIONS
        written = sum(len({one.key for one in step}) for part in steps for step in part)
        seconds = await project(store, "bench.scores", steps)
        print(f"{f'backlog, {CATCH_UP // leads} a lead':<28} {count / seconds:>9,.0f}/s   {count:,} in "
              f"{seconds:.2f} s, {1 - written / count:.0%} coalesced")  # fmt: skip


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


async def cpu_seconds(connection: asyncpg.Connection) -> tuple[float, float]:
    """What this process and the sessions of PostgreSQL have used so far."""
    sessions = await connection.fetch(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
    )
    return time.process_time(), sum(used_by(row["pid"]) for row in sessions)


def used_by(pid: int) -> float:
    """CPU seconds of a process; 0 if it is not on this machine."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def timed(
    connection: asyncpg.Connection, store: ProjectionStore, name: str, topic: str,
    steps: Sequence[Sequence[list[Record]]], count: int,
) -> None:  # fmt: skip
    """Applies the steps and prints how fast, and the CPU of Python and of PostgreSQL a row."""
    python, sessions = await cpu_seconds(connection)
    seconds = await project(store, topic, steps)
    python_now, sessions_now = await cpu_seconds(connection)
    share = decode_seconds(topic, steps) / seconds
    print(
        f"{name:<28} {count / seconds:>9,.0f}/s   {count:,} in {seconds:.2f} s, decoding {share:.0%}; "
        f"CPU of Python {(python_now - python) / count * 1e6:.1f} us, "
        f"of PostgreSQL {(sessions_now - sessions) / count * 1e6:.1f} us"
    )


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
    await timed(connection, store, "snapshots, new leads", "bench.scores", new, share * PARTITIONS)
    again = [
        [
            snapshots(rng, rng.sample(leads[number], min(options.step, share)), options.leads * (step + 1))
            for step in range(options.steps // PARTITIONS)
        ]
        for number in range(PARTITIONS)
    ]
    count = sum(len(records) for part in again for records in part)
    await timed(connection, store, "snapshots, known leads", "bench.scores", again, count)
    per_step = options.step // BATCH * BATCH
    entries = [
        [
            history(rng, options.leads, step * per_step, per_step, number)
            for step in range(options.steps // PARTITIONS)
        ]
        for number in range(PARTITIONS)
    ]
    count = per_step * sum(len(part) for part in entries)
    await timed(connection, store, "history entries", "bench.history", entries, count)
    await all_at_once(store, options, rng)
    await catch_up(store, options, rng)
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
    for view, name in (("lead_factors_now", "lead_id"), ("contact_scores", "contact_id")):
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
