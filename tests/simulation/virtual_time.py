"""An event loop whose clock jumps to the next timer: hours pass in no time, and runs repeat exactly."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")
MAX_ROUNDS = 300_000
"""Rounds of the loop after which a run is taken for one that never ends."""


class Stuck(AssertionError):
    """Nothing can ever happen any more, or the same things happen for ever."""


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """Never waits, and has no sockets, threads or signals. Raises `Stuck` rather than hang.

    It keeps its own timers, and leaves out what a loop of the standard library checks each time: half of a
    simulation's time is spent here.
    """

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._rounds = 0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        """Heap by time, then in the order in which they were set."""
        self._timers_set = 0

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers_set += 1
        heappush(self._timers, (when, self._timers_set, timer))
        return timer

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep`, with less around it."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        self.call_at(self._now + seconds, _resolve, future)
        await future

    def close(self) -> None:
        self._timers.clear()
        super().close()

    def _run_once(self) -> None:
        ready, timers = self._ready, self._timers
        self._rounds += 1
        if self._rounds > MAX_ROUNDS:
            raise Stuck(f"no end after {MAX_ROUNDS} rounds, at {self._now:.3f} s")
        if not ready:
            while timers and timers[0][2].cancelled():
                heappop(timers)
            if not timers:
                raise Stuck("everything waits and no timer is set")
            if timers[0][0] > self._now:
                self._now = timers[0][0]
        while timers and timers[0][0] <= self._now:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass  # Those are thrown away when their time comes.

    def _write_to_self(self) -> None:
        pass  # Nobody sleeps who would have to be woken.

    def _process_events(self, event_list: Any) -> None:
        pass


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
