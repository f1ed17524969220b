"""Time passes when nothing else can happen."""

import asyncio

import pytest

from tests.simulation import virtual_time
from tests.simulation.virtual_time import Stuck


def test_a_year_passes_at_once_and_timers_fire_in_order_of_time_then_of_setting() -> None:
    fired: list[str] = []

    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(2.0, fired.append, "third")
        loop.call_later(1.0, fired.append, "first")
        loop.call_later(1.0, fired.append, "second")
        loop.call_later(0.5, fired.append, "never").cancel()
        await asyncio.sleep(365 * 86_400)
        return loop.time()

    assert virtual_time.run(main()) == 365 * 86_400
    assert fired == ["first", "second", "third"]


def test_a_deadlock_fails() -> None:
    with pytest.raises(Stuck, match="no timer is set"):
        virtual_time.run(asyncio.Event().wait())


def test_what_never_ends_fails() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_later(1, again)

        again()
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match="no end after"):
        virtual_time.run(main())
