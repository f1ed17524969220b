"""What the fold costs: microseconds per signal, bytes per state and lead, rows opened a second.

    python benchmarks/fold.py [--signals N] [--leads N] [--memory-leads N] [--profile]

Preset tenx, kinds of signals that score and one that does not, spread at random over the leads and folded
in steps, so that nearly every signal of a step is of another lead. Everything is on: row, snapshot, history,
crossings, actions, timers. Records are made beforehand and not counted; Kafka is not here.
"""

import argparse
import cProfile
import gc
import pstats
import random
import statistics
import time
from multiprocessing import get_context
from typing import Any

import msgspec

from leadstream.models import load_catalog
from leadstream.records.signal import decode_signal
from leadstream.scoring.partition import PartitionFold
from leadstream.scoring.state import decode_state

START = 1_767_225_600_000
STEP = 3000
KINDS: list[tuple[int, str, dict[str, Any]]] = [
    (45, "email.opened", {"message": "m-1204", "campaign": "spring"}),
    (25, "page.viewed", {"url": "https://www.example.com/blog/why", "title": "Why"}),
    (15, "page.viewed", {"url": "https://www.example.com/de/pricing?utm=mail", "title": "Prices"}),
    (6, "email.replied", {"sentiment": "neutral", "message": "m-1204"}),
    (4, "email.replied", {"sentiment": "positive", "message": "m-1204"}),
    (3, "form.submitted", {"form": "contact", "channel": "organic"}),
    (1, "status.changed", {"from": "prospect", "to": "lead"}),
    (1, "email.bounced", {"kind": "soft"}),
]
FIVE_RULES = [KINDS[0], KINDS[2], KINDS[3], KINDS[4], KINDS[5]]
"""One signal of each makes a lead with five active rules."""


class Record(msgspec.Struct, gc=False):
    """A record of the signals topic."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def record(offset: int, now: int, lead: int, kind: str, data: dict[str, Any]) -> Record:
    name = f"lead-{lead:08d}"
    signal = {
        "id": f"01JG{offset:022d}", "tenant": "acme", "lead": name, "type": kind, "at": now - offset % 2500,
        "source": "web", "data": data,
    }  # fmt: skip
    return Record(offset, now, f"acme:{name}".encode(), msgspec.json.encode(signal))


def at_random(count: int, leads: int, seed: int = 1) -> list[Record]:
    """Signals of random leads, ten milliseconds apart."""
    chance = random.Random(seed)
    weights = [weight for weight, _, _ in KINDS]
    chosen = chance.choices(KINDS, weights=weights, k=count)
    return [
        record(offset, START + offset * 10, chance.randrange(leads), kind, data)
        for offset, (_, kind, data) in enumerate(chosen)
    ]


def empty(rows: dict[bytes, bytes] | None = None) -> PartitionFold:
    return PartitionFold(
        app="leadstream", topic="leadstream.signals", partition=0, partitions=1, models=load_catalog("tenx"),
        rows={} if rows is None else rows,
    )  # fmt: skip


def fold_all(fold: PartitionFold, records: list[Record]) -> list[tuple[float, int, int]]:
    """CPU seconds, leads and records put out of each step."""
    found = []
    for start in range(0, len(records), STEP):
        pack = records[start : start + STEP]
        begin, done = time.process_time(), 0
        while done < len(pack):
            done = fold.fold(pack, done)
        step = fold.take(pack[-1].offset + 1)
        spent = time.process_time() - begin
        found.append((spent / len(pack), len(step.scores), len(step.actions) + len(step.decisions)))
    return found


def speed(signals: int, leads: int, profile: bool) -> None:
    records = at_random(signals, leads)
    fold = empty()
    gc.collect()
    gc.freeze()
    # As a worker runs: what lives long is frozen, and nothing in a step is a cycle.
    gc.disable()
    warm = signals // 2 // STEP * STEP
    fold_all(fold, records[:warm])
    measured = records[warm:]
    if profile:
        profiler = cProfile.Profile()
        profiler.runcall(fold_all, fold, measured)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
        return
    steps = fold_all(fold, measured)
    begin = time.process_time()
    for one in measured:
        decode_signal(one.key, one.value, True)
    decoding = (time.process_time() - begin) / len(measured)
    gc.enable()
    costs = sorted(cost * 1e6 for cost, _, _ in steps)
    folded, changed, put_out = len(measured), sum(step[1] for step in steps), sum(step[2] for step in steps)
    print(f"{folded:,} signals of {leads:,} leads in steps of {STEP:,}, after {warm:,} others")
    print(
        f"  {changed / folded:.2f} leads changed and {put_out / folded:.3f} crossings and actions per signal"
    )
    print(
        f"  fold and take: median {statistics.median(costs):.1f} us per signal, best step {costs[0]:.1f} us;"
    )
    print(f"  of which decoding the signal {decoding * 1e6:.1f} us")
    lengths = sorted(len(row) for key, row in fold._rows.items() if not key.startswith(b"\0"))
    print(f"  state: median {statistics.median(lengths):.0f} bytes, largest {lengths[-1]} bytes encoded")


def memory(leads: int, facts: dict[str, str]) -> None:
    """Leads with five active rules and 16 remembered ids, as they lie in memory."""
    signals = [*FIVE_RULES, *FIVE_RULES[:2] * 5, KINDS[1]]
    if facts:
        signals[-1] = (0, "lead.created", facts)
    folded(1000, signals)  # so that what every process needs is there before
    gc.collect()
    before = resident()
    fold = folded(leads, signals)
    gc.collect()
    used = resident() - before
    state = decode_state(next(row for key, row in fold._rows.items() if not key.startswith(b"\0")))
    size = statistics.mean(len(row) for row in fold._rows.values())
    print(
        f"{leads:,} leads, {len(state.branches)} active rules, {len(state.ids) // 8} ids, {len(facts)} facts"
    )
    print(f"  state {size:.0f} bytes encoded; {used / leads:.0f} bytes a lead in memory, all included")
    rows = dict(fold._rows)
    del fold
    begin = time.process_time()
    empty(rows)
    print(f"  opened with {leads / (time.process_time() - begin):,.0f} rows a second")


def folded(leads: int, signals: list[tuple[int, str, dict[str, Any]]]) -> PartitionFold:
    """Leads that each got these signals, a second apart."""
    fold, offset = empty(), 0
    for start in range(0, leads, 500):
        group = range(start, min(start + 500, leads))
        pack = [
            record(offset + place, START + 1000 * (place // len(group)), lead, kind, data)
            for place, (lead, (_, kind, data)) in enumerate(
                (lead, signal) for signal in signals for lead in group
            )
        ]
        fold.fold(pack, 0, len(pack) + leads)
        offset += len(pack)
        fold.take(offset)
    return fold


def resident() -> int:
    """The memory that this process holds, in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=int, default=300_000)
    parser.add_argument("--leads", type=int, default=50_000)
    parser.add_argument("--memory-leads", type=int, default=200_000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if not options.profile:
        for facts in ({}, {"phone": "+4930123456", "email": "someone@example.com"}):
            # Each in a process of its own: memory given back would hide what is used later.
            child = get_context("spawn").Process(target=memory, args=(options.memory_leads, facts))
            child.start()
            child.join()
    speed(options.signals, options.leads, options.profile)


if __name__ == "__main__":
    main()
