"""Records as the worker writes them, made by hand, and a look into the tables."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
import msgspec

from leadstream.projection.store import ProjectionStore
from leadstream.records.keys import lead_key
from leadstream.records.models import ModelDecay, ModelLevel, ModelThreshold, ScoringModel, model_key
from leadstream.records.outputs import (
    Accumulator,
    ActionRequested,
    ActionSkipped,
    BandChanged,
    Contribution,
    FactorShare,
    HistoryBatch,
    HistoryEntry,
    ScoreSnapshot,
    SignalRef,
    StageChanged,
    ThresholdCrossed,
    TriggerFired,
)
from tests.support.durations import DAY

T = TypeVar("T")
NOW = 1_767_225_600_000
"""2026-01-01T00:00:00Z"""
TOPICS = {"t.scores": "scores", "t.history": "history", "t.actions": "actions", "t.decisions": "decisions",
          "t.models": "models"}  # fmt: skip


@dataclass
class Record:
    """A record of the log."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = NOW
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def encoded(offset: int, tenant: str, lead: str, body: Any) -> Record:
    return Record(offset, lead_key(tenant, lead), msgspec.json.encode(body))


def accumulator(factor: str = "form.submitted.organic", **changes: Any) -> Accumulator:
    values = {
        "category": "", "points": 30.0, "kernel": "exponential", "half_life": 14 * DAY, "mass": 1.0,
        "t_ref": NOW, "count": 1, "last_at": NOW, **changes,
    }  # fmt: skip
    return Accumulator(factor=factor, **values)


def snapshot(
    offset: int, lead: str = "l1", *, tenant: str = "acme", place: int = 0, **changes: Any
) -> Record:
    """A snapshot at `offset` of the scores topic, of a lead last changed by the signal at `place`."""
    body = ScoreSnapshot(
        tenant=tenant, lead=lead, at=NOW, total=81.25, score=81, band="hot", model="tenx", version="1",
        suppressed=("email",), next_change=NOW + DAY, last_activity=NOW - 1000, offset=place,
        accumulators=(accumulator(points=81.25),),
    )  # fmt: skip
    return encoded(offset, tenant, lead, msgspec.structs.replace(body, **changes))


def entry(place: int, lead: str = "l1", *, tenant: str = "acme", **changes: Any) -> HistoryEntry:
    """What the signal at `place` did."""
    body = HistoryEntry(
        offset=place, tenant=tenant, lead=lead, signal=f"s{place}", type="form.submitted", source="site",
        at=NOW - 5000, now=NOW, points=29.5, before=10.25, after=39.75, score_before=10, score_after=39,
        contributions=(Contribution("form.submitted.organic", 30.0),), data={"form": "demo"},
    )  # fmt: skip
    return msgspec.structs.replace(body, **changes)


def history(offset: int, *entries: HistoryEntry, partition: int = 0) -> Record:
    return Record(offset, None, msgspec.json.encode(HistoryBatch(partition, entries)))


def model(
    offset: int, version: str = "1", *, tenant: str = "acme", timestamp: int = NOW, **changes: Any
) -> Record:
    """That the model `tenx` of a version, its fingerprint `f<version>`, scores a tenant."""
    body = ScoringModel(
        tenant=tenant, name="tenx", version=version, fingerprint=f"f{version}", active=True,
        rules={"name": "tenx", "version": version}, bands=(ModelLevel("cold", 0), ModelLevel("hot", 80)),
        decay=(ModelDecay("exponential", 14 * DAY, ("form.submitted.organic",)),),
        thresholds=(ModelThreshold(50), ModelThreshold(80, 5)), caps={"fit": (0.0, 40.0)},
    )  # fmt: skip
    body = msgspec.structs.replace(body, **changes)
    return Record(offset, model_key(body.tenant, body.fingerprint), msgspec.json.encode(body), timestamp)


_COMMON: dict[str, Any] = {
    "tenant": "acme", "lead": "l1", "at": "2026-01-01T00:00:00.000Z", "cause": "signal", "direction": "up",
    "total_before": 45.0, "total_after": 81.25, "score": 81, "band": "hot", "model": "tenx/1",
    "signal": SignalRef("s7", "form.submitted", "2025-12-31T23:59:55.000Z", "site", {"form": "demo"}),
}  # fmt: skip


def crossed(offset: int, id: str, threshold: float = 80, **changes: Any) -> Record:
    shares = (FactorShare("form.submitted.organic", 30.0),)
    values = {
        **_COMMON,
        "type": "lead.threshold.crossed",
        "threshold": threshold,
        "factors": shares,
        **changes,
    }
    return encoded(offset, values["tenant"], values["lead"], ThresholdCrossed(id=id, **values))


def band_changed(offset: int, id: str, **changes: Any) -> Record:
    values = {**_COMMON, "type": "lead.band.changed", "previous_band": "warm", **changes}
    return encoded(offset, values["tenant"], values["lead"], BandChanged(id=id, **values))


def stage_changed(offset: int, id: str, **changes: Any) -> Record:
    values = {**_COMMON, "type": "lead.stage.changed", "previous_stage": "", **changes}
    return encoded(offset, values["tenant"], values["lead"], StageChanged(id=id, **values))


def fired(offset: int, id: str, **changes: Any) -> Record:
    values = {**_COMMON, "type": "lead.trigger.fired", "trigger": "timer:idle", **changes}
    return encoded(offset, values["tenant"], values["lead"], TriggerFired(id=id, **values))


def requested(offset: int, id: str, **changes: Any) -> Record:
    values = {
        **_COMMON, "type": "lead.action.requested", "do": "voice-lead-qualifier", "channel": "phone",
        "trigger": "threshold:80.0", "threshold": 80, "crossing": "c1", "payload": {"phone": "+4930123456"},
        "factors": (FactorShare("form.submitted.organic", 30.0),), **changes,
    }  # fmt: skip
    return encoded(offset, values["tenant"], values["lead"], ActionRequested(id=id, **values))


def skipped(offset: int, id: str, **changes: Any) -> Record:
    values = {
        **_COMMON, "type": "lead.action.skipped", "do": "voice-lead-qualifier", "channel": "phone",
        "trigger": "threshold:80.0", "threshold": 80, "crossing": "c1", "reason": "no_phone", **changes,
    }  # fmt: skip
    return encoded(offset, values["tenant"], values["lead"], ActionSkipped(id=id, **values))


@dataclass
class Database:
    """A schema of its own in a PostgreSQL."""

    dsn: str
    schema: str

    def store(self) -> ProjectionStore:
        return ProjectionStore(self.dsn, self.schema, TOPICS)

    async def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What a query gives on a connection of its own."""
        connection = await asyncpg.connect(self.dsn, server_settings={"search_path": self.schema})
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    async def fill(self, topic: str, records: Sequence[Record], partition: int = 0) -> None:
        """Applies the records as the next step of the partition."""
        store = self.store()
        await store.open()
        try:
            begin = await store.position(topic, partition) or 0
            await store.apply(topic, partition, begin, begin + len(records), records)
        finally:
            await store.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end, within a minute."""

    async def limited() -> T:
        async with asyncio.timeout(60):
            return await work

    return asyncio.run(limited())
