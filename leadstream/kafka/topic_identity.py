"""Which topic stands behind a name: Kafka gives every topic an id, and a topic made anew gets another.

Metadata of version 10 and later has the id (KIP-516, Apache Kafka 2.8); aiokafka asks for version 5 at most.
The requests below are sent over an aiokafka client, so with its connections and its security.
Layouts: https://kafka.apache.org/protocol#The_Messages_Metadata.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    NodeNotReadyError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

NOBODY = UUID(int=0)
"""What stands for a topic by its name in a request, and for an id that the broker does not have."""


class _Uuid(AbstractType[UUID]):
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_BROKERS = CompactArray(
    ("node_id", Int32),
    ("host", CompactString("utf-8")),
    ("port", Int32),
    ("rack", CompactString("utf-8")),
    ("tags", TaggedFields),
)
_PARTITIONS = CompactArray(
    ("error_code", Int16),
    ("partition", Int32),
    ("leader", Int32),
    ("leader_epoch", Int32),
    ("replicas", CompactArray(Int32)),
    ("isr", CompactArray(Int32)),
    ("offline_replicas", CompactArray(Int32)),
    ("tags", TaggedFields),
)
_TOPICS = CompactArray(
    ("error_code", Int16),
    ("topic", CompactString("utf-8")),
    ("topic_id", _Uuid),
    ("is_internal", Boolean),
    ("partitions", _PARTITIONS),
    ("authorized_operations", Int32),
    ("tags", TaggedFields),
)
_HEAD: tuple[tuple[str, Any], ...] = (
    ("throttle_time_ms", Int32),
    ("brokers", _BROKERS),
    ("cluster_id", CompactString("utf-8")),
    ("controller_id", Int32),
    ("topics", _TOPICS),
)
_ASKED = CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))


class _Response10(Response):
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(*_HEAD, ("authorized_operations", Int32), ("tags", TaggedFields))


class _Response12(Response):
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(*_HEAD, ("tags", TaggedFields))


class _Request10(RequestStruct):
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response10
    SCHEMA = Schema(
        ("topics", _ASKED),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Request12(RequestStruct):
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response12
    SCHEMA = Schema(
        ("topics", _ASKED),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicIdRequest(Request[_Request10 | _Request12]):
    """Metadata of topics by name, with their ids; asking makes none."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics: list[tuple[UUID, str, dict[int, bytes]]] = [(NOBODY, name, {}) for name in topics]

    def build(self, request_struct_class: type[_Request10 | _Request12]) -> Any:
        options = [False] * (len(request_struct_class.SCHEMA) - 2)
        return request_struct_class(self._topics, *options, {})

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        try:
            return super().prepare(versions)
        except NotImplementedError:
            raise IncompatibleBrokerVersion("the broker has no ids of topics") from None


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """The id of a topic, "" where the broker has none, and how many partitions it has."""

    id: str
    partitions: int


async def identify(client: AIOKafkaClient, topics: list[str]) -> dict[str, TopicIdentity]:
    """Those of `topics` that exist, as any one broker knows them now. Raises Kafka's errors."""
    node = client.get_random_node()
    if node is None:
        raise NodeNotReadyError("no broker is known")
    try:
        response = await client.send(node, _TopicIdRequest(topics))
    except IncompatibleBrokerVersion:
        response = await client.send(node, MetadataRequest(topics, allow_auto_topic_creation=False))
    found = {}
    for topic in response.to_object()["topics"]:
        if topic["error_code"]:
            if for_code(topic["error_code"]) is UnknownTopicOrPartitionError:
                continue
            raise for_code(topic["error_code"])(f"topic {topic['topic']}")
        identity = topic.get("topic_id", NOBODY)
        found[topic["topic"]] = TopicIdentity(
            "" if identity == NOBODY else identity.hex, len(topic["partitions"])
        )
    return found
