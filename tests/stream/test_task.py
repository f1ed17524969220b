"""A task against a simulated log: how it opens, and what it does when it is fenced or a step fails."""

import asyncio

from leadstream.operations import metrics
from leadstream.stream.errors import StepFailed
from tests.support.simulated import SimulatedPartition
from tests.support.waiting import until_async

from .bench import DEADLINE, Bench, in_virtual_time, make_fold, signals, straight, value


@in_virtual_time
async def test_a_new_partition_is_opened_before_it_is_restored_and_folds_from_the_beginning() -> None:
    bench = Bench(signals(120))
    bench.task.start()
    await bench.opened()
    assert (bench.partition.opened, bench.partition.restored, bench.feed.seeks) == (1, 1, [0])
    bench.feed_all()
    await until_async(lambda: bench.task.durable, "something is committed")
    await until_async(lambda: not bench.feed.paused, "the partition is released")
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
async def test_that_it_has_been_opening_counts_from_when_it_was_open_last() -> None:
    bench = Bench(signals(60))
    bench.task.start()
    started = bench.task.opening_since
    await bench.opened()
    opened = bench.task.opened_at
    assert opened is not None
    assert started <= opened
    bench.feed.confirmed = None
    bench.partition.fence()
    bench.task.offer(bench.feed.pack(0, 20))
    await until_async(lambda: bench.task.opened_at is None, "it is fenced")
    # Not from its assignment, and not from each try.
    since = bench.task.opening_since
    assert since >= opened
    await asyncio.sleep(100)
    assert bench.task.opening_since == since
    await bench.task.close()


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
