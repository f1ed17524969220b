"""A worker on a log with transactions of others: markers, aborted ones, open ones."""

import asyncio

import pytest
from confluent_kafka import Producer

from tests.support.log import Log, Sent, flush
from tests.support.replaying import Replayed, stored_position
from tests.support.signals import many, sent
from tests.support.waiting import until_async
from tests.support.workers import RunningWorker

from .bench import catalog
from .conftest import Install
from .live import counted, fold_all, stale_packs

pytestmark = pytest.mark.kafka


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
                task = worker.task()
                assert task is not None
                await until_async(lambda: task.lag() == 0, "there is nothing to read")
                assert worker.durable() == 5
                foreign.commit_transaction(20)
            await worker.at(11)

    asyncio.run(run())
    assert counted(apache_log, installation) == 10
    Replayed(installation, catalog()).check()
