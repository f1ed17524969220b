"""A task against a simulated log: what it does when something goes wrong or comes late."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest

from leadstream.operations import metrics
from leadstream.records.keys import TICK_KEY, lead_key
from leadstream.stream.errors import Fenced, StepFailed
from leadstream.stream.task import CHUNK, QUEUED_PACKS
from tests.support import virtual_time
from tests.support.simulated import SimulatedPartition, SimulatedRecord
from tests.support.waiting import until_async

from .bench import DEADLINE, STEP_SIGNALS, Bench, make_fold, straight

START = 1_767_000_000_000


def signal(offset: int, lead: str = "l1", **fields: Any) -> SimulatedRecord:
    """An organic form, worth 30, a second after the signal of the offset before."""
    at = START + offset * 1000
    body = {
        "id": f"s{offset}", "tenant": "acme", "lead": lead, "type": "form.submitted", "at": at,
        "data": {"channel": "organic"}, **fields,
    }  # fmt: skip
    return SimulatedRecord(offset, at, lead_key("acme", lead), msgspec.json.encode(body))


def signals(count: int, leads: int = 7) -> SimulatedPartition:
    return SimulatedPartition(signal(offset, f"l{offset % leads}") for offset in range(count))


def in_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Runs an async test in virtual time."""

    def run() -> None:
        virtual_time.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    run.__module__ = test.__module__
    return run


def value(metric: Any) -> float:
    found: float = metric._value.get()
    return found


@in_virtual_time
async def test_a_new_partition_is_opened_before_it_is_restored_and_folds_from_the_beginning() -> None:
    bench = Bench(signals(120))
    bench.task.start()
    await bench.opened()
    assert (bench.partition.opened, bench.partition.restored, bench.feed.seeks) == (1, 1, [0])
    bench.feed_all()
    await until_async(lambda: bench.task.durable, "something is committed")
    await until_async(lambda: not bench.feed.held, "the partition is released")
    bench.feed_all()
    await bench.folded(120)
    assert bench.partition.written == straight(bench.partition, 120)
    assert (bench.failures, bench.task.lag()) == ([], 0)
    await bench.task.close()


@in_virtual_time
async def test_a_commit_past_the_deadline_ends_the_process_with_a_reason() -> None:
    bench = Bench(signals(10))
    bench.task.start()
    await bench.opened()
    bench.log.before_commit = asyncio.Event().wait  # type: ignore[assignment]
    before = asyncio.get_running_loop().time()
    bench.feed_all()
    await until_async(lambda: bench.failures, "the failure is told", 120)
    waited = asyncio.get_running_loop().time() - before
    [failure] = bench.failures
    assert isinstance(failure, StepFailed)
    assert failure.exit_code == 4
    assert "partition 0: the step up to offset 10 was not committed within 60 s" in str(failure)
    assert DEADLINE <= waited < DEADLINE + 1
    assert bench.task.durable == 0
    await bench.task.close()


@in_virtual_time
async def test_a_step_that_fails_ends_the_task_once_and_repairs_nothing() -> None:
    bench = Bench(signals(100))

    async def fail() -> None:
        raise StepFailed("the broker said no")

    bench.task.start()
    await bench.opened()
    bench.log.before_commit = fail
    bench.feed_all()
    await until_async(lambda: bench.failures, "the failure is told")
    await asyncio.sleep(100)
    assert [str(failure) for failure in bench.failures] == ["the broker said no"]
    assert (bench.partition.opened, bench.log.commits_under_way) == (1, 0)
    assert not await bench.task.suspend(3)
    assert bench.task.fold is None


@in_virtual_time
async def test_fenced_while_the_group_confirms_it_reopens_restores_and_goes_on() -> None:
    bench = Bench(signals(60))
    bench.task.start()
    await bench.opened()
    bench.task.offer(bench.feed.pack(0, 20))
    await bench.folded(20)
    bench.partition.fence()
    reopened = value(metrics.REOPENED)
    bench.task.offer(bench.feed.pack(20, 40))
    await until_async(lambda: bench.partition.opened == 2 and len(bench.feed.seeks) == 2, "it is open again")
    # What the fenced transaction held was folded in vain: it is fetched again.
    assert bench.feed.seeks == [0, 20]
    await asyncio.sleep(1)
    assert value(metrics.REOPENED) == reopened + 1
    bench.feed_all()
    await bench.folded(60)
    assert bench.partition.written == straight(bench.partition, 60)
    assert bench.failures == []
    await bench.task.close()


