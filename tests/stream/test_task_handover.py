"""A task whose partition is taken away: what it still commits, and when it keeps its state."""

import asyncio

from leadstream.stream.errors import Fenced
from tests.support.waiting import until_async

from .bench import Bench, in_virtual_time, signals, straight


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
