"""What a worker wants of the cluster before it starts, and what it says if it is not so."""

import asyncio
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from leadstream.devstack import KafkaAddress
from leadstream.kafka.topics import PartitionCountError, create_topics, specs
from leadstream.stream.errors import Refused
from leadstream.stream.preflight import check_topics_for_scoring, check_transactions
from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.waiting import until

from .conftest import Install


def refusal(installation: Installation) -> str:
    with pytest.raises(Refused) as caught:
        asyncio.run(check_topics_for_scoring(installation.settings, installation.names))
    return str(caught.value)


def with_options(installation: Installation, **options: object) -> Installation:
    return Installation(
        installation.address,
        installation.name,
        installation.partitions,
        {**installation.options, **options},
    )


def make_topic(log: Log, topic: str, partitions: int, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    settings = {name.replace("_", "."): value for name, value in config.items()}
    [done] = admin.create_topics([NewTopic(topic, partitions, 1, config=settings)]).values()
    done.result(20)
    until(lambda: topic in admin.list_topics(timeout=20).topics, f"{topic} is there")

    def has_leaders() -> bool:
        found = admin.list_topics(timeout=20).topics.get(topic)
        return (
            found is not None
            and len(found.partitions) == partitions
            and all(one.leader >= 0 for one in found.partitions.values())
        )

    until(has_leaders, f"{topic} has leaders")


def test_topics_as_they_are_created_are_accepted(install: Install) -> None:
    installation = install(3)
    partitions = asyncio.run(check_topics_for_scoring(installation.settings, installation.names))
    assert partitions == 3


def test_absent_topics_are_named_with_the_command_that_makes_them(broker: KafkaAddress, unique: str) -> None:
    message = refusal(Installation(broker, unique))
    assert f"{unique}.signals, {unique}-lead-state-changelog" in message
    assert "run `leadstream topics create`" in message


def test_another_number_of_partitions_is_refused(broker: KafkaAddress, log: Log, unique: str) -> None:
    installation = Installation(broker, unique, 2)
    create_time = "CreateTime" if broker.create_time_only else "LogAppendTime"
    make_topic(log, installation.names.signals, 3, message_timestamp_type=create_time)
    names = installation.names
    for topic in (
        names.changelog,
        names.actions,
        names.decisions,
        names.scores,
        names.history,
        names.dead_letters,
    ):
        make_topic(log, topic, 2)
    make_topic(log, names.models, 1)
    message = refusal(installation)
    assert f"{names.changelog} has 2 partitions, {names.signals} has 3" in message


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_a_log_from_which_signals_vanish_is_refused(
    install_apache: Install, apache_log: Log, policy: str
) -> None:
    installation = install_apache(1)
    topic = installation.names.signals
    times = {"message_timestamp_type": "LogAppendTime"}
    apache_log.make_anew(topic, 1, cleanup_policy=policy, **times)
    assert f"{topic} has cleanup.policy=compact" in refusal(installation)


def test_keys_can_be_placed_by_no_more_partitions_than_there_are(install: Install) -> None:
    installation = install(2)
    assert "LEADSTREAM_KEY_PARTITIONS is 3" in refusal(replace(installation, options={"key_partitions": 3}))
    fewer = replace(installation, options={"key_partitions": 1})
    assert asyncio.run(check_topics_for_scoring(fewer.settings, fewer.names)) == 2


def test_models_in_several_partitions_are_refused(broker: KafkaAddress, log: Log, unique: str) -> None:
    installation = Installation(broker, unique, 2)
    make_topic(log, installation.names.models, 2)
    with pytest.raises(PartitionCountError) as caught:
        installation.create()
    assert caught.value.topic == installation.names.models
    others = [spec for spec in specs(installation.names, 2, create_time=broker.create_time_only)
              if spec.name != installation.names.models]  # fmt: skip
    asyncio.run(create_topics(installation.settings, others))
    message = refusal(installation)
    assert f"{installation.names.models} has 2 partitions, not 1" in message
    assert "leadstream topics create" in message


@pytest.mark.kafka
def test_a_topic_made_with_defaults_lets_producers_set_the_clock_and_is_refused(
    install_apache: Install, apache_log: Log, apache_kafka: KafkaAddress
) -> None:
    installation = install_apache(1)
    moved = Installation(apache_kafka, f"{installation.name}_moved")
    make_topic(apache_log, moved.names.signals, 1, max_message_bytes="1310720")
    for topic in (
        moved.names.changelog,
        moved.names.actions,
        moved.names.decisions,
        moved.names.scores,
        moved.names.history,
        moved.names.dead_letters,
    ):
        make_topic(apache_log, topic, 1)
    make_topic(apache_log, moved.names.models, 1)
    message = refusal(moved)
    assert "message.timestamp.type=CreateTime" in message
    assert "LEADSTREAM_ALLOW_CREATE_TIME=true" in message
    trusting = with_options(moved, allow_create_time=True)
    assert asyncio.run(check_topics_for_scoring(trusting.settings, trusting.names)) == 1


def test_the_embedded_broker_has_no_transactions_and_the_message_says_what_to_set(
    install_embedded: Install,
) -> None:
    settings = with_options(install_embedded(), processing_guarantee="exactly_once").settings
    with pytest.raises(Refused, match="has no transactions") as caught:
        asyncio.run(check_transactions(settings))
    assert "LEADSTREAM_PROCESSING_GUARANTEE=at_least_once" in str(caught.value)


@pytest.mark.kafka
def test_apache_kafka_has_transactions(install_apache: Install) -> None:
    asyncio.run(check_transactions(install_apache().settings))
