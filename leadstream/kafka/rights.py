"""The rights on Kafka that each role and command needs, and which of them this user lacks.

Kafka tells a client what it may do (KIP-430); aiokafka does not ask, so two requests are defined here.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IncompatibleBrokerVersion,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Bytes, Int16, Int32, Schema, String

from leadstream.kafka.aiokafka_clients import AdministrationClient
from leadstream.kafka.clients import administration, group_coordinator
from leadstream.kafka.topics import TopicNames
from leadstream.settings import Settings

DENIED = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
"""What Kafka's clients raise for want of a right; only some of them say on what."""
TOPIC_DENIED = 29
TOPIC_UNKNOWN = 3

Operation = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs"]
Resource = Literal["Topic", "Group", "TransactionalId", "Cluster"]
BITS: dict[Operation, int] = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done with what. Read and Write imply Describe. A name that ends in `*` is a prefix."""

    operations: tuple[Operation, ...]
    resource: Resource
    name: str

    def __str__(self) -> str:
        where = self.resource if self.resource == "Cluster" else f"{self.resource} {self.name}"
        return f"{' and '.join(self.operations)} on {where}"


def rights(names: TopicNames) -> dict[str, list[Right]]:
    """What each role and each command that uses Kafka needs, by its name on the command line."""

    def topics(*operations: Operation, of: Iterable[str]) -> list[Right]:
        return [Right(operations, "Topic", name) for name in of]

    written = [names.actions, names.decisions, names.scores, names.history, names.dead_letters]
    both = [names.signals, names.changelog, names.models]
    groups = [names.app, f"{names.app}-projector"]
    transactions = Right(("Write",), "TransactionalId", f"{names.app}-*")
    read = [names.signals, names.changelog, names.dead_letters, *names.projected]
    return {
        "worker": [
            *topics("Read", "Write", "DescribeConfigs", of=both),
            *topics("Write", "DescribeConfigs", of=written),
            Right(("Read",), "Group", groups[0]),
            transactions,
        ],
        "projector": [
            *topics("Read", "DescribeConfigs", of=names.projected),
            Right(("Read",), "Group", groups[1]),
        ],
        "topics create": [
            Right(("Create",), "Cluster", ""),
            *topics("Describe", "DescribeConfigs", of=[*both, *written]),
        ],
        "send": topics("Write", of=[names.signals]),
        "log export": topics("Read", of=[names.signals]),
        "dlq list": topics("Read", of=[names.dead_letters]),
        "dlq show": topics("Read", of=[names.dead_letters]),
        "dlq replay": topics("Read", of=[names.dead_letters]) + topics("Write", of=[names.signals]),
        "db rebuild": topics("Read", of=names.projected),
        "doctor": [
            *topics("Read", "DescribeConfigs", of=read),
            *[Right(("Describe",), "Group", group) for group in groups],
            transactions,
        ],
    }


def principal(settings: Settings) -> str:
    """The user as Kafka sees it, unless the brokers map names by rules of their own."""
    named = settings.kafka_security_protocol.startswith("SASL") and settings.kafka_username
    return f"User:{settings.kafka_username if named else 'ANONYMOUS'}"


async def lacking(settings: Settings, needed: Sequence[Right]) -> list[Right]:
    """Which of the rights this user lacks, on what exists; none where the broker does not report them.

    Rights on transactional ids show only when they are used. Raises Kafka's errors while it is away.
    """
    of_topics = [right for right in needed if right.resource in ("Topic", "Cluster")]
    of_groups = [right for right in needed if right.resource == "Group"]
    try:
        async with administration(settings) as client:
            return [*await _of_topics(client, of_topics), *await _of_groups(client, of_groups)]
    except (NotImplementedError, IncompatibleBrokerVersion):
        return []  # the broker is older than the question, or the embedded one


def told(settings: Settings, missing: Iterable[Right]) -> str:
    """What is missing in one line, and what to do."""
    named = ", ".join(map(str, missing))
    return f"{principal(settings)} lacks {named}: grant it (docs/operations.md lists all rights)"


def table(names: TopicNames) -> str:
    """All rights as the table of docs/operations.md."""
    lines = ["| process or command | resource | operations |", "|---|---|---|"]
    for who, needed in rights(names).items():
        grouped: dict[tuple[str, tuple[Operation, ...]], list[str]] = defaultdict(list)
        for right in needed:
            grouped[right.resource, right.operations].append(right.name)
        for (resource, operations), found in grouped.items():
            on = ", ".join(f"`{name}`" for name in found if name)
            lines.append(f"| `{who}` | {resource} {on}".rstrip() + f" | {', '.join(operations)} |")
    return "\n".join(lines) + "\n"


async def _of_topics(client: AdministrationClient, needed: Sequence[Right]) -> list[Right]:
    if not needed:
        return []
    # Asked for by name, a topic that this user may not see differs from one that does not exist.
    named = [right.name for right in needed if right.resource == "Topic"]
    answer = (await client.request(_Metadata(named))).to_object()
    allowed = {topic["topic"]: topic for topic in answer["topics"]}
    missing = []
    for right in needed:
        if right.resource == "Cluster":
            short = _short(right, answer["cluster_authorized_operations"])
        elif allowed[right.name]["error_code"] == TOPIC_DENIED:
            # Without Describe, Kafka does not report whether there is DescribeConfigs.
            known = tuple(operation for operation in right.operations if operation != "DescribeConfigs")
            short = Right(known, right.resource, right.name)
        elif allowed[right.name]["error_code"] == TOPIC_UNKNOWN:
            short = None
        else:
            short = _short(right, allowed[right.name]["authorized_operations"])
        if short is not None:
            missing.append(short)
    return missing


async def _of_groups(client: AdministrationClient, needed: Sequence[Right]) -> list[Right]:
    missing = []
    for right in needed:
        try:
            coordinator = await group_coordinator(client, right.name)
            answer = await client.request(_DescribeGroups([right.name]), coordinator)
        except GroupAuthorizationFailedError:
            missing.append(right)
            continue
        [group] = answer.to_object()["groups"]
        denied = group["error_code"] == GroupAuthorizationFailedError.errno
        short = right if denied else _short(right, group["authorized_operations"])
        if short is not None:
            missing.append(short)
    return missing


def _short(right: Right, allowed: int) -> Right | None:
    """What of a right is not among the allowed operations. Without Describe, Kafka reports none: None."""
    if allowed < 0 or not allowed & 1 << BITS["Describe"]:
        return None
    operations = tuple(operation for operation in right.operations if not allowed & 1 << BITS[operation])
    return Right(operations, right.resource, right.name) if operations else None


class _MetadataResponse(Response):
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataRequest(RequestStruct):
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Metadata(Request[_MetadataRequest]):
    API_KEY = 3

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = list(topics)

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        return request_struct_class(self._topics, False, True, True)


class _DescribeGroupsResponse(Response):
    API_KEY = 15
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16),
                ("group", String("utf-8")),
                ("state", String("utf-8")),
                ("protocol_type", String("utf-8")),
                ("protocol", String("utf-8")),
                (
                    "members",
                    Array(
                        ("member_id", String("utf-8")),
                        ("client_id", String("utf-8")),
                        ("client_host", String("utf-8")),
                        ("member_metadata", Bytes),
                        ("member_assignment", Bytes),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
    )


class _DescribeGroupsRequest(RequestStruct):
    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = _DescribeGroupsResponse
    SCHEMA = Schema(("groups", Array(String("utf-8"))), ("include_authorized_operations", Boolean))


class _DescribeGroups(Request[_DescribeGroupsRequest]):
    API_KEY = 15

    def __init__(self, groups: Sequence[str]) -> None:
        self._groups = list(groups)

    def build(self, request_struct_class: type[_DescribeGroupsRequest]) -> _DescribeGroupsRequest:
        return request_struct_class(self._groups, True)
