"""The topics of an installation: names, settings, creation and checks."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from leadstream.errors import LeadStreamError
from leadstream.kafka.aiokafka_clients import AdministrationClient
from leadstream.kafka.clients import administration
from leadstream.records.outputs import Kind
from leadstream.settings import Settings

SIGNAL_BYTES = 16_777_216
"""The largest record that the signals topic takes: what is too large to be a signal gets in and goes to the
dead letters, with its place. Other topics take 4 MiB: an action carries its signal's data, up to 1 MiB."""
OUTPUT_BYTES = 4_194_304
FORWARD_BYTES = 1_310_720
"""The largest signal that is sent on to its partition: 1 MiB of value, a key of 513 characters, 33 headers
(docs/semantics.md, Bounds)."""
BATCH_BYTES = 1_000_000
"""The most bytes of a batch of several records, just below what a broker takes by default: fewer round trips
for a large step. No single record of actions, decisions, history and dead letters is larger either."""
MESSAGE_BYTES = "max.message.bytes"
DEAD_LETTER_DAYS = 90
TOPIC_EXISTS = 36
VISIBLE_WITHIN_SECONDS = 15.0


class PartitionCountError(LeadStreamError):
    """A topic exists with another number of partitions, `found`, than asked for."""

    def __init__(self, topic: str, wanted: int, found: int) -> None:
        super().__init__(
            f"topic {topic} has {found} partitions, not {wanted}, and is left so: the state of a lead lives "
            "in the partition that its key hashes to, and with another count its signals would go elsewhere"
        )
        self.topic = topic
        self.found = found


class TopicAbsent(LeadStreamError):
    """A topic does not exist."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"there is no topic {topic}: run `leadstream topics create`")


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The names of all topics. `prefix` is shared by installations on one log, `app` is the lineage."""

    prefix: str
    app: str

    @property
    def signals(self) -> str:
        return f"{self.prefix}.signals"

    @property
    def actions(self) -> str:
        return f"{self.prefix}.actions"

    @property
    def scores(self) -> str:
        return f"{self.prefix}.scores"

    @property
    def history(self) -> str:
        return f"{self.prefix}.history"

    @property
    def decisions(self) -> str:
        return f"{self.prefix}.decisions"

    @property
    def models(self) -> str:
        return f"{self.prefix}.models"

    @property
    def dead_letters(self) -> str:
        return f"{self.prefix}.dead-letters"

    @property
    def changelog(self) -> str:
        """Named as Faust names the changelog of the app's table `lead-state`."""
        return f"{self.app}-lead-state-changelog"

    @property
    def projected(self) -> dict[str, Kind]:
        """The topics that go to PostgreSQL, and what each holds."""
        return {
            self.scores: "scores",
            self.history: "history",
            self.actions: "actions",
            self.decisions: "decisions",
            self.models: "models",
        }


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be. `required` are the settings that the delivery guarantees rest on; another
    value of the rest is the operator's choice, but `max.message.bytes` is at least `least_bytes`: the broker
    would refuse what is written there."""

    name: str
    partitions: int
    config: dict[str, str]
    required: frozenset[str]
    least_bytes: int = BATCH_BYTES

    def requires(self, setting: str, found: str) -> bool:
        """Whether the worker can't do with what was found of a setting that differs."""
        if setting == MESSAGE_BYTES:
            return found.isdecimal() and int(found) < self.least_bytes
        return setting in self.required


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the broker describes it.

    The embedded broker keeps and describes LogAppendTime, but does not act on it: only the records show what
    their timestamps are (`timestamp_type`).
    """

    name: str
    partitions: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A topic that is not as specified. `setting` is `partitions` when their number differs or the topic
    is absent (then `found` is None)."""

    topic: str
    setting: str
    wanted: str
    found: str | None
    required: bool


def specs(names: TopicNames, partitions: int, *, create_time: bool = False) -> list[TopicSpec]:
    """All topics with `partitions` each: the outputs of a partition go to the partition of the same number.

    That of models alone has one: its order says which model of a tenant is in force.

    `create_time` is for a broker that has no LogAppendTime (the embedded one), or a log whose producers
    are trusted with the time.
    """
    timestamp_type = "CreateTime" if create_time else "LogAppendTime"
    kept = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    # A small segment is closed, and so compacted, early: a restore reads that much less.
    sizes = {"segment.bytes": "134217728", MESSAGE_BYTES: str(OUTPUT_BYTES)}
    compact = {"cleanup.policy": "compact", **sizes}
    output = {**kept, MESSAGE_BYTES: str(OUTPUT_BYTES)}
    signals = {
        **kept,
        MESSAGE_BYTES: str(SIGNAL_BYTES),
        "message.timestamp.type": timestamp_type,
    }
    dead_letters = {
        "cleanup.policy": "delete",
        "retention.ms": str(DEAD_LETTER_DAYS * 86_400_000),
        MESSAGE_BYTES: str(OUTPUT_BYTES),
    }
    timestamps = frozenset() if create_time else frozenset({"message.timestamp.type"})
    policy = frozenset({"cleanup.policy"})
    return [
        TopicSpec(names.signals, partitions, signals, policy | timestamps, FORWARD_BYTES),
        TopicSpec(names.actions, partitions, output, policy),
        TopicSpec(names.decisions, partitions, output, policy),
        TopicSpec(names.history, partitions, output, policy),
        TopicSpec(names.scores, partitions, compact, policy),
        TopicSpec(names.models, 1, {**compact, "message.timestamp.type": timestamp_type}, policy),
        TopicSpec(names.dead_letters, partitions, dead_letters, policy),
        TopicSpec(names.changelog, partitions, compact, policy),
    ]


