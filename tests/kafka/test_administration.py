"""A cluster that lists no broker: requests wait for a moment, and end with a plain error after that."""

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.errors import NodeNotReadyError

from leadstream.cli import main
from leadstream.cli.diagnosis.broker import check_broker
from leadstream.cli.diagnosis.findings import Finding
from leadstream.devstack.probes import kafka_answers
from leadstream.kafka import aiokafka_clients
from leadstream.kafka.rights import lacking, rights
from leadstream.kafka.topics import TopicAbsent, TopicNames, describe_topics, partition_count
from leadstream.settings import Settings
from tests.support.broker import ListedLate, listed_late

NAMES = TopicNames("leadstream", "leadstream")


async def absent(settings: Settings) -> str:
    with pytest.raises(TopicAbsent) as raised:
        await partition_count(settings, "none")
    return str(raised.value)


QUESTIONS: dict[str, tuple[Callable[[Settings], Awaitable[Any]], Callable[[ListedLate], Any]]] = {
    "topics": (lambda settings: describe_topics(settings, ["none"]), lambda _: {}),
    "a topic": (absent, lambda _: "there is no topic none: run `leadstream topics create`"),
    "rights": (lambda settings: lacking(settings, rights(NAMES)["worker"]), lambda _: []),
    "brokers": (
        check_broker,
        lambda cluster: [Finding("broker", "ok", f"1 at {cluster.bootstrap}, cluster test")],
    ),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_waits_until_a_broker_is_listed(question: str) -> None:
    ask, wanted = QUESTIONS[question]
    with listed_late(unlisted=3) as cluster:
        found = asyncio.run(ask(Settings(kafka_bootstrap=cluster.bootstrap)))  # type: ignore[arg-type]
        assert found == wanted(cluster)
        assert cluster.asked > 3


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_question_gives_up_where_none_is_ever_listed(
    question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiokafka_clients, "LISTED_WITHIN_SECONDS", 0.0)
    ask, _ = QUESTIONS[question]
    with listed_late(unlisted=math.inf) as cluster, pytest.raises(NodeNotReadyError):
        asyncio.run(ask(Settings(kafka_bootstrap=cluster.bootstrap)))  # type: ignore[arg-type]


def command(cluster: ListedLate, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The exit code of `leadstream dlq list`."""
    monkeypatch.setenv("LEADSTREAM_KAFKA_BOOTSTRAP", cluster.bootstrap)
    monkeypatch.setattr(sys, "argv", ["leadstream", "dlq", "list"])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_command_goes_on_when_a_broker_is_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with listed_late(unlisted=3) as cluster:
        assert command(cluster, monkeypatch) == 1
    assert capsys.readouterr().err == (
        "error: there is no topic leadstream.dead-letters: run `leadstream topics create`\n"
    )


def test_a_command_ends_with_a_plain_error_where_none_is_ever_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aiokafka_clients, "LISTED_WITHIN_SECONDS", 0.0)
    with listed_late(unlisted=math.inf) as cluster:
        assert command(cluster, monkeypatch) == 1
    assert capsys.readouterr().err == (
        f"error: no Kafka broker answers at {cluster.bootstrap}; "
        "set LEADSTREAM_KAFKA_BOOTSTRAP, or start one with `leadstream stack`\n"
    )


def test_a_probe_takes_a_cluster_without_brokers_for_one_that_does_not_answer_yet() -> None:
    with listed_late(unlisted=math.inf) as cluster:
        assert not kafka_answers(cluster.bootstrap)
        cluster.unlisted = 0
        assert kafka_answers(cluster.bootstrap)
    assert not kafka_answers(cluster.bootstrap)
