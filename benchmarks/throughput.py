"""Signals per second of one worker on Apache Kafka, exactly once, all outputs on.

    python benchmarks/throughput.py [--signals 1000000] [--leads 50000] [--partitions 4] [--naive 100000]

Needs java and mvn (or LEADSTREAM_KAFKA_BOOTSTRAP). The log is filled first, so the worker shares the
machine with the broker only; it folds it once with one process, and once more, as another application, with
as many as there are cores. Fetching is the CPU time of the worker's consumer thread. The other stages are
measured afterwards, in this process, on partition 0 of the same log.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil

from leadstream.devstack.resolver import kafka
from leadstream.kafka.log_reader import read_topic
from leadstream.kafka.log_writer import LogWriter
from leadstream.kafka.topics import TopicNames, TopicSpec, create_topics, specs
from leadstream.models import load_catalog
from leadstream.records.keys import lead_key, partition_of
from leadstream.records.signal import decode_signal
from leadstream.roles.worker import tune_gc
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.settings import Settings
from leadstream.stream.changelog import restore_rows
from leadstream.stream.transaction import TransactionalLog

STEP = 4000
KINDS = (
    ("email.opened", 40, {"message": "m-1", "campaign": "autumn"}),
    ("page.viewed", 25, {"url": "https://example.com/pricing", "title": "Pricing", "seconds": 40}),
    ("email.clicked", 20, {"url": "https://example.com/blog/1", "message": "m-1"}),
    ("email.replied", 5, {"sentiment": "positive", "message": "m-1"}),
    ("form.submitted", 5, {"form": "contact", "channel": "organic"}),
    ("email.bounced", 5, {"kind": "hard", "message": "m-1"}),
)


def generate(signals: int, leads: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values like those of the naive comparison: skewed leads, 50 ms apart."""
    r = random.Random(7)
    names = [kind for kind, _, _ in KINDS]
    weights = [weight for _, weight, _ in KINDS]
    data = {kind: json.dumps(value, separators=(",", ":")) for kind, _, value in KINDS}
    begin = int(time.time() * 1000) - signals * 50
    for i in range(signals):
        lead = f"lead-{int(leads * r.random() ** 2):06d}"
        kind = r.choices(names, weights)[0]
        value = (
            f'{{"id":"{r.getrandbits(128):032x}","tenant":"acme","lead":"{lead}","type":"{kind}",'
            f'"at":{begin + i * 50},"source":"bench","data":{data[kind]}}}'
        )
        yield lead_key("acme", lead), value.encode()


async def fill(settings: Settings, names: TopicNames, signals: int, leads: int, partitions: int) -> int:
    """Writes the signals; returns their mean size in bytes."""
    await create_topics(settings, specs(names, partitions))
    size = 0
    async with LogWriter(settings, names.signals) as writer:
        for key, value in generate(signals, leads):
            size += len(value)
            await writer.add(partition_of(key, partitions), key, value)
    return size // signals


