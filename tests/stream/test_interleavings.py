"""Two processes, one partition, anything may happen: nothing is lost, nothing is there twice."""

import asyncio
from random import Random

import pytest

from leadstream.records.keys import TICK_KEY
from leadstream.simulation.generator import generate
from leadstream.stream.errors import Fenced, StepFailed
from tests.support import virtual_time
from tests.support.simulated import SimulatedPartition, SimulatedRecord

from .bench import Bench, straight

START = 1_767_000_000_000
SIGNALS = 400
SPAN = 40 * 86_400_000
"""Long enough for totals to fall through thresholds by themselves."""


def a_log(random: Random) -> SimulatedPartition:
    """Signals of few leads with duplicates, late ones and bad ones, ticks, and gaps where markers are."""
    offset, records = 0, []
    signals = list(generate(random.randrange(1000), 12, SIGNALS, START, SPAN))
    for place, signal in enumerate(signals):
        offset += 1 if random.random() < 0.8 else random.randrange(2, 9)
        at = START + SPAN * place // SIGNALS
        key, value = (TICK_KEY, b"{}") if random.random() < 0.05 else (signal.key, signal.value)
        records.append(SimulatedRecord(offset, at, key, value))
    return SimulatedPartition(records, end=offset + random.randrange(1, 9))


class Process:
    """A process that may stall, die and be started again; its steps fail in every way that steps do."""

    def __init__(self, partition: SimulatedPartition, random: Random) -> None:
        self.partition = partition
        self.random = random
        self.start()

    def start(self) -> None:
        self.bench = Bench(self.partition, step_signals=self.random.choice((3, 10, 50)))
        self.bench.feed.confirmed = None
        self.bench.log.before_commit = self.before_commit
        self.bench.log.after_commit = self.after_commit
        self.bench.feed.while_seeking = self.pause
        self.pumping = asyncio.ensure_future(self.bench.feed.pump(self.random, 16, 0.3))

    async def pause(self) -> None:
        await asyncio.sleep(self.random.random() * 0.05)

    async def before_commit(self) -> None:
        await asyncio.sleep(self.random.choice((0.0, 0.0, 0.01, 0.1, 0.3, 4.0)))
        chance = self.random.random()
        if chance < 0.02:
            raise StepFailed("a send failed")
        if chance < 0.06:
            self.partition.fence()

    async def after_commit(self) -> None:
        await asyncio.sleep(self.random.choice((0.0, 0.0, 0.0, 0.3)))
        if self.random.random() < 0.02:
            # It is written, and the answer says that it is not.
            raise Fenced("who knows")

    async def die(self) -> None:
        """A crash: nothing is finished, nobody is told."""
        self.pumping.cancel()
        await self.bench.task.close()

    async def revive_if_failed(self) -> None:
        if self.bench.failures:
            assert isinstance(self.bench.failures[0], StepFailed), self.bench.failures
            await self.die()
            self.start()


class Group:
    """Gives the partition to one process per generation; a stalled one is not told before the next has it."""

    def __init__(self, processes: list[Process], random: Random) -> None:
        self.processes = processes
        self.random = random
        self.generation = 0

    async def rebalance(self, owner: Process) -> None:
        self.generation += 1
        stalled = [
            process for process in self.processes if process is not owner and self.random.random() < 0.5
        ]
        for process in self.processes:
            process.bench.feed.confirmed = None
            if process not in stalled:
                await process.bench.task.suspend(3)
        owner.bench.feed.confirmed = self.generation
        owner.bench.task.start()
        if stalled:
            # Zombies go on writing for a while, then wake and leave.
            await asyncio.sleep(self.random.random() * 3)
            for process in stalled:
                await process.bench.task.suspend(3)
                await process.bench.task.close()


async def run(seed: int) -> None:
    random = Random(seed)
    partition = a_log(random)
    processes = [Process(partition, random), Process(partition, random)]
    group = Group(processes, random)
    owner = processes[0]
    await group.rebalance(owner)
    for _ in range(25):
        await asyncio.sleep(random.random() * 4)
        for process in processes:
            await process.revive_if_failed()
        event = random.choice(("rebalance", "crash", "fence", "nothing", "nothing"))
        if event == "crash":
            victim = random.choice(processes)
            await victim.die()
            victim.start()
        elif event == "fence":
            partition.fence()
        if event != "nothing":
            owner = random.choice(processes)
            await group.rebalance(owner)
    while owner.bench.task.durable != partition.end:
        await asyncio.sleep(1)
        assert asyncio.get_running_loop().time() < 100_000, "the log is never folded to its end"
        if owner.bench.failures:
            await owner.revive_if_failed()
            await group.rebalance(owner)
    for process in processes:
        await process.die()
    # Behind the last step there may be markers, which need none.
    position = partition.steps[-1].position
    assert position > partition.records[-1].offset
    expected = straight(partition, position)
    assert partition.written == expected
    assert len(expected.dead_letters) + len(expected.history) > SIGNALS / 2


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_the_log_is_folded_exactly_once(seed: int) -> None:
    virtual_time.run(run(seed))
