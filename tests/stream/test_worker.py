"""A worker on a real broker: where it reads from, what it skips, and when it refuses to go on."""

import asyncio
from functools import cache

import msgspec
import pytest
from confluent_kafka import Producer
from faust.types import TP

from leadstream.localstack import KafkaAddress
from leadstream.models import load_catalog
from leadstream.operations import metrics
from leadstream.records.keys import partition_of
from leadstream.scoring.model import ModelCatalog
from leadstream.stream.errors import LogTruncated, Refused
from tests.support.installation import Installation
from tests.support.log import Log, Sent, flush
from tests.support.replaying import Replayed, stored_position
from tests.support.signals import many, sent
from tests.support.waiting import until_async
from tests.support.workers import RunningWorker, end_of

from .conftest import Install

pytestmark = pytest.mark.kafka


@cache
def catalog(model: str = "tenx") -> ModelCatalog:
    return load_catalog(model, None)


def stale_packs() -> float:
    found: float = metrics.STALE_PACKS._value.get()
    return found


def fold_all(installation: Installation, log: Log) -> None:
    """Runs a worker until it has folded what is there, and stops it."""

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()
            await worker.caught_up(log)

    asyncio.run(run())


def refusal(installation: Installation, model: str = "tenx") -> Refused:
    """What a worker that should not start ends with."""

    async def run() -> BaseException | None:
        async with RunningWorker(installation, catalog(model)) as worker:
            error = await end_of(worker)
            worker.running = asyncio.ensure_future(asyncio.sleep(0))
            return error

    error = asyncio.run(run())
    assert isinstance(error, Refused), error
    assert error.exit_code == 2
    return error


def counted(log: Log, installation: Installation) -> int:
    """How many signals are in the history."""
    return sum(
        len(msgspec.json.decode(message.value())["entries"])
        for message in log.read(installation.names.history)
    )


