"""What the simulation has found, as small as it can be said."""

import pytest

from leadstream.stream.errors import LogTruncated, Refused, StreamError
from tests.stream.bench import Bench, in_virtual_time, signals
from tests.support.waiting import until_async

WHY = "the group has committed what the rows do not have"


@pytest.mark.parametrize("error", [Refused(WHY), LogTruncated(WHY, "restore them")])
def test_rows_that_are_outdated_by_a_stall_do_not_end_the_worker(error: StreamError) -> None:
    """It restored, stood still, and another worker began the partition, or went on in it, meanwhile."""

    @in_virtual_time
    async def test() -> None:
        bench = Bench(signals(10))
        feed = bench.feed
        begin = feed.begin

        async def outdated(partition: int, stored: int | None) -> int:
            feed.confirmed = None
            raise error

        feed.begin = outdated  # type: ignore[method-assign]
        bench.task.start()
        await until_async(lambda: feed.confirmed is None and not bench.log.is_open, "the partition is closed")
        assert bench.failures == []
        feed.begin = begin  # type: ignore[method-assign]
        feed.confirmed = 2
        await bench.opened()
        bench.feed_all()
        await bench.folded(10)
        await bench.task.close()

    test()


def test_a_worker_that_is_confirmed_and_refuses_ends_with_the_reason() -> None:
    @in_virtual_time
    async def test() -> None:
        bench = Bench(signals(10))

        async def refuse(partition: int, stored: int | None) -> int:
            raise Refused("state is missing")

        bench.feed.begin = refuse  # type: ignore[method-assign]
        bench.task.start()
        await until_async(lambda: bench.failures, "the failure is told")
        assert [str(failure) for failure in bench.failures] == ["state is missing"]
        await bench.task.close()

    test()
