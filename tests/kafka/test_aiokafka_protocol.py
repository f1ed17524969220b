"""Requests that aiokafka has no method for: their bytes, and which versions of a broker they are for.

The bytes are those of https://kafka.apache.org/protocol, written by hand.
"""

import asyncio
import struct
from io import BytesIO
from typing import Any

import pytest
from aiokafka.errors import IncompatibleBrokerVersion

from leadstream.kafka.rights import _DescribeGroups, _Metadata
from leadstream.kafka.topic_identity import TopicIdentity, _TopicIdRequest, identify

METADATA, DESCRIBE_GROUPS = 3, 15
UUID = bytes(range(1, 17))
NO_UUID = bytes(16)


def encoded(request: Any, key: int, newest: int) -> tuple[int, bytes]:
    """The version for a broker that has versions up to `newest`, and the body."""
    made = request.prepare({key: (0, newest)})
    assert key == made.API_KEY
    return made.API_VERSION, made.encode()


@pytest.mark.parametrize(
    ("newest", "version", "options"), [(10, 10, bytes(3)), (11, 10, bytes(3)), (13, 12, bytes(2))]
)
def test_topics_are_asked_for_by_name_with_their_ids_and_none_is_created(
    newest: int, version: int, options: bytes
) -> None:
    one_topic = b"\x02" + NO_UUID + b"\x04one" + b"\0"
    assert encoded(_TopicIdRequest(["one"]), METADATA, newest) == (version, one_topic + options + b"\0")


def test_a_broker_without_ids_is_told_from_one_that_has_them() -> None:
    with pytest.raises(IncompatibleBrokerVersion):
        _TopicIdRequest(["one"]).prepare({METADATA: (0, 9)})


class Answering:
    """A client of one broker that answers with the bytes of version 12."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def get_random_node(self) -> int:
        return 1

    async def send(self, node: int, request: Any) -> Any:
        made = request.prepare({METADATA: (0, 12)})
        return made.RESPONSE_TYPE.decode(BytesIO(self._body))


def test_the_id_of_a_topic_is_read_from_the_answer() -> None:
    broker = struct.pack(">i", 1) + b"\x0a127.0.0.1" + struct.pack(">i", 9092) + b"\0\0"
    partition = struct.pack(">hiii", 0, 0, 1, 5) + (b"\x02" + struct.pack(">i", 1)) * 2 + b"\x01\0"
    partitions = b"\x03" + partition + partition
    found = struct.pack(">h", 0) + b"\x04one" + UUID + b"\0" + partitions + struct.pack(">i", 0) + b"\0"
    absent = struct.pack(">h", 3) + b"\x05gone" + NO_UUID + b"\0\x01" + struct.pack(">i", 0) + b"\0"
    body = struct.pack(">i", 0) + b"\x02" + broker + b"\x05test" + struct.pack(">i", 1)
    body += b"\x03" + found + absent + b"\0"
    answer = asyncio.run(identify(Answering(body), ["one", "gone"]))  # type: ignore[arg-type]
    assert answer == {"one": TopicIdentity("0102030405060708090a0b0c0d0e0f10", 2)}


def test_rights_on_topics_and_the_cluster_are_asked_for_and_none_is_created() -> None:
    body = struct.pack(">ih", 1, 3) + b"one" + b"\0\1\1"
    assert encoded(_Metadata(["one"]), METADATA, 12) == (8, body)


def test_rights_on_groups_are_asked_for() -> None:
    body = struct.pack(">ih", 1, 5) + b"group" + b"\1"
    assert encoded(_DescribeGroups(["group"]), DESCRIBE_GROUPS, 5) == (3, body)


@pytest.mark.parametrize(
    ("request_", "key", "newest"), [(_Metadata(["one"]), METADATA, 7), (_DescribeGroups(["g"]), 15, 2)]
)
def test_a_broker_that_reports_no_rights_is_known_by_its_versions(
    request_: Any, key: int, newest: int
) -> None:
    with pytest.raises(NotImplementedError):
        request_.prepare({key: (0, newest)})