@in_virtual_time
async def test_fenced_and_not_confirmed_it_waits_and_fences_nobody() -> None:
    bench = Bench(signals(60))
    bench.task.start()
    await bench.opened()
    bench.task.offer(bench.feed.pack(0, 20))
    await bench.folded(20)
    bench.feed.confirmed = None
    bench.partition.fence()
    rival = bench.partition.writers
    bench.task.offer(bench.feed.pack(20, 40))
    await until_async(lambda: bench.task.fold is None, "the state is thrown away")
    await asyncio.sleep(1000)
    assert (bench.partition.opened, bench.partition.writers) == (1, rival)
    assert bench.partition.written == straight(bench.partition, 20)
    # Revoked in the end: nothing to keep, nothing written.
    assert not await bench.task.suspend(3)
    assert bench.failures == []


@in_virtual_time
async def test_a_generation_that_changes_while_it_opens_closes_the_writer_again() -> None:
    bench = Bench(signals(10))

    async def rebalance() -> None:
        bench.log.while_opening = after
        bench.feed.confirmed = 2

    async def after() -> None:
        pass

    bench.log.while_opening = rebalance
    bench.task.start()
    await bench.opened()
    # Opened in generation 1, found itself in 2, and began anew; only then did it restore.
    assert (bench.partition.opened, bench.partition.restored) == (2, 1)
    await bench.task.close()


@in_virtual_time
async def test_a_generation_that_is_lost_while_it_opens_leaves_the_partition_closed() -> None:
    bench = Bench(signals(10))

    async def leave() -> None:
        bench.feed.confirmed = None

    bench.log.while_opening = leave
    bench.task.start()
    await until_async(lambda: bench.partition.opened == 1, "it opens")
    await asyncio.sleep(1000)
    assert (bench.partition.opened, bench.partition.restored, bench.log.is_open) == (1, 0, False)
    assert not await bench.task.suspend(3)


@in_virtual_time
async def test_state_that_is_committed_is_kept_for_the_next_generation() -> None:
    bench = Bench(signals(60))
    bench.task.start()
    await bench.opened()
    bench.task.offer(bench.feed.pack(0, 30))
    await until_async(lambda: bench.task.position == 30, "the pack is folded")
    assert await bench.task.suspend(3)
    assert (bench.task.durable, bench.log.is_open) == (30, True)
    # Packs of the generation before still arrive.
    bench.task.offer(bench.feed.pack(30, 40))
    bench.task.start()
    bench.task.offer(bench.feed.pack(30, 40))
    await bench.opened()
    assert (bench.partition.opened, bench.partition.restored, bench.feed.seeks) == (1, 1, [0, 30])
    bench.feed_all()
    await bench.folded(60)
    assert bench.partition.written == straight(bench.partition, 60)
    await bench.task.close()


@in_virtual_time
async def test_state_whose_commit_is_in_doubt_is_dropped_and_restored() -> None:
    bench = Bench(signals(60))
    bench.task.start()
    await bench.opened()
    bench.task.offer(bench.feed.pack(0, 20))
    await bench.folded(20)
    answer = asyncio.Event()
    # Written, but the answer does not come: nobody knows.
    bench.log.after_commit = answer.wait  # type: ignore[assignment]
    bench.task.offer(bench.feed.pack(20, 40))
    await until_async(lambda: bench.partition.steps[-1].position == 40, "the step is written")
    assert not await bench.task.suspend(3)
    assert (bench.task.fold, bench.log.is_open, bench.log.commits_under_way) == (None, False, 0)
    answer.set()
    bench.task.start()
    await bench.opened()
    assert (bench.partition.opened, bench.partition.restored, bench.feed.seeks) == (2, 2, [0, 40])
    bench.feed_all()
    await bench.folded(60)
    assert bench.partition.written == straight(bench.partition, 60)
    await bench.task.close()


@in_virtual_time
async def test_suspending_commits_what_is_folded() -> None:
    bench = Bench(signals(60))
    bench.task.start()
    await bench.opened()
    commit = asyncio.Event()
    bench.log.before_commit = commit.wait  # type: ignore[assignment]
    bench.task.offer(bench.feed.pack(0, 10))
    await until_async(lambda: bench.log.commits_under_way, "a commit is under way")
    bench.task.offer(bench.feed.pack(10, 30))
    await until_async(lambda: bench.task.position == 30, "the next pack is folded meanwhile")
    bench.task.offer(bench.feed.pack(30, 60))
    suspending = asyncio.ensure_future(bench.task.suspend(3))
    await asyncio.sleep(0)
    commit.set()
    assert await suspending
    assert bench.task.durable == bench.task.position
    assert bench.task.durable in (30, 60)
    assert bench.partition.written == straight(bench.partition, bench.task.durable)
    await bench.task.close()


