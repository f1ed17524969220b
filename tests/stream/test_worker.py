"""A worker on a real broker: its start and its stop, and its place in the group."""

import asyncio
from pathlib import Path

import pytest

from leadstream.devstack import KafkaAddress
from leadstream.records.keys import partition_of
from leadstream.stream.errors import Refused
from tests.support.log import Log
from tests.support.replaying import Replayed, stored_position
from tests.support.signals import many, sent
from tests.support.waiting import until_async
from tests.support.workers import RunningWorker, end_of

from .bench import catalog
from .conftest import Install
from .live import counted, fold_all, refusal

pytestmark = pytest.mark.kafka


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
            worker.app.pause(0)
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
            worker.app.resume(0)
            await worker.at(100, 100)

    asyncio.run(run())


def test_a_worker_leaves_nothing_in_its_working_folder(
    install_embedded: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = install_embedded()
    monkeypatch.chdir(tmp_path)

    async def run() -> None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []
