"""What must hold of the cluster before a role starts; waits while Kafka is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    RequestTimedOutError,
    UnknownError,
    UnsupportedVersionError,
)

from leadstream.backoff import Backoff
from leadstream.kafka.clients import producer, stop_quietly
from leadstream.kafka.rights import DENIED, lacking, rights, told
from leadstream.kafka.topics import (
    MESSAGE_BYTES,
    OUTPUT_BYTES,
    TopicNames,
    TopicState,
    describe_topics,
    specs,
)
from leadstream.models.published import Published, models_of
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.partition.sizes import largest_action, largest_row, largest_snapshot
from leadstream.settings import Settings
from leadstream.stream.errors import Denied, Refused

log = structlog.get_logger()

_AWAY = (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError, TimeoutError, OSError)
TIMESTAMPS_REMEDY = (
    "set LogAppendTime on the topic, or LEADSTREAM_ALLOW_CREATE_TIME=true if its producers are trusted"
)
Result = TypeVar("Result")


async def when_kafka_answers(ask: Callable[[], Awaitable[Result]], what: str) -> Result:
    """The answer to `ask`, asked again with backoff (0.5 to 10 s) while Kafka is away."""
    backoff = Backoff(0.5, 10.0)
    while True:
        try:
            return await ask()
        except _AWAY as error:
            wait = backoff.next()
            log.warning("kafka is away", waiting_for=what, retry_in=round(wait, 2), reason=str(error)[:200])
        await asyncio.sleep(wait)


async def check_rights(settings: Settings, names: TopicNames, role: str) -> None:
    """Raises Denied where Kafka does not let this user do what the role needs."""
    needed = rights(names)[role]
    missing = await when_kafka_answers(lambda: lacking(settings, needed), "rights")
    if missing:
        raise Denied(told(settings, missing))


async def check_topics_for_scoring(
    settings: Settings, names: TopicNames, catalog: ModelCatalog | None = None
) -> int:
    """The number of partitions of the signals topic, after checking the topics that the worker needs, and
    that they take what its models can write."""
    wanted = [
        names.signals, names.changelog, names.actions, names.decisions, names.scores, names.history,
        names.dead_letters, names.models,
    ]  # fmt: skip
    states = await when_kafka_answers(lambda: describe_topics(settings, wanted), "topics")
    partitions = check_present(wanted, states, names.models)
    placed_by = settings.key_partitions
    if placed_by is not None and placed_by > partitions:
        raise Refused(
            f"LEADSTREAM_KEY_PARTITIONS is {placed_by}, and {names.signals} has {partitions} partitions "
            "only: leave it out, or set it to the number that there were when the state was begun"
        )
    if "compact" in states[names.signals].config.get("cleanup.policy", "delete"):
        raise Refused(
            f"{names.signals} has cleanup.policy=compact, which takes signals out of the log: set delete on "
            "the topic"
        )
    timestamps = states[names.signals].config.get("message.timestamp.type", "LogAppendTime")
    if timestamps != "LogAppendTime" and not settings.allow_create_time:
        raise Refused(
            f"{names.signals} has message.timestamp.type={timestamps}: a producer could set the clock of the "
            f"log; {TIMESTAMPS_REMEDY}"
        )
    check_sizes(settings, names, states, catalog)
    return partitions


def check_sizes(
    settings: Settings, names: TopicNames, states: dict[str, TopicState], catalog: ModelCatalog | None
) -> None:
    """Raises Refused if a topic would not take the largest record that is written to it.

    A setting that the broker does not report is not judged.
    """
    needed = {spec.name: spec.least_bytes for spec in specs(names, 1)}
    if catalog is not None:
        for topic, size in largest_records(names, catalog).items():
            needed[topic] = max(needed[topic], size)
    for topic, size in needed.items():
        found = states[topic].config.get(MESSAGE_BYTES)
        if found is not None and found.isdecimal() and int(found) < size:
            wanted = max(OUTPUT_BYTES, 2 * size)
            raise Refused(
                f"{topic} has {MESSAGE_BYTES}={found}, and what is written there can have {size} bytes: the "
                "broker would refuse it, and no start would get past it; kafka-configs.sh --bootstrap-server "
                f"{settings.kafka_bootstrap} --alter --topic {topic} --add-config {MESSAGE_BYTES}={wanted} "
                "(a topic without the setting has the broker's message.max.bytes)"
            )


def largest_records(names: TopicNames, catalog: ModelCatalog) -> dict[str, int]:
    """The most bytes of one record, by topic, where that is a question of the models."""
    models = list({id(model): model for model in models_of(catalog).values()}.values())
    action = max(map(largest_action, models), default=0)
    published = [len(key) + len(value) for key, value in Published().lacking(models_of(catalog))]
    return {
        names.scores: max(map(largest_snapshot, models), default=0),
        names.changelog: max(map(largest_row, models), default=0),
        names.actions: action,
        names.decisions: action,
        names.models: max(published, default=0) + 1024,
    }


def check_present(wanted: list[str], states: dict[str, TopicState], models: str) -> int:
    """The partition count of the first topic. The others need as many, as what comes of a partition goes to
    those of the same number; but for the one of models, which has one.

    Raises Refused for an absent topic, or one with fewer.
    """
    missing = [name for name in wanted if name not in states]
    if missing:
        raise Refused(
            f"there is no topic {', '.join(missing)}: run `leadstream topics create`; if it was there "
            "before, first see `Another log under the state` in docs/operations.md"
        )
    partitions = states[wanted[0]].partitions
    if states[models].partitions != 1:
        raise Refused(
            f"{models} has {states[models].partitions} partitions, not 1, so that its order says nothing: "
            "delete it and run `leadstream topics create`; workers fill it when they start"
        )
    for name in wanted:
        found = states[name].partitions
        if found < partitions and name != models:
            raise Refused(
                f"{name} has {found} partitions, {wanted[0]} has {partitions}: what comes of one goes to "
                f"that of the same number; if partitions were added, {added(partitions, found)}"
            )
    return partitions


def added(now: int, before: int | str) -> str:
    """What to do when a topic of signals that has state has got more partitions."""
    return (
        f"give all other topics {now} partitions as well, start with LEADSTREAM_KEY_PARTITIONS={before}, and "
        "make none anew, the changelog is the state: see `Partitions were added` in docs/operations.md"
    )


async def check_transactions(settings: Settings) -> None:
    """Raises Refused where the broker has no transactions, or does not let this user have them."""
    names = TopicNames(settings.topic_prefix, settings.app)

    async def ask() -> None:
        probe = producer(
            settings, transactional_id=f"{settings.app}-preflight", transaction_timeout_ms=10_000
        )
        try:
            async with asyncio.timeout(15):
                await probe.start()
        finally:
            await stop_quietly(probe)

    try:
        await when_kafka_answers(ask, "transactions")
    except (UnknownError, UnsupportedVersionError) as error:
        raise Refused(
            f"the broker at {settings.kafka_bootstrap} has no transactions ({error!r}), so exactly_once "
            "can't be kept; use Apache Kafka, or say LEADSTREAM_PROCESSING_GUARANTEE=at_least_once"
        ) from error
    except DENIED as error:
        needed = [right for right in rights(names)["worker"] if right.resource == "TransactionalId"]
        raise Denied(told(settings, needed)) from error
    except KafkaError as error:
        raise Refused(f"the broker at {settings.kafka_bootstrap} refuses transactions: {error!r}") from error
