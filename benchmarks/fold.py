"""What the fold costs: microseconds per signal, bytes per state and lead, timers, rows opened a second.

    python benchmarks/fold.py [--models tenx advanced-l2] [--signals N] [--leads N] [--timed-leads N]
                              [--memory-leads N] [--only speed|timers|memory] [--profile]

Everything is on: row, snapshot, history, crossings, actions, timers. Records are made beforehand and not
counted; Kafka is not here. What is compared is measured in one run, its steps by turns. Each model has the
same shares of signals, of kinds that score with it but for one in four. `--profile` says instead where the
time of a signal goes.
"""

import argparse
import gc
import linecache
import os
import platform
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from leadstream.models import load_catalog
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.state.lead_state import decode_state

START = 1_767_225_600_000
HOUR, DAY = 3_600_000, 86_400_000
STEP = 3000
APART = 10
"""Milliseconds between signals."""
SAMPLED = 0.00025
"""Seconds between samples of the profile."""
PATH = ("PartitionFold.fold", "PartitionFold._fold", "fold_signal", "Run.step")
"""The functions whose lines are told apart in it."""
SHOWN = 0.05
"""The fewest microseconds of a line that is shown."""

Kind = tuple[int, str, dict[str, Any]]
PRICES = {"url": "https://www.example.com/de/pricing?utm=mail", "title": "Prices"}
COMMON: list[Kind] = [
    (45, "email.opened", {"message": "m-1204", "campaign": "spring"}),
    (25, "page.viewed", {"url": "https://www.example.com/blog/why", "title": "Why"}),
    (15, "page.viewed", PRICES),
    (6, "email.replied", {"sentiment": "neutral", "message": "m-1204"}),
    (1, "email.bounced", {"kind": "soft"}),
]
"""Shares in a hundred, types and data."""
KINDS: dict[str, list[Kind]] = {
    "tenx": [
        *COMMON,
        (4, "email.replied", {"sentiment": "positive", "message": "m-1204"}),
        (3, "form.submitted", {"form": "contact", "channel": "organic"}),
        (1, "status.changed", {"from": "prospect", "to": "lead"}),
    ],
    "advanced-l2": [
        *COMMON,
        (4, "resource.downloaded", {"kind": "whitepaper", "name": "Numbers"}),
        (3, "session.ended", {"seconds": 400, "pages": 7}),
        (1, "trial.started", {"plan": "team"}),
    ],
}
FIVE_RULES = (0, 2, 3, 5, 6)
"""Of each list: one signal of each of these makes a lead with five active rules."""

PRICED = 2
"""Of each list: the view of prices, which makes a lead that waits for a timer."""


class Record(msgspec.Struct, gc=False):
    """A record of the signals topic."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def record(offset: int, now: int, lead: int, kind: str, data: dict[str, Any]) -> Record:
    name = f"lead-{lead:08d}"
    body = {
        "id": f"01JG{offset:022d}", "tenant": "acme", "lead": name, "type": kind, "at": now - offset % 2500,
        "source": "web", "data": data,
    }  # fmt: skip
    return Record(offset, now, f"acme:{name}".encode(), msgspec.json.encode(body))


def records(model: str, leads: Iterator[int], first: int, start: int, apart: int) -> list[Record]:
    """Signals of these leads, one after another, of kinds at random; offsets from `first` on."""
    chance = random.Random(1)
    kinds = KINDS[model]
    weights = [weight for weight, _, _ in kinds]
    return [
        record(first + index, start + index * apart, lead, *chance.choices(kinds, weights)[0][1:])
        for index, lead in enumerate(leads)
    ]


def drawn(count: int, leads: int) -> Iterator[int]:
    chance = random.Random(2)
    return (chance.randrange(leads) for _ in range(count))


def empty(model: str, rows: dict[bytes, bytes] | None = None) -> PartitionFold:
    return PartitionFold(
        app="leadstream", topic="leadstream.signals", partition=0, partitions=1, models=load_catalog(model),
        rows={} if rows is None else rows,
    )  # fmt: skip


class Run:
    """A fold with the signals that it is measured on, and the CPU time and outputs of each step."""

    def __init__(self, fold: PartitionFold, log: list[Record]) -> None:
        self.fold = fold
        self.log = log
        self.costs: list[float] = []
        """Microseconds a signal, by step."""
        self.seconds = 0.0
        self.changed = self.put_out = self.fired = 0

    def step(self, start: int) -> None:
        pack = self.log[start : start + STEP]
        begin, done = time.process_time(), 0
        while done < len(pack):
            done = self.fold.fold(pack, done)
        step = self.fold.take(pack[-1].offset + 1)
        spent = time.process_time() - begin
        self.seconds += spent
        self.costs.append(spent / len(pack) * 1e6)
        self.changed += len(step.scores)
        self.put_out += len(step.actions) + len(step.decisions)
        self.fired += step.counts.events["timer"]

    @property
    def mean(self) -> float:
        return self.seconds / len(self.log) * 1e6


def measure(runs: list[Run]) -> None:
    """Folds the signals of all runs, a step of each by turns, as a worker does: what lives long is frozen,
    and nothing in a step is a cycle.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    for start in range(0, len(runs[0].log), STEP):
        for run in runs:
            run.step(start)
    gc.enable()
    gc.unfreeze()


