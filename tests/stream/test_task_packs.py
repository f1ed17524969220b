"""A task and its packs: what is folded when, what is dropped, and what markers move."""

import asyncio

import pytest

from leadstream.operations import metrics
from leadstream.records.keys import TICK_KEY
from leadstream.stream.pack_queue import QUEUED_PACKS
from leadstream.stream.task import CHUNK
from tests.simulation import virtual_time
from tests.support.simulated import SimulatedPartition, SimulatedRecord
from tests.support.waiting import until_async

from .bench import START, STEP_SIGNALS, Bench, in_virtual_time, signal, signals, straight, value


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
    while not bench.feed.paused:
        bench.task.offer(bench.feed.pack(begin, begin + 10))
        begin += 10
    assert begin == 10 * (QUEUED_PACKS + 1)
    await asyncio.sleep(30)
    # Two packs went into the steps, one is being folded: the queue is not down to half.
    assert bench.feed.paused
    commit.set()
    await bench.folded(begin)
    assert not bench.feed.paused
    commit.clear()
    bench.feed.fetched = begin
    bench.feed_all()
    assert bench.feed.paused
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
