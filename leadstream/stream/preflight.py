"""What must hold of the cluster before a role starts; waits while Kafka is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    RequestTimedOutError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
    UnsupportedVersionError,
)

from leadstream.settings import Settings
from leadstream.stream.clients import producer
from leadstream.stream.errors import Refused
from leadstream.stream.topics import TopicNames, TopicState, describe_topics
from leadstream.stream.transaction import stop_quietly

log = structlog.get_logger()

_AWAY = (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError, TimeoutError, OSError)
TIMESTAMPS_REMEDY = (
    "set LogAppendTime on the topic, or LEADSTREAM_ALLOW_CREATE_TIME=true if its producers are trusted"
)
Result = TypeVar("Result")


async def when_kafka_answers(ask: Callable[[], Awaitable[Result]], what: str) -> Result:
    """The answer to `ask`, asked again with backoff (0.5 to 10 s) while Kafka is away."""
    backoff = 0.5
    while True:
        try:
            return await ask()
        except _AWAY as error:
            log.warning("kafka is away", waiting_for=what, retry_in=backoff, reason=str(error)[:200])
        await asyncio.sleep(backoff)
        backoff = min(backoff * 2, 10.0)


async def check_topics_for_scoring(settings: Settings, names: TopicNames) -> int:
    """The number of partitions of the signals topic, after checking the topics that the worker needs."""
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
            f"{names.signals} has cleanup.policy=compact, which takes signals out of the log: set delete "
            "on the topic"
        )
    timestamps = states[names.signals].config.get("message.timestamp.type", "LogAppendTime")
    if timestamps != "LogAppendTime" and not settings.allow_create_time:
        raise Refused(
            f"{names.signals} has message.timestamp.type={timestamps}: a producer could set the clock of the "
            f"log; {TIMESTAMPS_REMEDY}"
        )
    return partitions


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
    except (ClusterAuthorizationFailedError, TransactionalIdAuthorizationFailed, KafkaError) as error:
        raise Refused(
            f"the broker at {settings.kafka_bootstrap} refuses transactions: {error!r}; the user needs Write "
            f"and Describe on the transactional ids {settings.app}-*"
        ) from error