def test_markers_of_foreign_transactions_are_covered_by_packs_and_make_no_gap(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()
            before = stale_packs()
            with apache_log.transactional(f"{installation.name}-foreign") as foreign:
                for number in range(20):
                    foreign.begin_transaction()
                    record = sent(number, f"l{number % 3}")
                    foreign.produce(topic, record.value, record.key, partition=0)
                    foreign.commit_transaction(20)
            # Each transaction has a record and a marker.
            await worker.at(40)
            task = worker.task()
            assert task is not None
            assert (task.lag(), stale_packs()) == (0, before)
            await until_async(
                lambda: apache_log.committed(installation.name, topic) == 40, "the group's lag is 0"
            )

    asyncio.run(run())
    assert counted(apache_log, installation) == 20
    Replayed(installation, catalog()).check()


def test_an_aborted_foreign_transaction_is_skipped_and_nothing_is_folded_twice(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals
    apache_log.send(topic, many(0, 10))
    foreign = f"{installation.name}-foreign"
    apache_log.send_in_transaction(foreign, topic, many(10, 20), commit=False)
    apache_log.send(topic, many(20, 30))
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 20
    # The log ends with an aborted transaction: the position is behind its marker, at the next start, too.
    apache_log.send_in_transaction(foreign, topic, many(30, 40), commit=False)
    fold_all(installation, apache_log)
    assert stored_position(apache_log.rows(installation.names.changelog)) in (31, 42)
    fold_all(installation, apache_log)
    replayed = Replayed(installation, catalog())
    replayed.check()
    assert (counted(apache_log, installation), replayed.unfolded) == (20, [])


def test_an_open_foreign_transaction_holds_its_readers_and_loses_nothing(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals

    def produce(foreign: Producer, record: Sent) -> None:
        foreign.produce(topic, record.value, record.key, partition=0)
        flush(foreign)

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()
            apache_log.send(topic, many(0, 5))
            with apache_log.transactional(f"{installation.name}-foreign") as foreign:
                foreign.begin_transaction()
                produce(foreign, sent(5))
                apache_log.send(topic, many(6, 10))
                await worker.at(5)
                # A worker that read uncommitted records would have gone on; this one knows the stable end.
                await until_async(lambda: (task := worker.task()) and task.stable == 5, "the end is stable")
                assert worker.durable() == 5
                foreign.commit_transaction(20)
            await worker.at(11)

    asyncio.run(run())
    assert counted(apache_log, installation) == 10
    Replayed(installation, catalog()).check()


def test_a_worker_that_saw_no_signal_yet_starts_again(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()
    topic = installation.names.signals

    async def idle() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()
            await until_async(
                lambda: apache_log.committed(installation.name, topic) == 0, "it has committed 0"
            )

    asyncio.run(idle())
    assert stored_position(apache_log.rows(installation.names.changelog)) == 0
    apache_log.send(topic, many(0, 5))
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 5


def test_offsets_that_the_group_has_committed_decide_nothing(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals
    apache_log.send(topic, many(0, 30))
    fold_all(installation, apache_log)
    assert apache_log.committed(installation.name, topic) == 30
    for offset in (7, 30):
        apache_log.commit(installation.name, topic, 0, offset)
        apache_log.send(topic, [sent(1000 + offset)])
        fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 32
    Replayed(installation, catalog()).check()


def test_faust_seeking_to_committed_offsets_has_no_effect(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()
    topic = installation.names.signals
    apache_log.send(topic, many(0, 30))
    fold_all(installation, apache_log)
    apache_log.send(topic, many(30, 60))

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.at(60)
            # The group has committed 30 as yet: Faust tells it once a second.
            before = stale_packs()
            consumer = worker.app.consumer
            await consumer.perform_seek()
            await consumer.seek_wait({TP(topic, 0): 3})
            apache_log.send(topic, many(60, 90))
            await worker.at(90)
            assert stale_packs() == before

    asyncio.run(run())
    assert counted(apache_log, installation) == 90


def test_seeks_while_packs_flow_lose_nothing(install_apache: Install, apache_log: Log) -> None:
    """A seek from another thread than the consumer's breaks aiokafka within some hundred."""
    installation = install_apache(step_signals=20, max_poll_records=10)
    topic = installation.names.signals
    apache_log.send(topic, many(0, 3000))

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()
            for _ in range(500):
                task = worker.task()
                assert task is not None
                assert task.position is not None
                # The packs that it has coming are of an older epoch now, and it seeks by itself.
                await worker.app.seek(0, task.position)
                if worker.durable() == 3000:
                    apache_log.send(topic, many(0, 1))
            apache_log.send(topic, [sent(10_000)])
            await worker.caught_up(apache_log)

    asyncio.run(run())
    replayed = Replayed(installation, catalog())
    replayed.check()
    assert replayed.unfolded == []


def test_a_log_truncated_behind_the_position_ends_the_worker(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals
    apache_log.send(topic, many(0, 10))
    fold_all(installation, apache_log)
    apache_log.send(topic, many(10, 60))
    apache_log.delete_before(topic, 0, 50)

    async def run() -> BaseException | None:
        async with RunningWorker(installation, catalog()) as worker:
            error = await end_of(worker)
            worker.running = asyncio.ensure_future(asyncio.sleep(0))
            return error

    error = asyncio.run(run())
    assert isinstance(error, LogTruncated)
    assert error.exit_code == 3
    assert f"{topic}-0 starts at 50, but is folded up to 10 only" in str(error)
    assert counted(apache_log, installation) == 10


def test_a_log_truncated_under_the_worker_ends_it(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()
    topic = installation.names.signals
    apache_log.send(topic, many(0, 60))

    async def run() -> BaseException | None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.at(60)
            apache_log.delete_before(topic, 0, 50)
            # What a worker that stood still in between would fetch next.
            await worker.app.seek(0, 20)
            error = await end_of(worker)
            worker.running = asyncio.ensure_future(asyncio.sleep(0))
            return error

    error = asyncio.run(run())
    assert isinstance(error, LogTruncated)
    assert counted(apache_log, installation) == 60


def test_without_a_position_it_refuses_a_log_that_starts_later(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals
    apache_log.send(topic, many(0, 30))
    apache_log.delete_before(topic, 0, 10)
    assert "starts at 10" in str(refusal(installation))

    async def run() -> None:
        async with RunningWorker(installation, catalog(), start_at=20) as worker:
            await worker.at(30)

    asyncio.run(run())
    assert counted(apache_log, installation) == 10
    # Said once: the position is stored.
    apache_log.send(topic, many(30, 35))
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 15


def test_without_a_position_it_refuses_where_the_group_has_committed(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    apache_log.send(installation.names.signals, many(0, 30))
    apache_log.commit(installation.name, installation.names.signals, 0, 10)
    error = refusal(installation)
    assert "has committed 10: state is missing" in str(error)
    assert "--start-at" in str(error)
    assert counted(apache_log, installation) == 0


def test_it_refuses_state_of_another_model(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()
    apache_log.send(installation.names.signals, many(0, 30))
    fold_all(installation, apache_log)
    error = refusal(installation, model="concept")
    assert "tenx" in str(error)
    assert "concept" in str(error)
    fold_all(installation, apache_log)


def test_a_second_worker_takes_over_half_and_gives_it_back(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache(4)
    topic = installation.names.signals

    def feed(begin: int) -> None:
        apache_log.send(
            topic, [sent(number, f"l{number % 40}", None) for number in range(begin, begin + 200)]
        )

    def mine(worker: RunningWorker) -> set[int]:
        return {
            partition
            for partition in range(4)
            if (task := worker.task(partition)) is not None and task.opened_at is not None
        }

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as first:
            await first.opened()
            feed(0)
            async with RunningWorker(installation, catalog()) as second:
                feed(200)
                await until_async(
                    lambda: len(mine(first)) == 2 and mine(first) | mine(second) == {0, 1, 2, 3},
                    "each has its half",
                )
                feed(400)
            feed(600)
            await first.opened()
            await first.caught_up(apache_log)

    asyncio.run(run())
    replayed = Replayed(installation, catalog())
    replayed.check()
    assert (replayed.records, replayed.unfolded) == (800, [])


def test_at_least_once_allows_one_worker_in_the_group(
    apache_kafka: KafkaAddress, install_apache: Install
) -> None:
    installation = install_apache(2, processing_guarantee="at_least_once")

    async def run() -> list[BaseException | None]:
        async with RunningWorker(installation, catalog()) as first:
            await first.opened()
            async with RunningWorker(installation, catalog()) as second:
                errors = [await end_of(second), await end_of(first)]
                for worker in (first, second):
                    worker.running = asyncio.ensure_future(asyncio.sleep(0))
                return errors

    for error in asyncio.run(run()):
        assert isinstance(error, Refused)
        assert "at_least_once allows one worker" in str(error)


def test_a_stop_under_load_commits_what_is_folded_and_says_so_to_the_group(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache(step_signals=50, max_poll_records=50)
    topic = installation.names.signals
    apache_log.send(topic, many(0, 20_000))

    async def run() -> int:
        async with RunningWorker(installation, catalog()) as worker:
            await until_async(lambda: (worker.durable() or 0) > 500, "it folds")
            task = worker.task()
            assert task is not None
            # Ahead of what is committed: without a drain that would be folded in vain.
            await until_async(lambda: (task.position or 0) > (task.durable or 0), "it is ahead")
            assert task.position is not None
            return task.position

    ahead = asyncio.run(run())
    stored = stored_position(apache_log.rows(installation.names.changelog))
    assert ahead <= stored < 20_000
    assert apache_log.committed(installation.name, topic) == stored
    stopped = Replayed(installation, catalog())
    stopped.check()
    assert stopped.unfolded


def test_a_held_partition_keeps_none_of_the_others_waiting(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache(2)
    topic = installation.names.signals

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()
            worker.app.hold(0)
            held, free = (
                [
                    lead
                    for lead in map("l{}".format, range(99))
                    if partition_of(f"acme:{lead}".encode(), 2) == p
                ]
                for p in (0, 1)
            )
            apache_log.send(topic, [sent(number, held[number % 5], 0) for number in range(100)])
            apache_log.send(topic, [sent(number, free[number % 5], 1) for number in range(100)])
            await until_async(lambda: worker.durable(1) == 100, "the other is folded")
            assert worker.durable(0) == 0
            worker.app.release(0)
            await worker.at(100, 100)

    asyncio.run(run())
