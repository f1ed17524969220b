"""Waiting for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
INTERVAL = 0.02


def until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """What `condition` returns once it is true; fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(INTERVAL)
    return found


async def until_async(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """`until`, for tests that run an event loop, by its clock."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + seconds
    while not (found := condition()):
        if clock() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(INTERVAL)
    return found