def warm(run: Run, log: list[Record]) -> Run:
    """The run after signals that are not measured."""
    before = Run(run.fold, log)
    measure([before])
    return run


def speed(models: list[str], signals: int, leads: int) -> None:
    """Signals of leads that have many, and of leads that have this one only."""
    many, once = {}, {}
    for model in models:
        log = records(model, drawn(2 * signals, leads), 0, START, APART)
        many[model] = warm(Run(empty(model), log[signals:]), log[:signals])
        once[model] = Run(empty(model), records(model, iter(range(signals)), 0, START, APART))
    measure([*many.values(), *once.values()])
    print(f"\n{signals:,} signals in steps of {STEP:,}, nearly every one of a step of another lead")
    print(f"{'us of CPU a signal':42}{''.join(f'{model:>24}' for model in models)}")
    for name, runs in (
        (f"{leads:,} leads, {signals // leads} signals each before", many),
        ("each signal of a new lead", once),
    ):
        cells = [f"{statistics.median(run.costs):.1f} (best {min(run.costs):.1f})" for run in runs.values()]
        print(f"{name:42}{''.join(f'{cell:>24}' for cell in cells)}")
        cells = [f"{run.put_out / len(run.log):.3f}" for run in runs.values()]
        print(f"{'  crossings and actions a signal':42}{''.join(f'{cell:>24}' for cell in cells)}")
        sizes = [sorted(len(row) for row in leads_of(run.fold).values()) for run in runs.values()]
        cells = [f"{statistics.median(found):.0f}, {found[-1]} at most" for found in sizes]
        print(f"{'  bytes of a state':42}{''.join(f'{cell:>24}' for cell in cells)}")


def leads_of(fold: PartitionFold) -> dict[bytes, bytes]:
    return {key: row for key, row in fold._rows.items() if not key.startswith(b"\0")}