@in_virtual_time
async def test_folding_goes_on_during_a_commit_but_not_beyond_a_step() -> None:
    bench = Bench(signals(5000), step_signals=STEP_SIGNALS)
    bench.task.start()
    await bench.opened()
    commit = asyncio.Event()
    bench.log.before_commit = commit.wait  # type: ignore[assignment]
    bench.task.offer(bench.feed.pack(0, 10))
    await until_async(lambda: bench.log.commits_under_way, "a commit is under way")
    for begin in range(10, 210, 10):
        bench.task.offer(bench.feed.pack(begin, begin + 10))
    await asyncio.sleep(30)
    # The step that is being committed has ten, the next one is full.
    assert bench.task.position == 10 + STEP_SIGNALS
    assert bench.task.durable == 0
    commit.set()
    await bench.folded(210)
    assert [step.position for step in bench.partition.steps][1:3] == [10, 10 + STEP_SIGNALS]
    assert bench.partition.written == straight(bench.partition, 210)
    await bench.task.close()


@in_virtual_time
async def test_a_large_pack_is_folded_in_chunks_that_give_way() -> None:
    bench = Bench(signals(3 * CHUNK), step_signals=CHUNK)
    commit = asyncio.Event()
    bench.task.start()
    await bench.opened()
    bench.log.before_commit = commit.wait  # type: ignore[assignment]
    bench.task.offer(bench.feed.pack(0, 3 * CHUNK))
    await asyncio.sleep(30)
    # One step under way, one waits: the rest of the pack is not folded, and the position is within it.
    assert bench.task.position == 2 * CHUNK
    commit.set()
    await bench.folded(3 * CHUNK)
    assert bench.partition.written == straight(bench.partition, 3 * CHUNK)
    await bench.task.close()


@in_virtual_time
async def test_a_partition_with_a_full_queue_is_held_until_half_of_it_is_folded() -> None:
    bench = Bench(signals(2000), step_signals=10)
    commit = asyncio.Event()
    bench.task.start()
    await bench.opened()
    bench.log.before_commit = commit.wait  # type: ignore[assignment]
    begin = 0
    while not bench.feed.held:
        bench.task.offer(bench.feed.pack(begin, begin + 10))
        begin += 10
    assert begin == 10 * (QUEUED_PACKS + 1)
    await asyncio.sleep(30)
    # Two packs went into the steps, one is being folded: the queue is not down to half.
    assert bench.feed.held
    commit.set()
    await bench.folded(begin)
    assert not bench.feed.held
    commit.clear()
    bench.feed.fetched = begin
    bench.feed_all()
    assert bench.feed.held
    assert bench.feed.fetched < 2000
    await bench.task.close()


@in_virtual_time
async def test_packs_of_markers_alone_move_the_position_and_the_lag() -> None:
    records = [signal(offset) for offset in (0, 1, 2, 20, 21)]
    partition = SimulatedPartition(records, end=30)
    bench = Bench(partition)
    bench.task.start()
    await bench.opened()
    for begin, end in ((0, 3), (3, 20), (20, 22), (22, 30)):
        bench.task.offer(bench.feed.pack(begin, end))
    await bench.folded(30)
    assert (bench.task.position, bench.task.lag()) == (30, 0)
    assert bench.feed.seeks == [0]
    assert partition.written.rows.keys() == straight(partition, 30).rows.keys()
    await bench.task.close()


@in_virtual_time
async def test_markers_behind_a_step_that_is_being_committed_are_covered_by_its_end() -> None:
    partition = SimulatedPartition([signal(0)], end=5)
    bench = Bench(partition)
    commit = asyncio.Event()
    bench.task.start()
    await bench.opened()
    bench.log.before_commit = commit.wait  # type: ignore[assignment]
    bench.task.offer(bench.feed.pack(0, 1))
    await until_async(lambda: bench.log.commits_under_way, "the commit is under way")
    bench.task.offer(bench.feed.pack(1, 5))
    await until_async(lambda: bench.task.position == 5, "the markers are passed")
    assert bench.task.durable == 0
    commit.set()
    # No record comes any more: what lag tools see must reach the end all the same.
    await bench.folded(5)
    await bench.task.close()


