"""A worker goes on in the log that its state was made of, and in no other."""

import asyncio
import time
from dataclasses import replace

import msgspec
import pytest

from leadstream.records.keys import CONTROL_PREFIX, lead_key, partition_of
from leadstream.roles.worker import Worker
from leadstream.scoring.partition.rows import POSITION, UNKNOWN_LOG, LogIdentity, PositionRow, read_position
from leadstream.stream.errors import LogTruncated, OtherLog, StreamError
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.replaying import Replayed
from tests.support.signals import many, sent
from tests.support.workers import RunningWorker, end_of

from .bench import catalog
from .conftest import Install
from .live import counted, fold_all

pytestmark = pytest.mark.kafka

LOG_APPEND_TIME = {"message_timestamp_type": "LogAppendTime", "max_message_bytes": "16777216"}


def ended(installation: Installation, **options: bool) -> StreamError:
    """What a worker that should not go on ends with."""

    async def run() -> BaseException | None:
        worker = Worker(installation.settings, catalog(), None, **options)
        running = asyncio.ensure_future(worker.run(asyncio.Event()))
        await asyncio.wait([running], timeout=60)
        assert running.done(), "the worker does not end"
        return running.exception()

    error = asyncio.run(run())
    assert isinstance(error, StreamError), error
    return error


def refused(installation: Installation, **options: bool) -> str:
    error = ended(installation, **options)
    assert isinstance(error, OtherLog), error
    assert error.exit_code == 2
    return str(error)


def row_of(log: Log, installation: Installation, partition: int = 0) -> PositionRow:
    return read_position(log.rows(installation.names.changelog, partition)[POSITION])


def rewrite(log: Log, installation: Installation, row: PositionRow, partition: int = 0) -> None:
    """Puts another row of the position into the changelog."""
    log.send(installation.names.changelog, [Sent(POSITION, msgspec.msgpack.encode(row), partition)])


def without_ids(log: Log, installation: Installation) -> None:
    """The rows as they are on brokers that have no ids of topics."""
    for number in range(installation.partitions):
        row = row_of(log, installation, number)
        nameless = LogIdentity("", "", row.log.partitions)
        rewrite(log, installation, msgspec.structs.replace(row, log=nameless), number)


def as_codec_2(log: Log, installation: Installation) -> None:
    """The rows of the position as the release with codec 2 wrote them."""
    for number in range(installation.partitions):
        row = row_of(log, installation, number)
        old = (2, 2, row.position, row.now, row.data)
        log.send(installation.names.changelog, [Sent(POSITION, msgspec.msgpack.encode(old), number)])


def everywhere(begin: int, end: int, partitions: int, leads: int = 40) -> list[Sent]:
    """Signals of now, of leads in all partitions, where producers place them by so many."""
    now = int(time.time() * 1000)
    found = []
    for number in range(begin, end):
        lead = f"l{number % leads}"
        found.append(sent(number, lead, partition_of(lead_key("acme", lead), partitions), at=now))
    return found


def homes(log: Log, installation: Installation) -> dict[bytes, list[int]]:
    """In which partitions each lead has state."""
    found: dict[bytes, list[int]] = {}
    for number in range(installation.partitions):
        for key in log.rows(installation.names.changelog, number):
            if not key.startswith(CONTROL_PREFIX):
                found.setdefault(key, []).append(number)
    return found


def grow_all(log: Log, installation: Installation, partitions: int) -> Installation:
    """All topics with more partitions, but for that of models: as one who follows the message does."""
    names = installation.names
    for topic in (names.changelog, names.actions, names.decisions, names.scores, names.history):
        log.grow(topic, partitions)
    log.grow(names.dead_letters, partitions)
    return replace(installation, partitions=partitions)


def requested(log: Log, installation: Installation) -> list[bytes]:
    """The ids of all records of the actions topic."""
    return [dict(message.headers())["ce_id"] for message in log.read(installation.names.actions)]


