"""A step is written as a whole or not at all."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaConnectionError
from confluent_kafka import KafkaException

from leadstream.devstack import KafkaAddress
from leadstream.records.step import Message, Step
from leadstream.stream.errors import Fenced, Refused, StepFailed
from leadstream.stream.transaction import GUARANTEE_ROW, AtLeastOnceLog, StepLog, TransactionalLog
from tests.support.installation import Installation
from tests.support.log import Log, Sent, flush
from tests.support.waiting import until

from .conftest import Install

TOO_LARGE = b"x" * 4_500_000
"""More than a topic of ours takes."""


def step(tag: str, *, position: int = 1, score: bytes = b"{}") -> Step:
    """A step with one record in each topic, told apart by `tag`."""
    key = tag.encode()
    return Step(
        position,
        now=0,
        changelog=[(key, b"row"), (b"\0position", str(position).encode())],
        actions=[(key, b"action", [("ce_id", key)])],
        decisions=[(key, b"decision", [])],
        scores=[(key, score, [])],
        history=[(None, key, [])],
        dead_letters=[(key, b"dead", [])],
        forwards=[(0, (key, b"forward", [("leadstream-forwarded-from", b"x-0-1")]))],
    )


class Stalled(list[tuple[int, Message]]):
    """Forwards, which are sent last: the process stands still when it comes to them."""

    def __init__(self, forwards: list[tuple[int, Message]], stall: Callable[[], object]) -> None:
        super().__init__(forwards)
        self._stall = stall

    def __iter__(self) -> Iterator[tuple[int, Message]]:
        self._stall()
        return super().__iter__()


def topics_of(installation: Installation) -> dict[str, str]:
    names = installation.names
    return {
        "changelog": names.changelog,
        "actions": names.actions,
        "decisions": names.decisions,
        "scores": names.scores,
        "history": names.history,
        "dead_letters": names.dead_letters,
        "forwards": names.signals,
    }


def visible(log: Log, installation: Installation, *, committed: bool = True) -> dict[str, int]:
    """How many records each topic has for a reader."""
    return {
        name: len(log.read(topic, committed=committed)) for name, topic in topics_of(installation).items()
    }


def a_step_log(installation: Installation) -> StepLog:
    kind = TransactionalLog if installation.address.transactions else AtLeastOnceLog
    return kind(installation.settings, installation.names, 0)


def ignored(records: int, part: float) -> None:
    pass


NOTHING = dict.fromkeys(
    ("changelog", "actions", "decisions", "scores", "history", "dead_letters", "forwards"), 0
)
ALL = {**dict.fromkeys(NOTHING, 1), "changelog": 3}
"""The rows of the lead, of the position and of the guarantee are in the changelog."""


def test_a_step_is_there_after_its_commit_with_its_headers_and_restores(install: Install, log: Log) -> None:
    installation = install()

    async def commit() -> dict[bytes, bytes]:
        opened = a_step_log(installation)
        await opened.open()
        try:
            await opened.commit(step("a", position=1))
            await opened.commit(step("b", position=2))
            return await opened.restore(ignored)
        finally:
            await opened.close()

    rows = asyncio.run(commit())
    assert rows == {b"a": b"row", b"b": b"row", b"\0position": b"2"}
    assert visible(log, installation) == {**dict.fromkeys(ALL, 2), "changelog": 5}
    [first, _] = log.read(installation.names.actions)
    assert (first.key(), first.value(), first.headers()) == (b"a", b"action", [("ce_id", b"a")])
    [forward, _] = log.read(installation.names.signals)
    assert forward.headers() == [("leadstream-forwarded-from", b"x-0-1")]


def test_a_step_of_many_batches_keeps_its_order(install: Install, log: Log) -> None:
    installation = install()
    large = Step(1, now=0)
    large.actions = [(b"k%d" % number, b"v" * 20_000, []) for number in range(100)]
    large.scores = [(b"s", b"w" * 1_500_000, []), (b"t", b"small", [])]

    async def commit() -> None:
        opened = a_step_log(installation)
        await opened.open()
        try:
            await opened.commit(large)
        finally:
            await opened.close()

    asyncio.run(commit())
    assert [message.key() for message in log.read(installation.names.actions)] == [
        b"k%d" % number for number in range(100)
    ]
    assert [len(message.value()) for message in log.read(installation.names.scores)] == [1_500_000, 5]


@pytest.mark.kafka
def test_aiokafka_commits_the_rest_of_a_transaction_whose_one_batch_failed(
    install_apache: Install, apache_log: Log
) -> None:
    """Why every send is awaited before the commit. When this fails, aiokafka has mended it."""
    installation = install_apache()
    actions, scores = installation.names.actions, installation.names.scores

    async def commit() -> None:
        opened = TransactionalLog(installation.settings, installation.names, 0)._new_producer()
        await opened.start()
        try:
            await opened.begin_transaction()
            sent = []
            for topic, value in ((actions, b"small"), (scores, TOO_LARGE)):
                batch = opened.create_batch()
                batch.append(key=b"k", value=value, timestamp=None)
                sent.append(await opened.send_batch(batch, topic, partition=0))
            await asyncio.wait(sent)
            assert [future.exception() is None for future in sent] == [True, False]
            await opened.commit_transaction()
        finally:
            await opened.stop()

    asyncio.run(commit())
    assert (len(apache_log.read(actions)), len(apache_log.read(scores))) == (1, 0)


@pytest.mark.kafka
def test_a_send_that_fails_aborts_the_whole_step(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()

    async def commit() -> None:
        opened = a_step_log(installation)
        await opened.open()
        try:
            with pytest.raises(StepFailed, match="partition 0: the step up to offset 7 was not written"):
                await opened.commit(step("a", position=7, score=TOO_LARGE))
        finally:
            await opened.close()

    asyncio.run(commit())
    assert visible(apache_log, installation, committed=False)["actions"] == 1
    assert visible(apache_log, installation) == NOTHING
    # The transaction is closed, not left to its timeout: what is sent after it can be read at once.
    apache_log.send(installation.names.actions, [Sent(b"later", b"1", 0)])
    assert [message.key() for message in apache_log.read(installation.names.actions)] == [b"later"]


@pytest.mark.kafka
def test_everything_is_sent_and_acknowledged_before_forwards_and_seen_only_after_the_commit(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    seen: list[tuple[dict[str, int], dict[str, int]]] = []

    def look() -> None:
        uncommitted = visible(apache_log, installation, committed=False)
        seen.append((uncommitted, visible(apache_log, installation)))

    async def commit() -> None:
        opened = a_step_log(installation)
        await opened.open()
        try:
            written = step("a")
            written.forwards = Stalled(written.forwards, look)
            await opened.commit(written)
        finally:
            await opened.close()

    asyncio.run(commit())
    assert seen == [({**ALL, "forwards": 0}, NOTHING)]
    assert visible(apache_log, installation) == ALL


@pytest.mark.kafka
def test_opening_fences_the_writer_before(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()

    async def fence() -> None:
        first, second = a_step_log(installation), a_step_log(installation)
        await first.open()
        await first.commit(step("first"))
        await second.open()
        try:
            with pytest.raises(Fenced):
                await first.commit(step("zombie"))
            await second.commit(step("second"))
        finally:
            await first.close()
            await second.close()

    asyncio.run(fence())
    assert [message.key() for message in apache_log.read(installation.names.actions)] == [
        b"first",
        b"second",
    ]
    assert b"zombie" not in apache_log.rows(installation.names.changelog)


@pytest.mark.kafka
def test_opening_aborts_the_transaction_that_the_writer_before_left_open(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    actions = installation.names.actions

    async def open_and_restore() -> dict[bytes, bytes]:
        opened = a_step_log(installation)
        await opened.open()
        try:
            return await opened.restore(ignored)
        finally:
            await opened.close()

    with apache_log.transactional(f"{installation.name}-scorer-0") as before:
        before.begin_transaction()
        before.produce(actions, b"half", b"zombie", partition=0)
        before.produce(installation.names.changelog, b"row", b"zombie", partition=0)
        flush(before)
        assert asyncio.run(open_and_restore()) == {}
        with pytest.raises(KafkaException):
            before.commit_transaction(20)
    apache_log.send(actions, [Sent(b"later", b"1", 0)])
    assert [message.key() for message in apache_log.read(actions)] == [b"later"]


@pytest.mark.kafka
def test_a_transaction_that_the_broker_timed_out_is_fenced_and_can_be_opened_again(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache(transaction_timeout_ms=1000)
    actions = installation.names.actions

    def stand_still() -> None:
        # One record and, from the broker, the marker that aborts it.
        until(lambda: apache_log.end(actions) == 2, "the broker aborts the transaction", 30)

    async def stall() -> None:
        opened = a_step_log(installation)
        await opened.open()
        try:
            stalled = step("stalled")
            stalled.forwards = Stalled(stalled.forwards, stand_still)
            with pytest.raises(Fenced):
                await opened.commit(stalled)
            await opened.open()
            assert await opened.restore(ignored) == {}
            await opened.commit(step("again"))
        finally:
            await opened.close()

    asyncio.run(stall())
    assert visible(apache_log, installation) == ALL
    assert [message.key() for message in apache_log.read(actions)] == [b"again"]


@pytest.mark.kafka
def test_a_producer_that_ended_itself_is_replaced_and_its_step_written_again(
    install_apache: Install, apache_log: Log
) -> None:
    """The connection breaks while aiokafka asks for the coordinator: it ends itself for that."""
    installation = install_apache()

    async def broken(kind: object, key: str) -> int:
        raise KafkaConnectionError("closed")

    async def commit() -> None:
        opened = a_step_log(installation)
        await opened.open()
        try:
            await opened.commit(step("first", position=1))
            ending = opened._producer
            assert ending is not None
            ending._sender._coordinator_dead(CoordinationType.TRANSACTION)
            ending.client.coordinator_lookup = broken
            with pytest.raises(Fenced, match=r"its producer ended: .*closed"):
                await opened.commit(step("lost", position=2))
            await opened.open()
            await opened.restore(ignored)
            await opened.commit(step("again", position=2))
        finally:
            await opened.close()

    asyncio.run(commit())
    assert [message.key() for message in apache_log.read(installation.names.actions)] == [b"first", b"again"]


def at_least_once(address: KafkaAddress, installation: Installation) -> AtLeastOnceLog:
    options = {**installation.options, "processing_guarantee": "at_least_once"}
    return AtLeastOnceLog(
        Installation(address, installation.name, installation.partitions, options).settings,
        installation.names,
        0,
    )


def test_at_least_once_confirms_what_a_step_puts_out_before_its_state(
    broker: KafkaAddress, install: Install, log: Log
) -> None:
    installation = install()
    seen: list[dict[str, int]] = []

    async def commit() -> None:
        opened = at_least_once(broker, installation)
        await opened.open()
        try:
            written = step("a")
            written.forwards = Stalled(written.forwards, lambda: seen.append(visible(log, installation)))
            await opened.commit(written)
        finally:
            await opened.close()

    asyncio.run(commit())
    assert seen == [{**ALL, "forwards": 0, "changelog": 0}]
    assert visible(log, installation) == ALL


@pytest.mark.kafka
def test_at_least_once_leaves_the_position_where_it_was_when_an_output_fails(
    apache_kafka: KafkaAddress, install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()

    async def commit() -> None:
        opened = at_least_once(apache_kafka, installation)
        await opened.open()
        try:
            with pytest.raises(StepFailed):
                await opened.commit(step("a", score=TOO_LARGE))
        finally:
            await opened.close()

    asyncio.run(commit())
    found = visible(apache_log, installation)
    assert (found["actions"], found["changelog"]) == (1, 0)


@pytest.mark.kafka
def test_at_least_once_refuses_a_changelog_written_exactly_once_and_not_the_other_way_round(
    apache_kafka: KafkaAddress, install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()

    async def commit(opened: StepLog, tag: str) -> None:
        await opened.open()
        try:
            await opened.restore(ignored)
            await opened.commit(step(tag))
        finally:
            await opened.close()

    asyncio.run(commit(at_least_once(apache_kafka, installation), "first"))
    asyncio.run(commit(a_step_log(installation), "second"))
    assert apache_log.rows(installation.names.changelog)[GUARANTEE_ROW] == b"exactly_once"
    with pytest.raises(Refused, match="LEADSTREAM_PROCESSING_GUARANTEE=exactly_once"):
        asyncio.run(commit(at_least_once(apache_kafka, installation), "third"))
    assert b"third" not in apache_log.rows(installation.names.changelog)