def scrape(port: int) -> dict[str, float]:
    """The sums of all samples of the worker's metrics, by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
        lines = page.read().decode().splitlines()
    sums: dict[str, float] = {}
    for line in lines:
        if line and line[0] != "#":
            name, _, value = line.rpartition(" ")
            name = name.partition("{")[0]
            sums[name] = sums.get(name, 0.0) + float(value)
    return sums


def run_worker(settings: Settings, signals: int, directory: Path, processes: int) -> dict[str, float]:
    """One worker until all signals are folded and committed."""
    environment = {
        **os.environ,
        "LEADSTREAM_APP": settings.app,
        "LEADSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "LEADSTREAM_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "LEADSTREAM_METRICS_PORT": "19464",
        "LEADSTREAM_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "leadstream", "worker", "--model", "tenx", "--processes", str(processes)]
    with (
        (directory / "worker.log").open("w") as log,
        subprocess.Popen(command, env=environment, stderr=log) as worker,
    ):
        process = psutil.Process(worker.pid)
        samples: list[tuple[float, float, float, float]] = []
        try:
            while not samples or samples[-1][1] < signals:
                if worker.poll() is not None:
                    raise SystemExit((directory / "worker.log").read_text())
                time.sleep(0.25)  # each look costs the worker some milliseconds
                try:
                    folded = scrape(19464).get("leadstream_signals_total", 0.0)
                except OSError:
                    continue
                if folded or samples:
                    samples.append((time.perf_counter(), folded, *cpu_seconds(process)))
            metrics = scrape(19464)
        finally:
            worker.terminate()
    (t0, n0, c0, f0), (t1, n1, c1, f1) = samples[0], samples[-1]
    return {
        "per_second": (n1 - n0) / (t1 - t0),
        "per_cpu_second": (n1 - n0) / (c1 - c0),
        "fetch": 1e6 * (f1 - f0) / (n1 - n0),
        "steps": metrics["leadstream_steps_total"],
        "commit_ms": mean_ms(metrics, "commit"),
        "step_ms": mean_ms(metrics, "step"),
        "rows": metrics["leadstream_state_rows"],
    }


def cpu_seconds(worker: psutil.Process) -> tuple[float, float]:
    """CPU time of all processes of a worker, and of their consumer threads (the busiest but the main)."""
    total = fetching = 0.0
    for process in (worker, *worker.children(recursive=True)):
        threads = {thread.id: thread.user_time + thread.system_time for thread in process.threads()}
        total += sum(threads.values())
        threads.pop(process.pid, None)
        fetching += max(threads.values(), default=0.0)
    return total, fetching


def report_worker(settings: Settings, signals: int, directory: Path, processes: int) -> dict[str, float]:
    """Runs a worker and prints how it did."""
    result = run_worker(settings, signals, directory, processes)
    print(
        f"worker of {processes} process{'es' if processes > 1 else ''}, tenx, exactly_once: "
        f"{result['per_second']:,.0f} signals/s, {result['per_cpu_second']:,.0f} per CPU-second; "
        f"{result['steps']:,.0f} steps of {signals / result['steps']:,.0f} signals, step "
        f"{result['step_ms']:.1f} ms, its commit {result['commit_ms']:.1f} ms; "
        f"{result['rows']:,.0f} rows of state",
        flush=True,
    )
    return result


def mean_ms(metrics: dict[str, float], stage: str) -> float:
    """The mean of a histogram of seconds, in milliseconds."""
    name = f"leadstream_{stage}_seconds"
    return 1000 * metrics[f"{name}_sum"] / metrics[f"{name}_count"]


async def stages(settings: Settings, names: TopicNames, partitions: int) -> dict[str, float]:
    """Microseconds of CPU per signal for each stage, on partition 0 of the same log."""
    clock = time.process_time
    records = [record async for pack in read_topic(settings, names.signals, [0]) for record in pack]
    tune_gc()
    spent = {}
    start = clock()
    for record in records:
        decode_signal(record.key, record.value)
    spent["decode"] = clock() - start
    fold = PartitionFold(
        app="stages", topic=names.signals, partition=0, partitions=partitions,
        models=load_catalog("tenx", None), rows={},
    )  # fmt: skip
    log = TransactionalLog(settings.model_copy(update={"app": "stages"}), TopicNames("stages", "stages"), 0)
    await create_topics(settings, specs(TopicNames("stages", "stages"), partitions))
    await log.open()
    spent |= {"fold": 0.0, "encode": 0.0, "produce and commit": 0.0}
    try:
        for begin in range(0, len(records), STEP):
            start = clock()
            index = begin
            stop = min(begin + STEP, len(records))
            while index < stop:
                index = fold.fold(records[:stop], index, STEP)
            folded = clock()
            step = fold.take(records[stop - 1].offset + 1)
            taken = clock()
            await log.commit(step)
            spent["fold"] += folded - start
            spent["encode"] += taken - folded
            spent["produce and commit"] += clock() - taken
    finally:
        await log.close()
    spent["fold"] -= spent["decode"]
    return {stage: 1e6 * seconds / len(records) for stage, seconds in spent.items()}


async def restore(settings: Settings, names: TopicNames, partitions: int) -> tuple[int, float]:
    """Changelog records read to restore all partitions, and how many a second."""
    count = 0

    def progress(records: int, _: float) -> None:
        nonlocal count
        count += records

    start = time.perf_counter()
    for partition in range(partitions):
        await restore_rows(settings, names.changelog, partition, progress)
    return count, count / (time.perf_counter() - start)


def run_naive(settings: Settings, topic: str, signals: int, directory: Path) -> tuple[float, float]:
    """Signals per second and per CPU second of the naive agent over the first `signals` of the log."""
    actions = TopicSpec(f"{settings.app}-naive-actions", 4, {}, frozenset())
    asyncio.run(create_topics(settings, [actions]))
    environment = {
        **os.environ,
        "LEADSTREAM_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "BENCH_SIGNALS": str(signals),
        "BENCH_TOPIC": topic,
        "BENCH_APP": f"{settings.app}-naive",
        "BENCH_DIRECTORY": str(directory / "naive"),
        "BENCH_RESULT": str(directory / "naive.txt"),
    }
    faust = Path(sys.executable).parent / "faust"
    command = [faust, "-A", "naive_faust", "worker", "-l", "error", "--without-web"]
    done = subprocess.run(
        command,
        env=environment,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    wall, cpu = (directory / "naive.txt").read_text().split()
    return float(wall), float(cpu)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=int, default=1_000_000)
    parser.add_argument("--leads", type=int, default=50_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--naive", type=int, default=100_000, help="signals of the naive agent; 0: none")
    options = parser.parse_args()
    app = f"bench-{os.getpid()}"
    with tempfile.TemporaryDirectory() as name, kafka("apache", directory=Path(name)) as address:
        directory = Path(name)
        settings = Settings(app=app, topic_prefix=app, kafka_bootstrap=address.bootstrap)
        names = TopicNames(app, app)
        packages = ", ".join(f"{name} {version(name)}" for name in ("faust-streaming", "aiokafka", "msgspec"))
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}")
        print(f"{' '.join(sys.argv)}")
        size = asyncio.run(fill(settings, names, options.signals, options.leads, options.partitions))
        print(
            f"log: {options.signals:,} signals of {size} B, {options.leads:,} leads, "
            f"{options.partitions} partitions"
        )
        cores = os.cpu_count() or 1
        result = report_worker(settings, options.signals, directory, 1)
        if cores > 1:
            again = TopicNames(app, f"{app}-{cores}")
            asyncio.run(create_topics(settings, specs(again, options.partitions)))
            report_worker(settings.model_copy(update={"app": again.app}), options.signals, directory, cores)
        costs = {"fetch": result["fetch"], **asyncio.run(stages(settings, names, options.partitions))}
        listed = ", ".join(f"{stage} {cost:.2f}" for stage, cost in costs.items())
        print(
            f"microseconds of CPU per signal, in steps of {STEP}: {listed}; {sum(costs.values()):.2f} in all"
        )
        count, rate = asyncio.run(restore(settings, names, options.partitions))
        print(f"restore: {count:,} changelog records at {rate:,.0f} a second")
        if options.naive:
            wall, cpu = run_naive(settings, names.signals, options.naive, directory)
            print(f"naive Faust agent, at least once: {wall:,.0f} signals/s, {cpu:,.0f} per CPU-second")


if __name__ == "__main__":
    main()
