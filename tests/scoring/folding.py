"""Signals as records, and what a fold makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from leadstream.models import parse_rule_file
from leadstream.models.compile import compile_model
from leadstream.records.outputs import HistoryBatch, HistoryEntry, ScoreSnapshot
from leadstream.records.step import Message, Step
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog
from leadstream.scoring.partition.fold import PartitionFold
from tests.support.durations import DAY as DAY
from tests.support.durations import HOUR as HOUR
from tests.support.durations import MINUTE as MINUTE
from tests.support.durations import SECOND as SECOND

APP = "leadstream"
TOPIC = "leadstream.signals"
T0 = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""


@dataclass
class Record:
    """A record of the signals topic."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


@dataclass
class Log:
    """Makes records in the order of the log; ids and offsets count up by themselves."""

    records: list[Record] = field(default_factory=list)
    tenant: str = "acme"
    lead: str = "l1"

    def add(
        self, kind: str, now: int, *, at: int | str | None = None, lead: str | None = None, **more: Any
    ) -> "Log":
        """A signal that arrives at `now`; `at` is the same unless given, `data` is in `more`."""
        offset = len(self.records)
        lead = lead or self.lead
        body = {
            "id": f"s{offset}", "tenant": self.tenant, "lead": lead, "type": kind,
            "at": now if at is None else at, "source": "test", "data": {}, **more,
        }  # fmt: skip
        key = f"{body['tenant']}:{lead}".encode()
        return self.raw(key, msgspec.json.encode(body), now)

    def tick(self, now: int) -> "Log":
        return self.raw(b"\0tick", b"{}", now)

    def raw(self, key: bytes | None, value: bytes | None, now: int, headers: Any = ()) -> "Log":
        self.records.append(Record(len(self.records), now, key, value, list(headers)))
        return self


@dataclass
class Result:
    """All that came out of a fold, decoded."""

    fold: PartitionFold
    model: CompiledModel
    steps: list[Step]

    @property
    def outputs(self) -> list[dict[str, Any]]:
        """Actions and decisions in the order of the fold."""
        found: list[dict[str, Any]] = []
        for step in self.steps:
            places = iter(zip(step.decision_places, step.decisions, strict=True))
            place = next(places, None)
            for index in range(len(step.actions) + 1):
                while place is not None and place[0] == index:
                    found.append(msgspec.json.decode(place[1][1]))
                    place = next(places, None)
                if index < len(step.actions):
                    found.append(msgspec.json.decode(step.actions[index][1]))
        return found

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.outputs if one["type"] == kind]

    @property
    def crossings(self) -> list[tuple[float, str, str]]:
        return [
            (one["threshold"], one["direction"], one["cause"])
            for one in self.of_type("lead.threshold.crossed")
        ]

    @property
    def actions(self) -> list[str]:
        return [one["do"] for one in self.of_type("lead.action.requested")]

    @property
    def skipped(self) -> list[tuple[str, str]]:
        return [(one["do"], one["reason"]) for one in self.of_type("lead.action.skipped")]

    @property
    def history(self) -> list[HistoryEntry]:
        return [
            entry
            for step in self.steps
            for _, value, _ in step.history
            for entry in msgspec.json.decode(value or b"", type=HistoryBatch).entries
        ]

    @property
    def dead_letters(self) -> list[Message]:
        return [message for step in self.steps for message in step.dead_letters]

    @property
    def reasons(self) -> list[str]:
        return [dict(headers)["leadstream-reason"].decode() for _, _, headers in self.dead_letters]

    def snapshot(self, lead: str = "l1", tenant: str = "acme") -> ScoreSnapshot:
        """The last snapshot of a lead."""
        key = f"{tenant}:{lead}".encode()
        values = [value for step in self.steps for one, value, _ in step.scores if one == key]
        return msgspec.json.decode(values[-1] or b"", type=ScoreSnapshot)


def model_of(text: str) -> CompiledModel:
    return compile_model(parse_rule_file(text, "test.yaml"))


def run(
    records: Log | Sequence[Record],
    model: CompiledModel | ModelCatalog,
    *,
    packs: Sequence[int] = (),
    limit: int = 4000,
    until: int | None = None,
    rows: dict[bytes, bytes] | None = None,
    **options: Any,
) -> Result:
    """Folds records, a step after each of the given indexes and at the end, then time up to `until`."""
    records = records.records if isinstance(records, Log) else list(records)
    models = model if isinstance(model, ModelCatalog) else ModelCatalog(model)
    arguments = {"app": APP, "topic": TOPIC, "partition": 0, "partitions": 1, **options}
    fold = PartitionFold(models=models, rows={} if rows is None else rows, **arguments)
    steps = []
    edges = [*sorted(set(packs)), len(records)]
    start = 0
    for end in edges:
        pack = records[start:end]
        done = 0
        while True:
            done = fold.fold(pack, done, limit)
            position = pack[done].offset if done < len(pack) else (records[end - 1].offset + 1 if end else 0)
            steps.append(fold.take(position))
            if done == len(pack):
                break
        start = end
    if until is not None:
        fold.fire_until(until)
        steps.append(fold.take(records[-1].offset + 1 if records else 0))
    return Result(fold, models.default, steps)
