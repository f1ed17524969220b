"""A task: one partition's life from assignment to revocation.

    assigned -> open (fences) -> restore -> seek to the position -> fold and commit, overlapping
             -> revoked: finish what is folded, keep the state for the next generation, or close

The task talks to the log and to the consumer through two small protocols, so that it runs the same against
a simulated log.
"""

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Protocol

import structlog

from leadstream.backoff import RANDOM, Backoff
from leadstream.operations import metrics
from leadstream.records.step import Step
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.partition.rows import PositionRow
from leadstream.stream.changelog import Progress
from leadstream.stream.errors import Fenced, StepFailed, StreamError
from leadstream.stream.pack_queue import PackQueue
from leadstream.stream.packs import Pack

log = structlog.get_logger()

CHUNK = 500
"""Records folded before other tasks get their turn."""


class StateLog(Protocol):
    """Where a task's state lives and its steps go."""

    async def open(self) -> None: ...
    async def restore(self, progress: Progress) -> dict[bytes, bytes]: ...
    async def commit(self, step: Step) -> None: ...
    async def close(self) -> None: ...


class Feed(Protocol):
    """Where a task's packs come from."""

    async def generation(self) -> int | None:
        """The generation in which the group confirms this process now; None if it does not."""

    async def seek(self, partition: int, offset: int) -> int:
        """Fetch from there on; returns the epoch of the packs to come."""

    async def begin(self, partition: int, stored: PositionRow | None) -> int:
        """Where folding begins, given the stored position if there is one.

        Raises Refused if there is none and it can't be told, OtherLog if it is not one of this log,
        LogTruncated if the log starts behind it or ends before it.
        """

    def pause(self, partition: int) -> None: ...
    def resume(self, partition: int) -> None: ...


