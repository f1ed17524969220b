"""The demo's play: signals in, a lead that falls by itself, and the proof that all is right."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from leadstream.cli.demo_log import ends, leads_with_state, send
from leadstream.cli.demo_proof import expected, replayed
from leadstream.cli.demo_roles import Metrics, Role, until
from leadstream.cli.demo_summary import Fall, Outcome
from leadstream.cli.errors import CliError
from leadstream.kafka.topics import TopicNames, create_topics, specs
from leadstream.models import load_catalog
from leadstream.models.published import record_of
from leadstream.projection.forecast import next_crossing
from leadstream.projection.queries import LeadRow, LoggedAction, Tables, reading
from leadstream.projection.verify import verify
from leadstream.records.models import ANY_TENANT
from leadstream.scoring.decay.totals import sum_at
from leadstream.settings import Settings
from leadstream.synthetic.generator import generate

PARTITIONS = 4
SPAN_MS = 14_000
"""The signals of one half-life of the demo's model, up to now."""
SOON_MS = 4_000
"""How far ahead the fall is that is watched: long enough to be seen."""


LATEST_MS = 20_000
"""A fall further ahead is not waited for."""


class Play:
    """One installation, its roles, and what is done with it."""

    def __init__(self, settings: Settings, model: Path, console: Console) -> None:
        self._settings = settings
        self._names = TopicNames(settings.topic_prefix, settings.app)
        self._catalog = load_catalog(str(model), None)
        self._console = console
        self._dsn = settings.postgres_dsn.get_secret_value()
        self._folder = model.parent
        self._roles: list[Role] = []

    async def create_topics(self) -> None:
        """Creates all topics."""
        wanted = specs(self._names, PARTITIONS, create_time=self._settings.allow_create_time)
        await create_topics(self._settings, wanted)

    async def wait_for_roles(self, roles: list[Role]) -> None:
        """Returns when all are ready; worker and projector in this order."""
        self._roles = roles

        async def ready() -> bool:
            return all([await role.ready() for role in roles])

        await until(ready, "the worker and the projector", roles)

    async def run(self, signals: int, leads: int, seed: int) -> Outcome:
        """Sends the signals, waits until they are in the tables, and looks at what they led to.

        Raises `CliError` when there is nothing to look at: no signal could be folded.
        """
        schema = self._settings.postgres_schema
        seconds = await self._feed(signals, leads, seed)
        scored = await leads_with_state(self._settings, PARTITIONS)
        if not scored:
            raise CliError(
                f"none of {signals:,} signals could be folded{await self._reasons()}",
                "take more --signals or another --seed",
            )
        async with reading(self._dsn, schema) as tables:
            fall = await self._watch_a_fall(tables)
            with self._console.status("Replaying the log offline and comparing it with PostgreSQL ..."):
                result = await replayed(self._settings, self._catalog, self._folder)
                verification = await verify(self._dsn, schema, expected(result))
            counts = await self._roles[0].metrics()
            found = await tables.bands()
            latest = await tables.latest(limit=5)
            explained = await _explained(tables, latest)
            return Outcome(
                signals=result.counts.signals,
                seconds=seconds,
                leads=scored,
                duplicates=counts.total("signals_total", outcome="duplicate"),
                rejected=counts.by("reason", "dead_letters_total"),
                requested=counts.total("actions_total", status="requested"),
                bands={band.name: found.get(band.name, 0) for band in self._catalog.default.bands},
                latest=latest,
                skipped=await tables.skipped(),
                explained=explained,
                histories=await tables.factors(explained.tenant, explained.lead) if explained else {},
                fall=fall,
                verification=verification,
            )

    async def _reasons(self) -> str:
        rejected = (await self._roles[0].metrics()).by("reason", "dead_letters_total")
        return "".join(f", {reason} {count:,}" for reason, count in sorted(rejected.items()))

    async def _feed(self, signals: int, leads: int, seed: int) -> float:
        """Sends the signals and returns when all is projected: the seconds until all was folded."""
        records = generate(seed, leads, signals, _now() - SPAN_MS, SPAN_MS)
        columns = (TextColumn("  {task.description:<10}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=self._console, disable=not self._console.is_terminal) as bars:
            sent, folded, projected = (
                bars.add_task(name, total=signals) for name in ("sent", "folded", "projected")
            )
            began = time.monotonic()
            sending = asyncio.create_task(
                send(self._settings, records, lambda count: bars.update(sent, completed=count))
            )
            try:
                await self._until_folded(signals, sending, lambda count: bars.update(folded, completed=count))
            finally:
                sending.cancel()
                await asyncio.wait([sending])
            seconds = time.monotonic() - began
            bars.update(folded, completed=signals)
            await self._until_projected(
                lambda done, total: bars.update(projected, completed=signals * done // max(1, total))
            )
        self._console.print(f"  {signals:,} signals sent, folded and projected [dim]{seconds:.1f} s[/]")
        return seconds

    async def _until_folded(
        self, signals: int, sending: "asyncio.Task[None]", show: Callable[[int], object]
    ) -> None:
        topic, worker = self._names.signals, self._roles[0]
        targets: dict[tuple[str, int], int] = {}
        count = 0

        async def folded() -> bool:
            nonlocal count
            metrics = await worker.metrics()
            count = _read(metrics)
            show(min(count, signals))
            if not sending.done():
                return False
            sending.result()
            if count >= signals:
                return True
            # A worker that was started again counts anew; then its positions tell.
            if not targets:
                targets.update(await ends(self._settings, [topic], PARTITIONS))
            return all(
                metrics.total("position", topic=topic, partition=str(partition)) >= end
                for (_, partition), end in targets.items()
            )

        await until(folded, "folding", self._roles, lambda: count)

    async def _until_projected(self, show: Callable[[int, int], object]) -> None:
        names = self._names
        topics = (names.scores, names.history, names.actions, names.decisions)
        targets = await ends(self._settings, topics, PARTITIONS)
        total = sum(targets.values())
        done = 0
        async with reading(self._dsn, self._settings.postgres_schema) as tables:

            async def projected() -> bool:
                nonlocal done
                positions = await tables.positions()
                done = sum(min(end, positions.get(place, 0)) for place, end in targets.items())
                show(done, total)
                return done == total

            await until(projected, "projecting", self._roles, lambda: done)

    async def _watch_a_fall(self, tables: Tables) -> Fall | None:
        """Waits for the next lead that falls below a threshold by itself; None if none is about to."""
        thresholds = record_of(ANY_TENANT, self._catalog.default).thresholds
        now = _now()
        fall = None
        async for row in tables.all_leads():
            # The demo's thresholds have no hysteresis: what is passed follows from the total.
            crossing = next_crossing(
                row.accumulators, thresholds, (), row.updated, max(now, row.updated), row.caps
            )
            if crossing is None or crossing.direction != "down" or crossing.at < now + SOON_MS:
                continue
            if fall is None or crossing.at < fall.at:
                fall = Fall(row, crossing.threshold, now, crossing.at)
        if fall is None or fall.at > now + LATEST_MS:
            return None
        name = f"{fall.row.tenant}:{fall.row.lead}"
        self._console.print(f"  {name}: no signal comes, and its score falls")
        with Live(console=self._console, transient=True, auto_refresh=False) as live:
            while (now := _now()) < fall.at:
                total = sum_at(fall.row.accumulators, now, fall.row.caps)
                live.update(
                    f"  {total:9.4f}   passes {fall.threshold:g} in {(fall.at - now) / 1000:.1f} s",
                    refresh=True,
                )
                await asyncio.sleep(0.1)
        with self._console.status("Waiting for the crossing in the log ..."):
            await until(partial(_recorded, tables, fall), "the crossing", self._roles)
        return fall


async def _recorded(tables: Tables, fall: Fall) -> bool:
    """Whether the crossing is in the action log; notes when it was."""
    for action in await tables.actions(fall.row.tenant, fall.row.lead):
        if (
            action.type == "lead.threshold.crossed"
            and (action.threshold, action.direction) == (fall.threshold, "down")
            and action.at >= fall.since
        ):
            fall.recorded = action.at
            return True
    return False


async def _explained(tables: Tables, latest: list[LoggedAction]) -> LeadRow | None:
    """The lead of the latest action that most was needed for, else one with the highest total."""
    for action in sorted(latest, key=lambda action: -(action.threshold or 0)):
        return await tables.lead(action.tenant, action.lead)
    for tenant in await tables.tenants():
        for row in await tables.top(tenant, limit=1):
            return row
    return None


def _read(counts: Metrics) -> int:
    """The signals that the worker has read, bad ones included."""
    return counts.total("signals_total") + counts.total("dead_letters_total")


def _now() -> int:
    return int(time.time() * 1000)
