"""`make simulate`: runs seeds, says how many a second, and shows the shortest way to a failure."""

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.faults import POINTS
from tests.simulation.scenario import scenario
from tests.simulation.seeds import run, shrink, told
from tests.simulation.world import installed

CHUNK = 100
"""Seeds that one process runs. It keeps its garbage, which takes longer to collect than to forget."""
REPORT_SECONDS = 2.0


@dataclass
class Chunk:
    """What became of some seeds: up to the first that failed, if one did."""

    done: int
    struck: Counter[str]
    cpu_seconds: float
    failed: tuple[int, str] | None = None


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="one seed, with its trace")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at once")
    parser.add_argument("--brief", action="store_true", help="do not look for the shortest way to a failure")
    given = parser.parse_args()
    with installed():
        if given.seed is not None:
            return replay(given.seed)
        return many(range(given.first, given.first + given.seeds), given.jobs, brief=given.brief)


def replay(seed: int) -> int:
    """Runs one seed and prints its trace; 1 if it fails."""
    one = scenario(seed)
    world, problem = run(one, tracing=True)
    print("\n".join([*told(one), "", *world.lines]))
    if problem is None:
        print(f"seed {seed}: all is as it should be")
        return 0
    print(f"seed {seed} FAILS: {problem}")
    return 1


def many(seeds: Sequence[int], jobs: int, *, brief: bool) -> int:
    """Runs seeds until one fails; then 1, after its shortest form."""
    total = Chunk(0, Counter(), 0.0)
    started = shown = time.monotonic()
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    gc.collect()
    gc.freeze()
    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        for chunk in pool.imap(some, chunks, chunksize=1):
            total.done += chunk.done
            total.struck += chunk.struck
            total.cpu_seconds += chunk.cpu_seconds
            if chunk.failed is not None:
                pool.terminate()
                return told_of(*chunk.failed, brief=brief)
            if time.monotonic() - shown > REPORT_SECONDS:
                shown = time.monotonic()
                print(f"{total.done:,} of {len(seeds):,} seeds", file=sys.stderr, flush=True)
    for point, what in POINTS.items():
        print(f"{total.struck[point]:8,}  {point:32}  {what}")
    print(
        f"{total.done:,} seeds, no failure; {sum(total.struck.values()):,} faults struck at "
        f"{len(total.struck)} points; {total.done / total.cpu_seconds:.0f} seeds a second and core, "
        f"{time.monotonic() - started:.1f} s"
    )
    return 0


def some(seeds: Sequence[int]) -> Chunk:
    """Runs seeds up to the first that fails."""
    gc.disable()
    chunk = Chunk(0, Counter(), 0.0)
    for seed in seeds:
        world, problem = run(scenario(seed))
        chunk.done += 1
        chunk.struck += world.faults.struck
        if problem is not None:
            chunk.failed = seed, problem
            break
    chunk.cpu_seconds = time.process_time()
    return chunk


def told_of(seed: int, problem: str, *, brief: bool) -> int:
    """Prints a failure, and the shortest scenario that still fails, with its trace; 1, as it failed."""
    print(f"seed {seed} FAILS: {problem}\n", flush=True)
    if brief:
        return 1
    print("Looking for the shortest way there ...", file=sys.stderr, flush=True)
    short = shrink(scenario(seed))
    world, problem_left = run(short, tracing=True)
    print("\n".join([*told(short), "", *world.lines]))
    print(f"so shortened: {problem_left}\nagain, in full length: make simulate SEED={seed}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
