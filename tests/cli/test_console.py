"""Ctrl-C ends a command whatever its coroutine makes of being cancelled."""

import asyncio
import contextlib
import signal

import pytest

from leadstream.cli.console import run


async def swallows() -> str:
    """As aiokafka's client does when it closes."""
    signal.raise_signal(signal.SIGINT)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    return "done"


async def fails() -> str:
    signal.raise_signal(signal.SIGINT)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise OSError("the connection was closed") from None
    return "done"


async def ends() -> str:
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(60)
    return "done"


@pytest.mark.parametrize("coroutine", [swallows, fails, ends])
def test_an_interrupt_is_not_lost(coroutine: object) -> None:
    assert callable(coroutine)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(coroutine())
    assert signal.getsignal(signal.SIGINT) is before


def test_without_one_the_result_and_the_errors_are_those_of_the_coroutine() -> None:
    async def right() -> int:
        return 7

    async def wrong() -> int:
        raise OSError("no")

    assert run(right()) == 7
    with pytest.raises(OSError, match="no"):
        run(wrong())