async def create_topics(settings: Settings, wanted: Sequence[TopicSpec]) -> list[str]:
    """Creates the topics that are absent, with the broker's default replication, and returns their names.

    Returns when every topic has a leader for each partition. Existing topics are left as they are.
    Raises `PartitionCountError`, before anything is created, if one of them has another number of
    partitions; any other refusal of the broker is a `KafkaError`.
    """
    async with administration(settings) as admin:
        present = await _describe(admin)
        _check_counts(wanted, present)
        absent = [spec for spec in wanted if spec.name not in present]
        created = [spec.name for spec in absent if await _create(admin, spec)]
        deadline = asyncio.get_running_loop().time() + VISIBLE_WITHIN_SECONDS
        while True:
            present = await _describe(admin)
            missing = [spec.name for spec in wanted if spec.name not in present]
            if not missing:
                _check_counts(wanted, present)
                return created
            if asyncio.get_running_loop().time() > deadline:
                raise KafkaError(f"created, but without leaders yet: {', '.join(missing)}")
            await asyncio.sleep(0.1)


async def describe_topics(settings: Settings, names: Iterable[str]) -> dict[str, TopicState]:
    """Those of `names` that exist, with their settings."""
    async with administration(settings) as admin:
        counts = await _describe(admin)
        present = [name for name in names if name in counts]
        return {name: TopicState(name, counts[name], await _config(admin, name)) for name in present}


async def partition_count(settings: Settings, topic: str) -> int:
    """How many partitions a topic has. Raises `TopicAbsent`, and does not create it by asking."""
    async with administration(settings) as admin:
        count = (await _describe(admin)).get(topic)
    if count is None:
        raise TopicAbsent(topic)
    return count


async def key_partitions(settings: Settings, signals: str) -> int:
    """By how many partitions the keys of the topic of signals are placed. Raises `TopicAbsent`."""
    return settings.key_partitions or await partition_count(settings, signals)


async def check_topics(settings: Settings, wanted: Sequence[TopicSpec]) -> list[Difference]:
    """How the topics differ from what is wanted; an absent one is one difference."""
    present = await describe_topics(settings, [spec.name for spec in wanted])
    return [difference for spec in wanted for difference in differences(spec, present.get(spec.name))]


def differences(spec: TopicSpec, state: TopicState | None) -> list[Difference]:
    """How a topic differs from its specification. A setting that the broker does not report is not judged."""
    if state is None:
        return [Difference(spec.name, "partitions", str(spec.partitions), None, True)]
    found = []
    if state.partitions != spec.partitions:
        found.append(Difference(spec.name, "partitions", str(spec.partitions), str(state.partitions), True))
    for setting, wanted in spec.config.items():
        value = state.config.get(setting)
        if value is not None and value != wanted:
            found.append(Difference(spec.name, setting, wanted, value, spec.requires(setting, value)))
    return found


def _check_counts(wanted: Sequence[TopicSpec], present: dict[str, int]) -> None:
    for spec in wanted:
        count = present.get(spec.name, spec.partitions)
        if count != spec.partitions:
            raise PartitionCountError(spec.name, spec.partitions, count)


async def _describe(admin: AdministrationClient) -> dict[str, int]:
    """Partition counts of all topics whose partitions have leaders.

    All of them are asked for: a broker may create those that a metadata request names.
    """
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics(None)
        if all(partition["error_code"] == 0 for partition in topic["partitions"])
    }


async def _config(admin: AdministrationClient, name: str) -> dict[str, str]:
    [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    [resource] = response.to_object()["resources"]
    if resource["error_code"]:
        raise for_code(resource["error_code"])(f"settings of topic {name}: {resource['error_message']}")
    return {entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]}


async def _create(admin: AdministrationClient, spec: TopicSpec) -> bool:
    topic = NewTopic(spec.name, spec.partitions, 1, topic_configs=spec.config)
    # The broker's default; the constructor refuses this value, the protocol has it (KIP-464).
    topic.replication_factor = -1
    response = await admin.create_topics([topic])
    for name, code, *message in response.topic_errors:
        if code == TOPIC_EXISTS:
            return False
        if code:
            raise for_code(code)(f"topic {name}: {message[0] if message else 'refused'}")
    return True
