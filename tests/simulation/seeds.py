"""Running seeds: one, many, and the fewest faults and signals with which one still fails."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from tests.simulation.checks import check
from tests.simulation.scenario import Scenario
from tests.simulation.world import World, simulate

T = TypeVar("T")
KEPT = Path(__file__).with_name("seeds.txt")
SOURCES = Path(__file__).parents[2] / "leadstream"
SHRINKING_RUNS = 600


def run(scenario: Scenario, *, tracing: bool = False) -> tuple[World, str | None]:
    """Carries out a scenario and checks what it left; the world, and what is wrong, if something is."""
    world, failure = simulate(scenario, tracing=tracing)
    if failure is None:
        try:
            check(world)
        except Exception as error:  # noqa: BLE001 - outputs that make no sense may fail in any way
            failure = error
    return world, None if failure is None else f"{type(failure).__name__}: {failure}"


def run_fails(scenario: Scenario) -> bool:
    return run(scenario)[1] is not None


def shrink(failing: Scenario, still_fails: Callable[[Scenario], bool] = run_fails) -> Scenario:
    """The scenario without the faults, signals and workers that it does not need to fail."""
    left = SHRINKING_RUNS

    def fails(candidate: Scenario) -> bool:
        nonlocal left
        left -= 1
        return left > 0 and still_fails(candidate)

    while True:
        before = failing
        for workers in range(1, failing.workers):
            if fails(smaller := replace(failing, workers=workers)):
                failing = smaller
                break
        failing = _without(failing, failing.faults, lambda s, kept: replace(s, faults=kept), fails)
        failing = _without(failing, failing.signals, lambda s, kept: replace(s, signals=kept), fails)
        if failing == before or left <= 0:
            return failing


def _without(
    failing: Scenario,
    parts: tuple[T, ...],
    taking: Callable[[Scenario, tuple[T, ...]], Scenario],
    fails: Callable[[Scenario], bool],
) -> Scenario:
    """Leaves out as many of the parts as it can: halves first, then less."""
    size = max(1, len(parts) // 2)
    while size:
        start = 0
        while start < len(parts):
            fewer = parts[:start] + parts[start + size :]
            if fails(candidate := taking(failing, fewer)):
                failing, parts = candidate, fewer
            else:
                start += size
        size //= 2
    return failing


def kept_seeds() -> list[int]:
    """The seeds that failed once."""
    lines = KEPT.read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]


def seeds_of_sources(count: int) -> Sequence[int]:
    """Seeds that follow from the project's sources: others with each change."""
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0" + path.read_bytes())
    first = int.from_bytes(digest.digest()[:6], "big")
    return range(first, first + count)


def told(scenario: Scenario) -> Iterator[str]:
    """A scenario in words."""
    yield (
        f"{scenario.partitions} partitions, {scenario.workers} workers, "
        f"{scenario.pace} ms of the log in a second"
    )
    for fault in scenario.faults:
        yield f"fault   {fault}"
    for sent in scenario.signals:
        yield f"signal  {sent}"
