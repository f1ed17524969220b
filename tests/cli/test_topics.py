"""`leadstream topics create`, seen by an independent client."""

import asyncio

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from leadstream.kafka.topics import TopicAbsent, check_topics, partition_count, specs
from tests.support.installation import Installation


def described(installation, topic):
    """Partition count and settings of a topic."""
    admin = AdminClient({"bootstrap.servers": installation.bootstrap})
    count = len(admin.list_topics(topic, timeout=20).topics[topic].partitions)
    [answer] = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    return count, {name: entry.value for name, entry in answer.result(20).items()}


def topics_of(installation):
    admin = AdminClient({"bootstrap.servers": installation.bootstrap})
    return {name for name in admin.list_topics(timeout=20).topics if installation.name in name}


def test_all_topics_with_their_settings(kafka, unique, leadstream):
    installation = Installation(kafka, unique, partitions=3)
    result = leadstream(installation, "topics", "create", "--partitions", "3")
    assert result.exit_code == 0, result.stderr
    names = installation.names
    assert topics_of(installation) == {
        f"{unique}.signals",
        f"{unique}.actions",
        f"{unique}.decisions",
        f"{unique}.history",
        f"{unique}.scores",
        f"{unique}.dead-letters",
        f"{unique}.models",
        f"{unique}-lead-state-changelog",
    }
    count, signals = described(installation, names.signals)
    assert count == 3
    expected = "CreateTime" if kafka.create_time_only else "LogAppendTime"
    assert signals["message.timestamp.type"] == expected
    assert (signals["cleanup.policy"], signals["retention.ms"]) == ("delete", "-1")
    for topic in (names.scores, names.changelog):
        count, config = described(installation, topic)
        assert (count, config["cleanup.policy"]) == (3, "compact")
    # The order of its records says which model of a tenant is in force.
    count, config = described(installation, names.models)
    assert (count, config["cleanup.policy"], config["message.timestamp.type"]) == (1, "compact", expected)
    for topic in (names.actions, names.decisions, names.history, names.dead_letters):
        count, config = described(installation, topic)
        assert (count, config["cleanup.policy"]) == (3, "delete")


def test_again_changes_nothing(installation, leadstream):
    result = leadstream(installation, "topics", "create", "--partitions", "3")
    assert result.exit_code == 0
    assert result.stdout.count("was there") == 8
    assert " created" not in result.stdout


def test_another_number_of_partitions_is_refused_with_the_reason(installation, leadstream):
    before = topics_of(installation)
    result = leadstream(installation, "topics", "create")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "has 3 partitions, not 12" in line
    assert "state of a lead lives in the partition" in line
    assert "--partitions 3" in line
    assert topics_of(installation) == before
    assert described(installation, installation.names.signals)[0] == 3


@pytest.mark.kafka
def test_a_topic_made_otherwise_is_told_and_the_rest_is_made(apache_kafka, unique, leadstream):
    installation = Installation(apache_kafka, unique, partitions=2)
    admin = AdminClient({"bootstrap.servers": apache_kafka.bootstrap})
    topic = NewTopic(f"{unique}.signals", 2, 1, config={"retention.ms": "1000"})
    [made] = admin.create_topics([topic]).values()
    made.result(20)
    result = leadstream(installation, "topics", "create", "--partitions", "2")
    assert result.exit_code == 1
    assert f"{unique}.signals has retention.ms=1000, not -1" in result.stdout
    [line] = result.stderr.splitlines()
    assert "--add-config max.message.bytes=16777216,message.timestamp.type=LogAppendTime" in line
    assert len(topics_of(installation)) == 8
    found = asyncio.run(check_topics(installation.settings, specs(installation.names, 2)))
    required = {difference.setting for difference in found if difference.required}
    assert required == {"max.message.bytes", "message.timestamp.type"}


def test_asking_for_an_absent_topic_does_not_create_it(kafka, unique):
    installation = Installation(kafka, unique)
    with pytest.raises(TopicAbsent, match="leadstream topics create"):
        asyncio.run(partition_count(installation.settings, installation.names.signals))
    assert topics_of(installation) == set()