def test_a_position_says_which_log_it_is_in(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache(2)
    apache_log.send(installation.names.signals, everywhere(0, 60, 2))
    fold_all(installation, apache_log)
    rows = [row_of(apache_log, installation, number) for number in range(2)]
    assert rows[0].log == rows[1].log
    assert len({rows[0].log.topic, rows[0].log.changelog, ""}) == 3
    # Compared with the last record that another client reads.
    Replayed(installation, catalog()).check()
    # And it goes on with it.
    apache_log.send(installation.names.signals, everywhere(60, 90, 2))
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 90
    Replayed(installation, catalog()).check()


# Partitions that are added


def test_partitions_added_before_a_start_are_refused_and_nothing_is_lost(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache(2)
    topic = installation.names.signals
    apache_log.send(topic, everywhere(0, 100, 2))
    fold_all(installation, apache_log)
    before = len(requested(apache_log, installation))
    assert before > 10
    apache_log.grow(topic, 4)
    apache_log.send(topic, everywhere(100, 300, 4))
    message = str(ended(installation))
    assert "changelog has 2 partitions" in message
    assert "LEADSTREAM_KEY_PARTITIONS=2" in message
    # All topics grown, and no more: the state would be split.
    grown = grow_all(apache_log, installation, 4)
    message = refused(grown)
    assert "placed by 2 partitions, not 4" in message
    assert "LEADSTREAM_KEY_PARTITIONS=2" in message
    assert counted(apache_log, grown) == 100
    # A wrong number is no way round it.
    assert "placed by 2 partitions, not 3" in refused(replace(grown, options={"key_partitions": 3}))
    # What the message says: every signal is folded, once, where the state of its lead is.
    kept = replace(grown, options={"key_partitions": 2})
    fold_all(kept, apache_log)
    fold_all(kept, apache_log)
    assert counted(apache_log, kept) == 300
    assert all(len(numbers) == 1 for numbers in homes(apache_log, kept).values())
    ids = requested(apache_log, kept)
    assert len(ids) == len(set(ids)) >= before
    Replayed(kept, catalog()).check()
    # Of producers that go on placing by 4, too; but not without the setting.
    apache_log.send(topic, everywhere(300, 400, 4))
    fold_all(kept, apache_log)
    # What the first sent on after the ends that it was to reach.
    fold_all(kept, apache_log)
    assert counted(apache_log, kept) == 400
    assert "LEADSTREAM_KEY_PARTITIONS=2" in refused(grown)


def test_partitions_added_while_a_worker_runs_end_it(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache(2)
    topic = installation.names.signals
    apache_log.send(topic, everywhere(0, 60, 2))

    async def run() -> BaseException | None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.opened()
            await worker.caught_up(apache_log)
            apache_log.grow(topic, 3)
            error = await end_of(worker)
            worker.running = asyncio.ensure_future(asyncio.sleep(0))
            return error

    error = asyncio.run(run())
    assert isinstance(error, OtherLog), error
    assert f"{topic} has 3 partitions, and had 2" in str(error)
    assert "LEADSTREAM_KEY_PARTITIONS=2" in str(error)
    # And so while it runs with keys placed by fewer.
    kept = replace(grow_all(apache_log, installation, 3), options={"key_partitions": 2})
    fold_all(kept, apache_log)
    assert counted(apache_log, kept) == 60


def test_rows_of_codec_2_whose_keys_belong_elsewhere_are_refused(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache(2)
    apache_log.send(installation.names.signals, everywhere(0, 60, 2))
    fold_all(installation, apache_log)
    as_codec_2(apache_log, installation)
    apache_log.grow(installation.names.signals, 4)
    grown = grow_all(apache_log, installation, 4)
    assert "its key belongs in" in refused(grown)
    kept = replace(grown, options={"key_partitions": 2})
    apache_log.send(installation.names.signals, everywhere(60, 90, 4))
    fold_all(kept, apache_log)
    fold_all(kept, apache_log)
    assert counted(apache_log, kept) == 90


def test_more_partitions_of_the_other_topics_change_nothing(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache(2)
    apache_log.send(installation.names.signals, everywhere(0, 30, 2))
    fold_all(installation, apache_log)
    grow_all(apache_log, installation, 5)
    apache_log.send(installation.names.signals, everywhere(30, 60, 2))
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 60


# Topics that are made anew


@pytest.mark.parametrize("again", [0, 10, 30, 200])
def test_a_topic_of_signals_made_anew_is_refused_whatever_is_in_it(
    install_apache: Install, apache_log: Log, again: int
) -> None:
    installation = install_apache(1)
    topic = installation.names.signals
    apache_log.send(topic, many(0, 30))
    fold_all(installation, apache_log)
    apache_log.make_anew(topic, 1, **LOG_APPEND_TIME)
    apache_log.send(topic, many(1000, 1000 + again))
    message = refused(installation)
    assert f"{topic} has the id" in message
    assert "Another log under the state" in message
    assert counted(apache_log, installation) == 30


@pytest.mark.parametrize(
    ("again", "told"),
    [
        (0, "ends at 0, but is folded up to 30"),
        (10, "ends at 10, but is folded up to 30"),
        (30, "another record at offset 29"),
        (200, "another record at offset 29"),
    ],
)
def test_where_topics_have_no_ids_the_record_that_was_folded_last_decides(
    install_apache: Install, apache_log: Log, again: int, told: str
) -> None:
    installation = install_apache(1)
    topic = installation.names.signals
    apache_log.send(topic, many(0, 30))
    fold_all(installation, apache_log)
    without_ids(apache_log, installation)
    apache_log.make_anew(topic, 1, **LOG_APPEND_TIME)
    # The very same signals: only their time is another.
    apache_log.send(topic, many(0, again))
    error = ended(installation)
    assert isinstance(error, LogTruncated if again < 30 else OtherLog)
    assert told in str(error)
    assert counted(apache_log, installation) == 30


def test_a_topic_made_anew_under_a_worker_ends_it(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache(1)
    topic = installation.names.signals
    apache_log.send(topic, many(0, 30))

    async def run() -> BaseException | None:
        async with RunningWorker(installation, catalog()) as worker:
            await worker.at(30)
            apache_log.make_anew(topic, 1, **LOG_APPEND_TIME)
            error = await end_of(worker)
            worker.running = asyncio.ensure_future(asyncio.sleep(0))
            return error

    error = asyncio.run(run())
    assert isinstance(error, OtherLog | LogTruncated), error
    assert refused(installation)


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_changelog_made_anew_with_some_of_its_rows_is_refused(
    install_apache: Install, apache_log: Log, partitions: int
) -> None:
    """As one that a running worker went on writing to, or that was restored from a copy."""
    installation = install_apache(1)
    names = installation.names
    apache_log.send(names.signals, many(0, 30))
    fold_all(installation, apache_log)
    rows = apache_log.rows(names.changelog)
    apache_log.make_anew(names.changelog, partitions, cleanup_policy="compact")
    del rows[b"acme:l3"]
    apache_log.send(names.changelog, [Sent(key, row, 0) for key, row in rows.items()])
    message = refused(installation)
    assert f"{names.changelog} has the id" in message
    assert "state is missing" in message


def test_a_changelog_of_another_topic_of_signals_is_refused(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache(1)
    apache_log.send(installation.names.signals, many(0, 30))
    fold_all(installation, apache_log)
    # The same application, other topics: with more records than were folded.
    other = Installation(installation.address, f"{installation.name}_b", 1)
    moved = replace(other, options={"app": installation.name})
    other.create()
    apache_log.send(other.names.signals, many(0, 90))
    message = refused(moved)
    assert "LEADSTREAM_TOPIC_PREFIX" in message
    assert counted(apache_log, moved) == 0


# Copies of the log


def copied(installation: Installation, log: Log, suffix: str, offsets: int, later: int = 0) -> Installation:
    """An installation on copies of all signals and rows, the former after `offsets` others."""
    there = Installation(installation.address, f"{installation.name}{suffix}", 1, {"allow_create_time": True})
    names = there.names
    moved = replace(there, options={"allow_create_time": True, "app": installation.name})
    there.create()
    log.make_anew(names.signals, 1, **LOG_APPEND_TIME | {"message_timestamp_type": "CreateTime"})
    log.send(names.signals, many(5000, 5000 + offsets))
    log.send(
        names.signals,
        [
            Sent(one.key(), one.value(), 0, one.headers(), one.timestamp()[1] + later)
            for one in log.read(installation.names.signals)
        ],
    )
    return moved


def test_a_copy_is_gone_on_in_only_where_it_is_asked_for_and_shown(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache(1)
    apache_log.send(installation.names.signals, many(0, 30))
    fold_all(installation, apache_log)
    exact = copied(installation, apache_log, "_exact", 0)
    assert "has the id" in refused(exact)
    shifted = copied(installation, apache_log, "_shifted", 2)
    assert "another record at offset 29" in refused(shifted, copied_log=True)
    behind = copied(installation, apache_log, "_behind", 0)
    apache_log.delete_before(behind.names.signals, 0, 30)
    assert "can't be shown to be a copy" in refused(behind, copied_log=True)
    late = copied(installation, apache_log, "_late", 0, later=1)
    assert "another record at offset 29" in refused(late, copied_log=True)
    assert counted(apache_log, installation) == 30
    apache_log.send(exact.names.signals, many(30, 40))

    async def run() -> None:
        stop = asyncio.Event()
        worker = Worker(exact.settings, catalog(), None, copied_log=True)
        running = asyncio.ensure_future(worker.run(stop))
        try:
            while not (running.done() or counted(apache_log, exact) == 10):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        finally:
            stop.set()
            await running

    asyncio.run(asyncio.wait_for(run(), 60))
    # Said once: the row has the ids of the copy now.
    apache_log.send(exact.names.signals, many(40, 45))
    fold_all(exact, apache_log)
    assert counted(apache_log, exact) == 15


# What goes on


def test_where_retention_has_removed_the_last_record_id_and_count_decide(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache(1)
    topic = installation.names.signals
    apache_log.send(topic, many(0, 30))
    fold_all(installation, apache_log)
    apache_log.delete_before(topic, 0, 30)
    fold_all(installation, apache_log)
    apache_log.send(topic, many(30, 40))
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 40
    # The same once more, made anew.
    apache_log.make_anew(topic, 1, **LOG_APPEND_TIME)
    apache_log.send(topic, many(0, 60))
    apache_log.delete_before(topic, 0, 40)
    assert "has the id" in refused(installation)


def test_the_record_that_was_folded_last_may_be_behind_markers_and_aborted_ones(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache(1)
    topic = installation.names.signals
    apache_log.send_in_transaction(f"{installation.name}-a", topic, many(0, 5))
    apache_log.send_in_transaction(f"{installation.name}-b", topic, many(5, 9), commit=False)
    apache_log.send(topic, [Sent(b"acme:l1", b"no signal", 0), Sent(None, None, 0), Sent(b"", b"", 0)])
    apache_log.send_in_transaction(f"{installation.name}-c", topic, many(9, 12), commit=False)
    for _ in range(3):
        fold_all(installation, apache_log)
    Replayed(installation, catalog()).check()
    last = row_of(apache_log, installation).last
    assert last is not None
    assert last.offset == 13


@pytest.mark.parametrize("folded", [0, 30])
def test_a_row_of_codec_2_gains_its_log_at_the_first_start(
    install_apache: Install, apache_log: Log, folded: int
) -> None:
    installation = install_apache(2)
    apache_log.send(installation.names.signals, everywhere(0, folded, 2))
    fold_all(installation, apache_log)
    as_codec_2(apache_log, installation)
    assert row_of(apache_log, installation).log == UNKNOWN_LOG
    # Nothing new comes: the row gains it all the same.
    fold_all(installation, apache_log)
    for number in range(2):
        row = row_of(apache_log, installation, number)
        assert row.codec == 3
        assert row.log.partitions == 2
        assert row.log.topic
        assert row.log.changelog
        assert row.last is None
    apache_log.send(installation.names.signals, everywhere(folded, folded + 30, 2))
    fold_all(installation, apache_log)
    assert all(row_of(apache_log, installation, number).last is not None for number in range(2))
    assert counted(apache_log, installation) == folded + 30


def test_on_the_embedded_broker_a_worker_goes_on(install_embedded: Install, embedded_kafka: object) -> None:
    installation = install_embedded(2)
    log = Log(installation.bootstrap)
    for begin in (0, 30, 60):
        log.send(installation.names.signals, everywhere(begin, begin + 30, 2))
        fold_all(installation, log)
    assert counted(log, installation) == 90
    # And where it has no ids.
    without_ids(log, installation)
    log.send(installation.names.signals, everywhere(90, 120, 2))
    fold_all(installation, log)
    assert counted(log, installation) == 120
