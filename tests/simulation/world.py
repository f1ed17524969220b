"""One run: a scenario carried out from beginning to end, in virtual time, on one thread."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from random import Random
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client.metrics import MetricWrapperBase

from leadstream.kafka import clients
from leadstream.stream import clock, pack_queue, task
from leadstream.stream.errors import StepFailed
from leadstream.stream.task import PartitionTask
from tests.simulation.clients import SimulatedConsumer, SimulatedProducer
from tests.simulation.faults import Fault, Faults
from tests.simulation.group import Group
from tests.simulation.kafka import Kafka, Partition
from tests.simulation.model import catalog
from tests.simulation.process import CURRENT, adopt
from tests.simulation.projector import TOPICS, Projector
from tests.simulation.scenario import ACTIVE_SECONDS, START, Scenario, Sent
from tests.simulation.store import Tables
from tests.simulation.virtual_time import VirtualTimeLoop
from tests.simulation.worker import NAMES, SETTINGS, Worker
from tests.support.durations import DAY

LIMIT_SECONDS = 400.0
"""A run that has not recovered by then never will."""


class NotRecovered(AssertionError):
    """Work is left long after the last fault."""


class Ended(AssertionError):
    """A process ended for a reason that no fault explains."""


class World:
    """Everything there is in a run, and what became of it."""

    def __init__(self, scenario: Scenario, *, tracing: bool = False) -> None:
        self.scenario = scenario
        self.loop = asyncio.get_running_loop()
        self.lines: list[str] = []
        self._tracing = tracing
        random = Random(scenario.seed)
        self.random = random
        self.waits = Random(f"waits/{scenario.seed}")
        """Of the product's own waits: how many it draws must not change what else happens."""
        self.faults = Faults(scenario.faults, self.loop.time, random)
        if tracing:
            self.faults.trace = self.trace
        self.kafka = Kafka(self._stamp, self.loop.call_later)
        self.kafka.marker_delay = lambda: 0.1 + random.random() * 3
        self.group = Group(scenario.partitions, random, self.trace)
        self.workers: list[Worker] = []
        self.projectors: list[Projector] = []
        self.tables = Tables(self.loop.time)
        self.places = [
            TopicPartition(topic, number)
            for topic, kind in TOPICS.items()
            for number in range(scenario.partitions)
            if kind in scenario.projected
        ]
        """What is projected."""
        self.unexplained: BaseException | None = None
        self._count = 0
        self._slow_until = [0.0] * scenario.partitions
        self._back: dict[int, int] = {}
        """By how many ms the clock of a partition's leader is behind."""
        self._over = False
        self._restarts = True

    def trace(self, text: str) -> None:
        if self._tracing:
            self.lines.append(f"{self.loop.time():8.3f}  {text}")

    # Time.

    def log_now(self) -> int:
        """The right time of the log in epoch ms; it stands still from the end of the faults on."""
        return START + int(min(self.loop.time(), ACTIVE_SECONDS) * self.scenario.pace)

    def time(self) -> float:
        """The clock of the process that asks, in epoch seconds."""
        process = CURRENT.get()
        return (self.log_now() + (process.clock_skew_ms if process is not None else 0)) / 1000

    def monotonic(self) -> float:
        return self.loop.time()

    def _stamp(self, partition: Partition) -> int:
        return self.log_now() - self._back.get(partition.number, 0)

    # The run.

    async def run(self) -> None:
        """Carries out the scenario. Raises NotRecovered, Ended or Stuck."""
        for _ in range(self.scenario.workers):
            self._start_worker()
        if self.places:
            self._start_projector()
        for sent in self.scenario.signals:
            self.loop.call_at(sent.at, self._send, sent)
        for fault in self.faults.events:
            self.loop.call_at(fault.at, self._happen, fault)
        await asyncio.sleep(ACTIVE_SECONDS)
        self.faults.heal()
        self._back.clear()
        self._slow_until = [0.0] * self.scenario.partitions
        self.tables.away_until = 0.0
        for worker in self.workers:
            worker.clock_skew_ms = 0
        while not self._has_settled():
            if self.unexplained is not None:
                raise Ended(repr(self.unexplained)) from self.unexplained
            if self.loop.time() > LIMIT_SECONDS:
                raise NotRecovered(self._unsettled())
            await asyncio.sleep(0.5)
        if self.unexplained is not None:
            raise Ended(repr(self.unexplained)) from self.unexplained

    def end(self) -> None:
        """Ends all processes."""
        self._over = True
        for process in (*self.workers, *self.projectors):
            process.kill()

    def _start_worker(self) -> None:
        if self._over:
            return
        self._count += 1
        worker = Worker(
            f"worker {self._count}",
            kafka=self.kafka,
            faults=self.faults,
            random=self.random,
            waits=self.waits,
            group=self.group,
            partitions=self.scenario.partitions,
            catalog=catalog(),
            slowness=lambda number: 2.0 if self._slow_until[number] > self.loop.time() else 0.0,
            on_end=self._worker_ended,
            trace=self.trace,
        )
        self.workers.append(worker)
        self.trace(f"{worker.name}: starts")

    def _worker_ended(self, worker: Worker, failure: BaseException | None) -> None:
        self.workers.remove(worker)
        self.trace(f"{worker.name}: ends")
        if self._over:
            return
        if failure is not None and not isinstance(failure, StepFailed | KafkaError):
            self.unexplained = failure
        self.loop.call_later(0.5 + self.random.random() * 2, self._start_worker)

    def _start_projector(self) -> None:
        if self._over:
            return
        self._count += 1
        started = Projector(
            f"projector {self._count}",
            kafka=self.kafka,
            faults=self.faults,
            random=self.random,
            waits=self.waits,
            tables=self.tables,
            places=self.places,
            on_end=self._projector_ended,
            trace=self.trace,
        )
        self.projectors.append(started)
        self.trace(f"{started.name}: starts")

    def _projector_ended(self, ended: Projector, failure: BaseException | None) -> None:
        self.projectors.remove(ended)
        self.trace(f"{ended.name}: ends")
        if failure is not None:
            self.unexplained = failure
        self.loop.call_later(0.5 + self.random.random() * 2, self._start_projector)

    def _send(self, sent: Sent) -> None:
        for flaw in sent.flaws:
            self.faults.count(flaw, "a producer")
        [entry] = self.kafka.write(NAMES.signals, sent.partition, [sent.message])
        if self._tracing:
            self.trace(f"a producer: {NAMES.signals}-{sent.partition} gets a signal at {entry.offset}")

    # Events.

    def _happen(self, fault: Fault) -> None:
        event = fault.kind
        workers = self.workers
        worker = workers[int(fault.victim * len(workers))] if workers else None
        processes: list[Worker | Projector] = [*workers, *self.projectors]
        process = processes[int(fault.victim * len(processes))] if processes else None
        number = int(fault.victim * self.scenario.partitions)
        identity = f"{SETTINGS.app}-scorer-{number}"
        who = f"partition {number}"
        now = self.loop.time()
        match event:
            case "process: dies" | "process: freezes" | "process: stops":
                if process is None:
                    return
                who = process.name
                if event == "process: dies":
                    process.kill()
                elif event == "process: freezes":
                    process.freeze(0.5 + 24 * fault.amount**2)
                else:
                    process.stop()
            case "process: cut off":
                if worker is None:
                    return
                who = worker.name
                worker.cut_off(1 + 24 * fault.amount)
            case "process: joins":
                self._start_worker()
            case "process: clock jumps":
                if worker is None:
                    return
                who = worker.name
                worker.clock_skew_ms = int((fault.amount * 2 - 1) * 3 * DAY)
            case "group: rebalances":
                self.group.rebalance()
            case "transaction: rival":
                self.kafka.fence(identity)
            case "partition: slow":
                self._slow_until[number] = now + 10 * fault.amount
            case "brokers: slow":
                self.faults.slow_until = now + 4 * fault.amount
            case "brokers: clock falls back":
                self._back[number] = int(fault.amount * DAY / 4)
            case "foreign: aborted" | "foreign: committed":
                self._foreign(number, fault)
            case "changelog: compacted":
                for one in range(self.scenario.partitions):
                    self.kafka.partition(NAMES.changelog, one).compact()
            case "projector: second":
                self._start_projector()
            case "store: away":
                self.tables.away_until = now + 8 * fault.amount
            case _:
                raise ValueError(f"nothing happens by the name of {event}")
        self.faults.count(event, who)

    def _foreign(self, number: int, fault: Fault) -> None:
        identity = f"foreign-{fault.at}"
        epoch = self.kafka.open_producer(identity)
        assert epoch is not None
        own = [sent.message for sent in self.scenario.signals if sent.partition == number]
        # Signals of the partition once more: harmless if they are committed, and they stand for any others.
        messages = own[:2] or [(b"", b"", [])]
        self.kafka.write_in_transaction(identity, epoch, NAMES.signals, number, messages, 60)
        commit = fault.kind == "foreign: committed"
        self.loop.call_later(
            5 * fault.amount, partial(self.kafka.end_transaction, identity, epoch, commit=commit)
        )

    # The end.

    def _has_settled(self) -> bool:
        return not self._unsettled()

    def _unsettled(self) -> str:
        """What is not done yet; empty if all is."""
        if self.kafka.has_open_transactions():
            return "a transaction is open"
        for number in range(self.scenario.partitions):
            log = self.kafka.partition(NAMES.signals, number)
            tasks = [worker.partition_tasks.get(number) for worker in self.workers]
            if not any(one is not None and self._is_done(one, log) for one in tasks):
                where = [one and (one.durable, one.position) for one in tasks]
                return f"partition {number} ends at {log.end}, its tasks are at {where}"
        for place in self.places:
            end = self.kafka.partition(place.topic, place.partition).end
            projected = self.tables.positions.get((place.topic, place.partition), 0)
            if projected != end:
                return f"{place.topic}-{place.partition} ends at {end} and is projected up to {projected}"
        return ""

    def _is_done(self, one: PartitionTask, log: Partition) -> bool:
        """Whether a task has folded and committed its log, and no lead is due."""
        if one.opened_at is None or one.fold is None or one.has_work() or one.durable != log.end:
            return False
        due = one.fold.next_due()
        return due is None or due > self.log_now()


