"""Whatever happens, the log is folded exactly once."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.faults import POINTS
from tests.simulation.scenario import scenario
from tests.simulation.seeds import kept_seeds, run, seeds_of_sources
from tests.simulation.world import installed

ROOT = Path(__file__).parents[2]
SEEDS = 3000
LINE = re.compile(r"^ *([\d,]+)  (\S.*?)  ", re.MULTILINE)
"""A line of the table: how often a point was reached, and which."""
LEAST = 50
"""So often each fault point is reached in these seeds, at least."""


@pytest.fixture(autouse=True, scope="module")
def _installed() -> Iterator[None]:
    with installed():
        yield


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("processes")
def test_whatever_happens_the_log_is_folded_exactly_once_and_every_fault_point_is_reached() -> None:
    first = seeds_of_sources(SEEDS)[0]
    command = [sys.executable, "-m", "tests.simulation.run", "--first", str(first), "--seeds", str(SEEDS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert f"{SEEDS:,} seeds, no failure" in done.stdout
    counts = {point: int(count.replace(",", "")) for count, point in LINE.findall(done.stdout)}
    assert counts.keys() == POINTS.keys()
    seldom = {point: count for point, count in counts.items() if count < LEAST}
    assert not seldom, f"fault points that {SEEDS} seeds seldom reach: {seldom}"


def test_no_seed_fails_that_failed_once() -> None:
    for seed in kept_seeds():
        _, problem = run(scenario(seed))
        assert problem is None, f"make simulate SEED={seed}\n{problem}"


def test_a_seed_repeats_exactly() -> None:
    for seed in range(20):
        first, _ = run(scenario(seed), tracing=True)
        second, _ = run(scenario(seed), tracing=True)
        assert first.lines == second.lines
        assert first.faults.struck == second.faults.struck