@pytest.mark.parametrize(
    ("begin", "end", "age"),
    [(5, 30, 0), (12, 30, 0), (0, 30, 0), (10, 30, 1)],
    ids=["overlapping", "with_a_gap", "from_before", "of_an_older_epoch"],
)
def test_a_pack_that_does_not_follow_is_dropped_and_fetched_again(begin: int, end: int, age: int) -> None:
    async def run() -> None:
        bench = Bench(signals(60))
        bench.task.start()
        await bench.opened()
        bench.task.offer(bench.feed.pack(0, 10))
        await bench.folded(10)
        stale = value(metrics.STALE_PACKS)
        bench.task.offer(bench.feed.pack(begin, end, bench.feed.epoch - age))
        await until_async(lambda: value(metrics.STALE_PACKS) == stale + 1, "the pack is dropped")
        await asyncio.sleep(1)
        assert bench.task.position == 10
        if age == 0:
            assert bench.feed.seeks == [0, 10]
        bench.feed.fetched = 10
        bench.feed_all()
        await bench.folded(60)
        assert bench.partition.written == straight(bench.partition, 60)
        await bench.task.close()

    virtual_time.run(run())


@in_virtual_time
async def test_packs_fetched_before_a_seek_that_arrive_during_it_do_not_cause_another() -> None:
    bench = Bench(signals(100))
    bench.task.start()
    await bench.opened()

    async def answer_late() -> None:
        # Under load the way back to the task is long: packs of both epochs are in the queue before it.
        old = bench.feed.epoch - 1
        bench.task.offer(bench.feed.pack(50, 60, old))
        pack = bench.feed.next_pack(10)
        assert pack is not None
        bench.task.offer(pack)
        await asyncio.sleep(0.01)

    bench.feed.while_seeking = answer_late
    bench.task.offer(bench.feed.pack(70, 80))
    await until_async(lambda: bench.task.durable == 10, "the pack behind the seek is folded", 60)
    assert bench.feed.seeks == [0, 0]
    bench.feed_all()
    await bench.folded(100)
    assert bench.partition.written == straight(bench.partition, 100)
    await bench.task.close()


@in_virtual_time
async def test_closing_in_the_middle_of_a_commit_leaves_it_to_the_broker() -> None:
    bench = Bench(signals(20))
    bench.task.start()
    await bench.opened()
    bench.log.before_commit = asyncio.Event().wait  # type: ignore[assignment]
    bench.feed_all()
    await until_async(lambda: bench.log.commits_under_way, "a commit is under way")
    await bench.task.close()
    assert (bench.log.commits_under_way, bench.log.is_open, bench.failures) == (0, False, [])
    assert (bench.task.fold, bench.task.position, bench.task.durable) == (None, None, None)


@in_virtual_time
async def test_a_fence_that_comes_while_it_suspends_drops_the_state() -> None:
    bench = Bench(signals(20))
    bench.task.start()
    await bench.opened()

    async def fenced() -> None:
        await asyncio.sleep(1)
        raise Fenced("by the next owner")

    bench.log.before_commit = fenced
    bench.feed_all()
    await until_async(lambda: bench.log.commits_under_way, "a commit is under way")
    assert not await bench.task.suspend(3)
    assert (bench.task.fold, bench.log.is_open, bench.failures) == (None, False, [])


@in_virtual_time
async def test_a_first_step_records_the_position_though_nothing_has_come_yet() -> None:
    """Without it the group could commit an offset that no row explains, and the next start would refuse."""
    partition = SimulatedPartition([], end=100)
    bench = Bench(partition)
    bench.feed.start_at = 100
    bench.task.start()
    await bench.opened()
    await bench.folded(100)
    assert make_fold(dict(partition.written.rows)).position == 100
    assert partition.written.actions == []
    await bench.task.close()


@in_virtual_time
async def test_ticks_fold_like_any_record() -> None:
    later = START + 40 * 86_400_000
    partition = SimulatedPartition(
        [signal(0), signal(1), SimulatedRecord(2, later, TICK_KEY, b"{}"), signal(3, "l2", at=later)]
    )
    bench = Bench(partition)
    bench.task.start()
    await bench.opened()
    bench.feed_all(1)
    await bench.folded(4)
    # 60 fell through 50 by itself, with a half-life of 14 days after 14 * log2(60/50) = 3.7 days.
    types = [dict(headers)["ce_type"] for _, _, headers in partition.written.actions]
    assert types.count(b"lead.threshold.crossed") == 2
    assert partition.written == straight(partition, 4)
    await bench.task.close()