class PartitionTask:
    """Folds one partition of the signals topic, step by step, each step committed as a whole.

    `on_failure` is called once with what ended the task for good; the process ends then, state is never
    repaired in place.
    """

    def __init__(
        self,
        partition: int,
        *,
        state_log: StateLog,
        feed: Feed,
        make_fold: Callable[[dict[bytes, bytes]], PartitionFold],
        step_signals: int,
        step_deadline: float,
        on_failure: Callable[[BaseException], None],
        random: Random = RANDOM,
    ) -> None:
        """`random` is the source of the jitter of waits."""
        self.partition = partition
        self.fold: PartitionFold | None = None
        self.position: int | None = None
        """Offset up to which records are folded."""
        self.durable: int | None = None
        """Offset up to which they are folded and committed."""
        self.opened_at: float | None = None
        self.opening_since = time.monotonic()
        """Since when it has not been open, while it is not."""
        self.last_step_at = time.monotonic()
        self._log = state_log
        self._feed = feed
        self._make_fold = make_fold
        self._step_signals = step_signals
        self._step_deadline = step_deadline
        self._on_failure = on_failure
        self._random = random
        self._packs = PackQueue(lambda: feed.pause(partition), lambda: feed.resume(partition))
        self._folded = asyncio.Event()
        self._committed = asyncio.Event()
        self._waiting = 0
        self._committing = False
        self._draining = False
        self._kept = False
        self._runner: asyncio.Task[None] | None = None
        self._label = str(partition)

    # Called by the app.

    def start(self) -> None:
        """Open the partition, or go on with the state that `suspend` kept."""
        self._draining = False
        self.opening_since = time.monotonic()
        self._runner = asyncio.create_task(self._run(), name=f"partition-{self.partition}")

    def offer(self, pack: Pack) -> None:
        """Queue a fetched pack; holds the partition when enough wait."""
        if self._draining:
            metrics.STALE_PACKS.inc()
            return
        self._packs.offer(pack)

    async def suspend(self, deadline: float) -> bool:
        """Stop folding and commit what is folded. True if the state may be kept: nothing of it is in doubt.

        After `deadline` seconds the transaction is left to the broker to abort, and the state is dropped.
        """
        self._draining = True
        self._packs.wake()
        self._committed.set()
        runner = self._runner
        if runner is not None and self.opened_at is not None:
            await asyncio.wait([runner], timeout=deadline)
        self._kept = runner is not None and runner.done() and not runner.cancelled() and self._is_clean()
        if not self._kept:
            await self.close()
        self.opened_at = None
        self._packs.clear()
        return self._kept

    async def close(self) -> None:
        """End the task now. The broker aborts what is not committed."""
        self._draining = True
        if self._runner is not None and not self._runner.done():
            self._runner.cancel()
            await asyncio.wait([self._runner])
        self._discard()
        await self._log.close()

    def has_work(self) -> bool:
        """Whether records wait to be folded or committed."""
        return bool(self._packs or self._waiting or self._committing)

    def lag(self) -> int:
        """Records (offsets) between the position and the end that readers may see."""
        return 0 if self.position is None else max(0, self._packs.stable - self.position)

    # The life itself.

    async def _run(self) -> None:
        backoff = Backoff(0.1, 5.0, random=self._random)
        fenced = False
        try:
            while not self._draining:
                try:
                    if not self._kept and not await self._open():
                        continue
                    self._kept = False
                    if fenced:
                        metrics.REOPENED.inc()
                        fenced = False
                    await self._work()
                    return
                except Fenced as error:
                    self._discard()
                    if self._draining:
                        return
                    log.warning("partition fenced", partition=self.partition, reason=str(error)[:200])
                    # A stall beyond the transaction timeout fences without a rival: still a confirmed
                    # member, so nobody else has the partition. A zombie waits until it is revoked.
                    fenced = True
                    await asyncio.sleep(backoff.next())
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, the process must end with it
            self._on_failure(error)

    async def _open(self) -> bool:
        generation = await self._confirmed()
        if generation is None:
            return False
        started = time.monotonic()
        await self._log.open()
        if await self._feed.generation() != generation:
            # Somebody else may have it by now, and was fenced by the open above: it opens again.
            await self._log.close()
            return False
        rows = await self._log.restore(self._on_restored)
        self.fold = self._make_fold(rows)
        try:
            position = await self._feed.begin(self.partition, self.fold.stored)
        except StreamError:
            # After a stall the rows may be those of another time: somebody has begun the partition since, or
            # gone on in it. What they say of it is then no reason to end.
            if await self._feed.generation() == generation:
                raise
            self._discard()
            await self._log.close()
            return False
        self.position = position
        if self.fold.position is None:
            # The first step records where the partition began, also if nothing comes: else the group could
            # commit an offset that no row explains, and the next start would refuse.
            self._waiting = 1
        else:
            self.durable = position
            if self.fold.gains_log():
                self._waiting = 1
        log.info(
            "partition open",
            partition=self.partition,
            position=position,
            rows=len(rows),
            seconds=round(time.monotonic() - started, 3),
        )
        return True

    async def _confirmed(self) -> int | None:
        while not self._draining:
            generation = await self._feed.generation()
            if generation is not None:
                return generation
            await asyncio.sleep(0.1)
        return None

    def _on_restored(self, records: int, part: float) -> None:
        metrics.RESTORED_RECORDS.inc(records)
        metrics.RESTORE_PROGRESS.labels(self._label).set(part)

    async def _work(self) -> None:
        await self._seek()
        self.opened_at = time.monotonic()
        folding = asyncio.create_task(self._fold_packs())
        committing = asyncio.create_task(self._commit_steps(folding))
        try:
            await asyncio.wait([folding, committing], return_when=asyncio.FIRST_EXCEPTION)
            for stage in (committing, folding):
                if stage.done():
                    stage.result()
        finally:
            self.opened_at = None
            self.opening_since = time.monotonic()
            for stage in (folding, committing):
                stage.cancel()
            await asyncio.gather(folding, committing, return_exceptions=True)

    async def _seek(self) -> None:
        assert self.position is not None
        self._packs.clear()
        self._packs.expect(await self._feed.seek(self.partition, self.position))

    async def _fold_packs(self) -> None:
        fold = self.fold
        assert fold is not None
        while not self._draining:
            pack = self._packs.take()
            if pack is None:
                await self._packs.wait()
                continue
            if pack.begin != self.position:
                metrics.STALE_PACKS.inc()
                await self._seek()
                continue
            await self._fold_pack(fold, pack)

    async def _fold_pack(self, fold: PartitionFold, pack: Pack) -> None:
        records = pack.records
        if not records:
            # Transaction markers only: nothing to commit, but the lag falls.
            self.position = pack.end
            if self._is_clean():
                self.durable = pack.end
        folded = 0
        while folded < len(records) and not self._draining:
            while self._waiting >= self._step_signals and not self._draining:
                self._committed.clear()
                await self._committed.wait()
            started = time.perf_counter()
            before = folded
            folded = fold.fold(records, folded, CHUNK)
            metrics.FOLD_SECONDS.observe(time.perf_counter() - started)
            self.position = pack.end if folded >= len(records) else records[folded].offset
            # A call that folded no record fired timers: that is work to commit, too.
            self._waiting += max(1, folded - before)
            self._folded.set()
            await asyncio.sleep(0)

    async def _commit_steps(self, folding: asyncio.Task[None]) -> None:
        fold = self.fold
        assert fold is not None
        while True:
            if not self._waiting:
                if folding.done():
                    return
                self._folded.clear()
                waiting = asyncio.ensure_future(self._folded.wait())
                try:
                    await asyncio.wait([waiting, folding], return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiting.cancel()
                continue
            started = time.perf_counter()
            assert self.position is not None
            step = fold.take(self.position)
            self._waiting = 0
            self._committing = True
            self._committed.set()
            try:
                async with asyncio.timeout(self._step_deadline):
                    await self._log.commit(step)
            except TimeoutError:
                raise StepFailed(
                    f"partition {self.partition}: the step up to offset {step.position} was not committed "
                    f"within {self._step_deadline:g} s: is Kafka up?"
                ) from None
            self._committing = False
            # Markers that were passed meanwhile need no commit of their own.
            self.durable = step.position if self._waiting else self.position
            self.last_step_at = time.monotonic()
            metrics.STEP_SECONDS.observe(time.perf_counter() - started)
            self._count(step)

    def _show_activation(self) -> None:
        fold = self.fold
        if fold is not None and fold.activation:
            metrics.ACTIVATION.labels(self._label).set(fold.activation)
            metrics.SWEEP_OPEN.labels(self._label).set(fold.next_sweep() is not None)

    def _is_clean(self) -> bool:
        return not self._waiting and not self._committing and self.fold is not None

    def _discard(self) -> None:
        self.fold = None
        self.position = self.durable = None
        self.opened_at = None
        self._waiting = 0
        self._committing = False
        self._kept = False

    def _count(self, step: Step) -> None:
        metrics.STEPS.labels(self._label).inc()
        self._show_activation()
        counts = step.counts
        for (kind, outcome), count in counts.outcomes.items():
            metrics.SIGNALS.labels(kind, outcome).inc(count)
        for output, count in counts.outputs.items():
            if output.kind == "crossing":
                metrics.CROSSINGS.labels(output.status).inc(count)
            elif output.kind == "band":
                metrics.BAND_CHANGES.inc(count)
            elif output.kind == "action":
                metrics.ACTIONS.labels(output.do, output.status).inc(count)
        for reason, count in counts.rejected.items():
            metrics.DEAD_LETTERS.labels(reason).inc(count)
        for name, count in counts.unread.items():
            metrics.UNREAD_FACTS.labels(name).inc(count)
        if step.forwards:
            metrics.FORWARDED.inc(len(step.forwards))