def timers(model: str, signals: int, leads: int, timed: int) -> None:
    """What leads that wait for their timers, and get no signal, add to the signals of others.

    They had one signal each, spread over a day; the hour is the one in which most of them fall due.
    """
    _, kind, data = KINDS[model][PRICED]
    full = empty(model)
    for first in range(0, timed, 10 * STEP):
        group = range(first, min(first + 10 * STEP, timed))
        others = [record(one, START + one * DAY // timed, leads + one, kind, data) for one in group]
        warm(Run(full, []), others)
    dues = [due for _, due in full._dues()]
    waiting = len(dues)
    busiest, _ = Counter(due // HOUR for due in dues).most_common(1)[0]
    begin = busiest * HOUR
    full.fire_until(begin)
    full.take(timed)
    print(
        f"\n{model}: {leads:,} leads with signals, without and with {timed:,} others, "
        f"{waiting:,} of them with timers"
    )
    log = records(model, drawn(2 * signals, leads), timed, begin, 0)
    bare = warm(Run(empty(model), []), log[:signals]).fold
    warm(Run(full, []), log[:signals])
    still = [Run(bare, log[signals:]), Run(full, log[signals:])]
    measure(still)
    alone, beside = (statistics.median(run.costs) for run in still)
    print(
        f"  none of them due meanwhile: {alone:.2f} and {beside:.2f} us a signal, {beside / alone - 1:+.1%}"
    )
    later = records(model, drawn(signals, leads), timed + 2 * signals, begin, APART)
    moving = [Run(bare, later), Run(full, later)]
    measure(moving)
    alone, beside = (run.mean for run in moving)
    fired = moving[1].fired - moving[0].fired
    print(
        f"  {1000 // APART} signals a second, {fired:,} timers of the others fired in "
        f"{signals * APART / 60_000:.0f} minutes: {alone:.2f} and {beside:.2f} us a signal, "
        f"{beside / alone - 1:+.1%}",
        flush=True,
    )


def memory(model: str, leads: int, facts: dict[str, str]) -> None:
    """Leads with five active rules and 16 remembered ids, as they lie in memory."""
    kinds = KINDS[model]
    five = [kinds[number] for number in FIVE_RULES]
    signals = [*five, *five[:2] * 5, kinds[1]]
    if facts:
        signals[-1] = (0, "lead.created", facts)
    folded(model, 1000, signals)  # so that what every process needs is there before
    gc.collect()
    before = resident()
    fold = folded(model, leads, signals)
    gc.collect()
    used = resident() - before
    rows = leads_of(fold)
    state = decode_state(next(iter(rows.values())))
    size = statistics.mean(map(len, rows.values()))
    print(
        f"\n{model}: {leads:,} leads, {len(state.branches)} active rules, {len(state.ids) // 8} ids, "
        f"{len(facts)} facts"
    )
    print(f"  state {size:.0f} bytes encoded; {used / leads:.0f} bytes a lead in memory, all included")
    rows = dict(fold._rows)
    del fold
    begin = time.process_time()
    empty(model, rows)
    print(f"  opened with {leads / (time.process_time() - begin):,.0f} rows a second", flush=True)


def folded(model: str, leads: int, signals: list[Kind]) -> PartitionFold:
    """Leads that each got these signals, a second apart."""
    fold, offset = empty(model), 0
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


class Samples:
    """Where Python is every quarter of a millisecond: by function, with the C that it calls, and by the lines
    of the functions that lead there, with all below them.
    """

    def __init__(self) -> None:
        self.functions: Counter[str] = Counter()
        self.lines: Counter[tuple[str, str, int]] = Counter()

    def __enter__(self) -> "Samples":
        signal.signal(signal.SIGALRM, self._take)
        signal.setitimer(signal.ITIMER_REAL, SAMPLED, SAMPLED)
        return self

    def __exit__(self, *error: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if frame is None:
            return
        code = frame.f_code
        self.functions[f"{Path(code.co_filename).stem}.{code.co_qualname}"] += 1
        while frame is not None:
            code = frame.f_code
            if code.co_qualname in PATH:
                self.lines[code.co_qualname, code.co_filename, frame.f_lineno or 0] += 1
            frame = frame.f_back


def profile(model: str, signals: int, leads: int) -> None:
    """Where the time of a signal goes."""
    log = records(model, drawn(2 * signals, leads), 0, START, APART)
    run = warm(Run(empty(model), log[signals:]), log[:signals])
    with Samples() as found:
        measure([run])
    count = found.functions.total()
    print(f"\n{model}: {run.mean:.2f} us a signal ({signals:,} signals, {leads:,} leads, {count:,} samples)")
    for function in PATH:
        print(f"us a signal, by line of {function}, with all below it")
        for (name, file, line), number in sorted(found.lines.items()):
            if name == function and number / count * run.mean >= SHOWN:
                text = linecache.getline(file, line).strip()[:90]
                print(f"  {number / count * run.mean:6.2f}  {text}")
    print("us a signal, by function with the C that it calls")
    for name, number in found.functions.most_common(30):
        print(f"  {number / count * run.mean:6.2f}  {name}", flush=True)


def apart(target: Callable[..., None], *arguments: Any) -> None:
    """Runs in a process of its own: memory given back would hide what is used later."""
    child = get_context("spawn").Process(target=target, args=arguments)
    child.start()
    child.join()
    if child.exitcode:
        sys.exit(child.exitcode)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--signals", type=int, default=150_000)
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--timed-leads", type=int, default=1_000_000)
    parser.add_argument("--memory-leads", type=int, default=200_000)
    parser.add_argument("--only", choices=["speed", "timers", "memory"])
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("leadstream", "msgspec"))
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}")
    print(f"python benchmarks/fold.py {' '.join(sys.argv[1:])}", flush=True)
    if options.profile:
        for model in options.models:
            apart(profile, model, options.signals, options.leads)
        return
    if options.only in (None, "speed"):
        apart(speed, options.models, options.signals, options.leads)
    for model in options.models:
        if options.only in (None, "timers"):
            apart(timers, model, options.signals, options.leads, options.timed_leads)
    for model in options.models:
        if options.only in (None, "memory"):
            for facts in ({}, {"phone": "+4930123456", "email": "someone@example.com"}):
                apart(memory, model, options.memory_leads, facts)


if __name__ == "__main__":
    main()
