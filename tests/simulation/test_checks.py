"""The checks see what is missing, what is there twice, and what differs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from leadstream.records.step import Message
from leadstream.scoring.partition.rows import POSITION
from tests.simulation.checks import check
from tests.simulation.scenario import Scenario, scenario
from tests.simulation.seeds import shrink
from tests.simulation.worker import NAMES
from tests.simulation.world import World, installed, simulate

TOPICS = (NAMES.actions, NAMES.decisions, NAMES.history, NAMES.dead_letters, NAMES.changelog, NAMES.scores)


@pytest.fixture(autouse=True, scope="module")
def _installed() -> Iterator[None]:
    with installed():
        yield


def rich(world: World) -> bool:
    """Whether a run has put out something to every topic, and sent something on."""
    sent_on = any("signal: misrouted" in sent.flaws for sent in world.scenario.signals)
    return sent_on and all(committed(world, topic) for topic in TOPICS)


def committed(world: World, topic: str) -> list[tuple[int, Message]]:
    return [
        (number, (entry.key, entry.value, entry.headers))
        for number in range(world.scenario.partitions)
        for entry in world.kafka.partition(topic, number).committed()
    ]


@cache
def rich_scenario() -> Scenario:
    """A scenario that puts out something everywhere, with all of it projected."""
    everything = ("scores", "history", "actions", "decisions")
    scenarios = (replace(scenario(seed), projected=everything) for seed in range(2000))
    return next(one for one in scenarios if rich(simulate(one)[0]))


@pytest.fixture
def world() -> World:
    """A sound run of it, to be spoiled."""
    found, failure = simulate(rich_scenario())
    assert failure is None
    check(found)
    return found


@pytest.mark.parametrize("topic", TOPICS[:4])
def test_a_record_that_is_there_twice_is_found(world: World, topic: str) -> None:
    number, message = committed(world, topic)[0]
    world.kafka.partition(topic, number).append(0, message)
    with pytest.raises(AssertionError):
        check(world)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_record_that_is_lost_is_found(world: World, topic: str) -> None:
    number, _ = committed(world, topic)[0]
    partition = world.kafka.partition(topic, number)
    last = partition.committed()[-1]
    # Of rows and snapshots only the last of a key counts.
    partition.entries = [entry for entry in partition.entries if entry.key != last.key or entry.marker]
    with pytest.raises(AssertionError):
        check(world)


def test_a_record_that_is_sent_on_twice_is_found(world: World) -> None:
    for number in range(world.scenario.partitions):
        log = world.kafka.partition(NAMES.signals, number)
        for entry in log.entries:
            if any(name == "leadstream-forwarded-from" for name, _ in entry.headers):
                entry.headers = [name for name in entry.headers if name[0] != "leadstream-forwarded-from"]
                with pytest.raises(AssertionError):
                    check(world)
                return
    raise AssertionError("nothing was sent on")


def test_a_position_that_falls_is_found(world: World) -> None:
    partition = world.kafka.partition(NAMES.changelog, 0)
    early = next(entry for entry in partition.committed() if entry.key == POSITION)
    partition.append(0, (early.key, early.value, []))
    with pytest.raises(AssertionError, match="positions fall"):
        check(world)


@pytest.mark.parametrize("kind", ["scores", "history", "actions", "decisions"])
def test_a_row_that_is_not_projected_is_found(world: World, kind: str) -> None:
    world.tables.rows[kind].popitem()  # type: ignore[index]
    with pytest.raises(AssertionError, match=kind):
        check(world)


def test_shrinking_leaves_what_the_failure_needs() -> None:
    full = next(one for one in map(scenario, range(100)) if len(one.faults) > 5 and len(one.signals) > 20)
    fault, early, late = full.faults[2], full.signals[3], full.signals[-2]

    def needs(*parts: object) -> Callable[[Scenario], bool]:
        return lambda candidate: all(part in candidate.faults + candidate.signals for part in parts)

    short = shrink(full, needs(fault, early, late))
    assert (short.faults, short.signals, short.workers) == ((fault,), (early, late), 1)
