"""Where a worker reads from: its own position, not the group's; and what it refuses where there is none."""

import asyncio

import pytest
from faust.types import TP

from leadstream.stream.errors import LogTruncated
from tests.support.log import Log
from tests.support.replaying import Replayed
from tests.support.signals import many, sent
from tests.support.workers import RunningWorker, end_of

from .bench import catalog
from .conftest import Install
from .live import counted, fold_all, refusal, stale_packs

pytestmark = pytest.mark.kafka


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