class _Clock:
    """The module `time`, as the clock of the log uses it."""

    world: World

    def time(self) -> float:
        return self.world.time()

    def monotonic(self) -> float:
        return self.world.monotonic()


_CLOCK = _Clock()


@contextmanager
def installed() -> Iterator[None]:
    """The simulated client library and clock in place of the real ones, and no log lines."""
    replaced: list[tuple[Any, str, Any]] = [
        (clients, "AIOKafkaProducer", SimulatedProducer),
        (clients, "AIOKafkaConsumer", SimulatedConsumer),
        (clock, "time", _CLOCK),
        # Small bounds are reached by few records.
        (task, "CHUNK", 4),
        (pack_queue, "QUEUED_PACKS", 1),
        # Looking up a metric by its labels takes longer than anything that the simulation does.
        (MetricWrapperBase, "labels", cache(MetricWrapperBase.labels)),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    logging = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        for owner, name, value in replaced:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
        structlog.configure(**logging)


def simulate(scenario: Scenario, *, tracing: bool = False) -> tuple[World, BaseException | None]:
    """Runs a scenario: the world as it is at the end, and why the run failed, if it did.

    Within `installed()` only.
    """
    loop = VirtualTimeLoop()
    loop.set_task_factory(adopt)
    loop.set_exception_handler(lambda loop, context: None)
    worlds: list[World] = []

    async def main() -> BaseException | None:
        world = World(scenario, tracing=tracing)
        _CLOCK.world = world
        worlds.append(world)
        failure: BaseException | None = None
        try:
            await world.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run failed
            failure = error
        world.end()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return failure

    try:
        failure = loop.run_until_complete(main())
    except Exception as error:  # noqa: BLE001 - as above
        failure = error
    finally:
        loop.close()
    return worlds[0], failure
