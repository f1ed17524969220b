"""The queue of packs: when it holds its partition, and what it drops."""

import asyncio

from leadstream.operations import metrics
from leadstream.stream.pack_queue import QUEUED_PACKS, PackQueue
from leadstream.stream.packs import Pack

from .bench import in_virtual_time, value


class Held:
    """What a queue asked of its partition."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.queue = PackQueue(lambda: self.calls.append("pause"), lambda: self.calls.append("resume"))

    def offer(self, begin: int, end: int, epoch: int = 0) -> None:
        for number in range(begin, end):
            self.queue.offer(Pack("t", 0, epoch, number, number + 1, 100 + number, ()))

    def take(self, count: int) -> list[int]:
        return [pack.begin for _ in range(count) if (pack := self.queue.take()) is not None]


@in_virtual_time
async def test_it_holds_once_when_more_than_the_bound_wait_and_releases_once_at_half() -> None:
    held = Held()
    held.offer(0, QUEUED_PACKS)
    assert held.calls == []
    held.offer(QUEUED_PACKS, QUEUED_PACKS + 3)
    assert held.calls == ["pause"]
    # What was on its way is kept, in order.
    assert held.take(QUEUED_PACKS // 2 + 2) == list(range(QUEUED_PACKS // 2 + 2))
    assert held.calls == ["pause"]
    assert held.take(1) == [QUEUED_PACKS // 2 + 2]
    assert (held.calls, len(held.queue)) == (["pause", "resume"], QUEUED_PACKS // 2)
    assert len(held.take(100)) == QUEUED_PACKS // 2
    assert held.calls == ["pause", "resume"]
    assert held.queue.take() is None
    assert held.queue.stable == 100 + QUEUED_PACKS + 2


@in_virtual_time
async def test_packs_of_an_epoch_before_are_dropped_at_both_ends_and_counted() -> None:
    held = Held()
    before = value(metrics.STALE_PACKS)
    held.offer(0, 2)
    held.offer(50, 51, epoch=1)
    held.queue.expect(1)
    held.offer(2, 3)
    assert held.queue.stable == 150
    first = held.queue.peek()
    assert first is not None
    assert (first.begin, len(held.queue), held.take(2)) == (50, 1, [50])
    assert value(metrics.STALE_PACKS) == before + 3


@in_virtual_time
async def test_after_a_seek_a_full_queue_holds_anew() -> None:
    held = Held()
    held.offer(0, QUEUED_PACKS + 1)
    held.queue.clear()
    assert (held.calls, held.queue.peek()) == (["pause"], None)
    held.offer(0, QUEUED_PACKS + 1)
    assert held.calls == ["pause", "pause"]


@in_virtual_time
async def test_a_wait_ends_with_a_pack_or_when_woken() -> None:
    held = Held()
    for wake in (lambda: held.offer(0, 1), held.queue.wake):
        waiting = asyncio.ensure_future(held.queue.wait())
        await asyncio.sleep(10)
        assert not waiting.done()
        wake()
        await asyncio.wait_for(waiting, 1)
