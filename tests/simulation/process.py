"""A simulated process of the operating system: it runs tasks, sends requests, freezes and dies."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar, copy_context
from random import Random
from typing import Any, NoReturn, TypeVar

from aiokafka.errors import KafkaError

from tests.simulation.faults import Fault, Faults, crashes_at
from tests.simulation.kafka import Kafka
from tests.simulation.virtual_time import VirtualTimeLoop

T = TypeVar("T")

CURRENT: ContextVar["Process | None"] = ContextVar("process", default=None)
"""The process whose code runs; clients that it makes are its own."""


def adopt(loop: asyncio.AbstractEventLoop, coroutine: Any, context: Any = None) -> asyncio.Task[Any]:
    """A task factory that tells each task's process of it, so that its death ends them all."""
    if context is None:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop)
        process = CURRENT.get()
    else:
        task = asyncio.Task(coroutine, loop=loop, context=context)
        process = context.get(CURRENT)
    if process is not None:
        process.tasks.append(task)
    return task


class Process:
    """A process. Every request that it sends is a point at which it may die, before and after."""

    def __init__(self, name: str, kafka: Kafka, faults: Faults, random: Random) -> None:
        self.name = name
        self.kafka = kafka
        self.alive = True
        self.frozen_until = 0.0
        self.clock_skew_ms = 0
        self.tasks: list[asyncio.Task[Any]] = []
        self.faults = faults
        self.random = random
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop), "a simulated process lives in virtual time"
        self.loop = loop
        self.batch_bytes = random.choice((400, 1500, 1_000_000))
        """How large the batches of its producers are."""
        self._context = copy_context()
        self._context.run(CURRENT.set, self)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs something as part of the process."""
        return self.loop.create_task(work, context=self._context)

    def kill(self) -> None:
        """Ends the process at once. What its tasks still try to do reaches nobody."""
        self.alive = False
        self.died()
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task.cancel()

    def died(self) -> None:
        """Whoever has to know of a death is told here."""

    def freeze(self, seconds: float) -> None:
        """Stops the process as SIGSTOP would: its requests and answers wait."""
        self.frozen_until = max(self.frozen_until, self.loop.time() + seconds)

    def strikes(self, kind: str) -> Fault | None:
        """The fault of a kind that strikes the process now, if one does."""
        return self.faults.strikes(kind, self.name)

    async def call(self, point: str, request: Callable[[], T], *, survives: bool = False) -> T:
        """A request to a server and its answer, each after a while.

        One that `survives` may be carried out although its sender is gone by then.
        """
        before, after = crashes_at(point)
        if self.strikes(before):
            await self.crash()
        try:
            await self.wait()
        except asyncio.CancelledError:
            if survives and self.random.random() < 0.5:
                self.loop.call_soon(_carry_out, request)
            raise
        answer = request()
        if self.faults.trace is not None:
            self.faults.trace(f"{self.name}: {point}")
        if self.strikes(after):
            await self.crash()
        if self.random.random() < 0.15:
            await self.wait()
        return answer

    async def wait(self) -> None:
        """Lets a request's time pass, and all the time for which the process is frozen."""
        if not self.alive:
            raise asyncio.CancelledError
        await self.loop.sleep(self.faults.latency())
        while self.frozen_until > self.loop.time():
            await self.loop.sleep(self.frozen_until - self.loop.time())
        if not self.alive:
            raise asyncio.CancelledError

    async def crash(self) -> NoReturn:
        """Dies here: the caller never goes on."""
        self.kill()
        await asyncio.sleep(0)
        raise asyncio.CancelledError


def _carry_out(request: Callable[[], object]) -> None:
    with suppress(KafkaError):
        request()
