"""Runs the engine as a black box: signals in, what it put out as the reference's records, and its bytes."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from leadstream.records.keys import TICK_KEY, lead_key
from leadstream.records.step import Message, Step
from leadstream.records.times import parse_instant, rfc3339
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.partition.fold import PartitionFold

from .reference import History, Output
from .signals import Signal

TENANT = "acme"
TOPIC = "leadstream.signals"


class Record(msgspec.Struct):
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = []


def record(signal: Signal) -> Record:
    """The signal as it stands in the log."""
    if not signal.type:
        return Record(signal.offset, signal.broker_time, TICK_KEY, b"{}")
    body = {
        "id": signal.id,
        "tenant": TENANT,
        "lead": signal.lead,
        "type": signal.type,
        "at": rfc3339(signal.at),
        "source": signal.source,
        "data": signal.data,
    }
    return Record(signal.offset, signal.broker_time, lead_key(TENANT, signal.lead), json.dumps(body).encode())


@dataclass
class Run:
    """What a fold of a history put out. `messages` are actions and decisions in their one order."""

    messages: list[Message] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    rows: dict[bytes, bytes] = field(default_factory=dict)
    snapshots: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, step: Step) -> None:
        actions, decisions = iter(step.actions), list(zip(step.decision_places, step.decisions, strict=True))
        for number in range(len(step.actions) + 1):
            while decisions and decisions[0][0] == number:
                self.messages.append(decisions.pop(0)[1])
            if number < len(step.actions):
                self.messages.append(next(actions))
        assert not decisions
        for _, value, _ in step.history:
            assert value is not None
            self.entries += json.loads(value)["entries"]
        self.dead_letters += step.dead_letters
        for key, row in step.changelog:
            assert row is not None
            self.rows[key] = row
        for snapshot_key, value, _ in step.scores:
            assert snapshot_key is not None
            assert value is not None
            self.snapshots[snapshot_key] = json.loads(value)
        for outcome, count in step.counts.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count

    def outputs(self) -> list[Output]:
        return [_output(json.loads(value or b"")) for _, value, _ in self.messages]

    def assert_ids_are_consistent(self) -> None:
        """Every record has an id of its own, and an action names the last crossing of its threshold."""
        bodies = [json.loads(value or b"") for _, value, _ in self.messages]
        assert len({body["id"] for body in bodies}) == len(bodies)
        crossings: dict[tuple[str, float], str] = {}
        for body in bodies:
            if body["type"] == "lead.threshold.crossed":
                crossings[body["lead"], body["threshold"]] = body["id"]
            elif "do" in body:
                assert body["crossing"] == crossings[body["lead"], body["threshold"]]

    def history(self) -> list[History]:
        return [
            History(
                one["lead"],
                one["signal"],
                one["at"],
                one["now"],
                one.get("outcome", "scored"),
                Decimal(one["before"]),
                Decimal(one["after"]),
                one.get("future", False),
                one.get("past", False),
            )
            for one in self.entries
        ]


def _output(body: dict[str, Any]) -> Output:
    kind = body["type"].removeprefix("lead.")
    if kind == "threshold.crossed":
        kind, standing = "crossed", f"{Decimal(repr(body['threshold'])).normalize():f}"
    elif kind == "band.changed":
        kind, standing = "band", body["band"]
    else:
        kind, standing = kind.removeprefix("action."), body["do"]
    return Output(
        kind=kind,
        lead=body["lead"],
        at=parse_instant(body["at"]),
        direction=body["direction"],
        standing=standing,
        cause=body["cause"],
        signal=body["signal"]["id"] if body.get("signal") else None,
        before=Decimal(body["total_before"]),
        total=Decimal(body["total_after"]),
        reason=body.get("reason"),
    )


def fold(catalog: ModelCatalog, rows: dict[bytes, bytes] | None = None) -> PartitionFold:
    return PartitionFold(app="test", topic=TOPIC, partition=0, partitions=1, models=catalog, rows=rows or {})


def run(catalog: ModelCatalog, records: Sequence[Record]) -> tuple[Run, PartitionFold]:
    """All in one pack and one step."""
    partition = fold(catalog)
    done = 0
    while done < len(records):
        done = partition.fold(records, done)
    result = Run()
    result.add(partition.take(records[-1].offset + 1 if records else 0))
    return result, partition


def run_in_pieces(catalog: ModelCatalog, records: Sequence[Record], seed: int) -> Run:
    """Packs, limits and steps of random sizes, each step's rows restored into a new fold now and then."""
    choice = random.Random(seed)
    partition, result, done = fold(catalog), Run(), 0
    while done < len(records):
        end = choice.randint(done + 1, len(records))
        pack = records[done:end]
        index = 0
        while index < len(pack):
            index = partition.fold(pack, index, choice.choice((1, 2, 5, 4000)))
            if choice.random() < 0.4 and (index or done):
                position = pack[index].offset if index < len(pack) else pack[-1].offset + 1
                result.add(partition.take(position))
                if choice.random() < 0.5:
                    partition = fold(catalog, dict(result.rows))
                    assert partition.position == position
        done = end
    result.add(partition.take(records[-1].offset + 1 if records else 0))
    return result
