"""No output is larger than its topic takes: the largest of each, and what the worker asks of topics."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from leadstream.kafka.topics import BATCH_BYTES, FORWARD_BYTES
from leadstream.models import load_catalog
from leadstream.records.keys import lead_key, partition_of
from leadstream.records.signal import MAX_BYTES
from leadstream.records.step import Message, Step
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.partition.sizes import largest_action, largest_row, largest_snapshot
from leadstream.stream.errors import Refused
from leadstream.stream.preflight import check_topics_for_scoring
from tests.support.log import Log, Sent
from tests.support.signals import sent

from .bench import catalog
from .conftest import Install
from .live import counted, fold_all

ASTRAL = "\U0001f600"
"""Four bytes in UTF-8."""
TOPIC = "s" * 249


@dataclass
class Record:
    value: bytes | None
    key: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    offset: int = 2**62
    timestamp: int = 1_767_000_000_000


def size_of(message: Message) -> int:
    """The bytes of a batch with this record alone."""
    key, value, headers = message
    builder = DefaultRecordBatchBuilder(2, 0, 1, 2**62, 2**14, 2**30, 1)
    builder.append(0, 1_767_000_000_000, key, value, headers)
    return len(builder.build())


def fold_of(model: str, partitions: int | None = None) -> PartitionFold:
    return PartitionFold(
        app="a" * 100, topic=TOPIC, partition=999, partitions=partitions, models=load_catalog(model), rows={}
    )


def padded(signal: dict[str, Any], size: int) -> bytes:
    bare = len(msgspec.json.encode({**signal, "data": {"x": ""}}))
    value = msgspec.json.encode({**signal, "data": {"x": "x" * (size - bare)}})
    assert len(value) == size
    return value


HEADERS: dict[str, list[tuple[str, bytes | None]]] = {
    "none": [],
    "one of 15 MiB": [("h", b"x" * 15_000_000)],
    "one name of 15 MiB": [("h" * 15_000_000, None)],
    "a million": [("h", b"x")] * 1_000_000,
    "100 long ones": [(ASTRAL * 2000, b"x" * 2000)] * 100,
}


@pytest.mark.parametrize("headers", HEADERS)
def test_the_largest_signal_can_be_sent_on(headers: str) -> None:
    tenant, lead = ASTRAL * 256, ASTRAL * 256
    signal = {"id": "i", "tenant": tenant, "lead": lead, "type": "t", "at": 1_767_000_000_000, "source": ""}
    record = Record(padded(signal, MAX_BYTES), lead_key(tenant, lead), HEADERS[headers])
    fold = fold_of("tenx", 1000)
    fold.fold([record])
    step = fold.take(record.offset + 1)
    [(_, message)] = step.forwards
    assert message[:2] == (record.key, record.value)
    assert message[2][-1] == ("leadstream-forwarded-from", f"{TOPIC}-999-{2**62}".encode())
    assert size_of(message) <= FORWARD_BYTES


@pytest.mark.parametrize("headers", HEADERS)
def test_the_largest_dead_letter_fits(headers: str) -> None:
    record = Record(b"\xff" * 16_000_000, b"k" * 1_000_000, HEADERS[headers])
    fold = fold_of("tenx")
    fold.fold([record])
    [letter] = fold.take(record.offset + 1).dead_letters
    assert size_of(letter) <= BATCH_BYTES


def steps_of(model: str) -> tuple[Any, Step]:
    """A lead with the longest texts in all its facts and many signals of each type that the model knows."""
    fold = fold_of(model)
    found = fold.model_of(b"t:l")
    tenant, lead = ASTRAL * 256, ASTRAL * 256
    names = ["title", "country", "timezone", "company_size", "industry", "revenue", "owner", "phone", "email"]
    facts: dict[str, Any] = dict.fromkeys(names, "\x01" * 512)
    facts |= {f"{number:02}" + ASTRAL * 62: '"' * 512 for number in range(32)}
    facts |= {"phone": "+493012345678", "email": "a@example.com", "timezone": "UTC"}
    facts |= {"consent": {"email": True, "tracking": True, "profiling": True}}
    records, offset, at = [], 2**40, 1_767_000_000_000

    def add(kind: str, data: dict[str, Any]) -> None:
        nonlocal offset, at
        signal = {
            "id": f"{offset}" + ASTRAL * 200, "tenant": tenant, "lead": lead, "type": kind, "at": at,
            "source": '"' * 256, "data": data,
        }  # fmt: skip
        records.append(Record(msgspec.json.encode(signal), lead_key(tenant, lead), [], offset, at))
        offset, at = offset + 1, at + 60_000

    for name, value in facts.items():
        add("lead.updated", {name: value})
    kinds = [kind for kind in sorted(found.plans) if not kind.startswith("email.unsub")]
    for number in range(70):
        for kind in kinds:
            add(
                kind,
                {
                    "sentiment": "positive",
                    "source": "organic",
                    "url": "/pricing",
                    "pad": "x" * 1500,
                    "points": 1,
                    "by": "\x01" * 64,
                    "why": "\x01" * 64,
                    "n": number,
                },
            )
    done = 0
    while done < len(records):
        done = fold.fold(records, done, limit=1_000_000)
    return found, fold.take(offset)


@pytest.mark.parametrize("model", ["tenx", "advanced-l2", "governed", "dimensions", "factors-v1", "basic-l1"])
def test_what_a_model_makes_is_within_its_bounds(model: str) -> None:
    found, step = steps_of(model)
    none: list[tuple[str, bytes]] = []
    assert step.scores
    assert step.history
    assert max(size_of((key, row, none)) for key, row in step.changelog) <= largest_row(found)
    assert max(map(size_of, step.scores)) <= largest_snapshot(found)
    assert max(map(size_of, [*step.actions, *step.decisions]), default=0) <= largest_action(found)
    assert max(map(size_of, step.history)) <= BATCH_BYTES


def set_size(log: Log, topic: str, size: int) -> None:
    admin = AdminClient({"bootstrap.servers": log.bootstrap})
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource("topic", topic, incremental_configs=[entry])
    [done] = admin.incremental_alter_configs([resource]).values()
    done.result(20)


@pytest.mark.kafka
def test_a_misplaced_signal_as_large_as_the_topic_takes_is_sent_on(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache(2)
    lead = next(f"l{number}" for number in range(99) if partition_of(f"acme:l{number}".encode(), 2) == 1)
    value = padded(msgspec.json.decode(sent(1, lead).value), MAX_BYTES)
    headers = [(f"h{number}", b"x" * 3_000_000) for number in range(5)]
    # Within 200 bytes of the 16 MiB that the topic takes.
    headers[-1] = ("h4", b"x" * (16_777_216 - MAX_BYTES - 12_000_000 - 200))
    apache_log.send(
        installation.names.signals, [Sent(lead_key("acme", lead), value, 0, headers), sent(2, lead)]
    )
    fold_all(installation, apache_log)
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 2
    assert not apache_log.read(installation.names.dead_letters)


@pytest.mark.kafka
def test_a_topic_that_takes_too_little_is_refused_before_anything_is_folded(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    names = installation.names

    def check() -> None:
        asyncio.run(check_topics_for_scoring(installation.settings, names, catalog()))

    for topic in (
        names.signals, names.dead_letters, names.history, names.scores, names.actions, names.decisions,
        names.changelog, names.models,
    ):  # fmt: skip
        least = FORWARD_BYTES if topic == names.signals else BATCH_BYTES
        set_size(apache_log, topic, least - 1)
        with pytest.raises(Refused, match=f"^{topic} has max.message.bytes={least - 1}.*--topic {topic} "):
            check()
        set_size(apache_log, topic, least)
        check()
