"""A long-running role: signals, health endpoint, and the exit code that tells how it ended."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

import structlog
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from leadstream.operations import metrics
from leadstream.stream.app import PackApp
from leadstream.stream.errors import LogTruncated, StepFailed, StreamError
from leadstream.stream.packs import PositionLost

log = structlog.get_logger()

STOP_SECONDS = 8.0
"""A stop that takes longer is given up; the broker aborts what is open."""


async def run_role(name: str, run: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Run until `stop` is set by SIGTERM or SIGINT, or until it fails; returns the exit code.

    0: stopped as asked; 1: an unexpected error; 2 to 4: see `errors`.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    metrics.ASYNCIO_TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.ensure_future(run(stop))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            log.info("stopping", role=name)
            await asyncio.wait([running], timeout=STOP_SECONDS)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        else:
            await running
    except StreamError as error:
        log.error("ended", role=name, exit_code=error.exit_code, reason=str(error))
        return error.exit_code
    except Exception:
        log.exception("ended", role=name, exit_code=1)
        return 1
    finally:
        stopping.cancel()
    log.info("stopped", role=name)
    return 0


async def prepared(preparing: Awaitable[None], stop: asyncio.Event) -> bool:
    """Wait for what a role needs before it runs; False if it is to stop first, and that is given up.

    Raises what `preparing` raises.
    """
    starting = asyncio.ensure_future(preparing)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return False
        starting.result()
        return True
    finally:
        stopping.cancel()
        starting.cancel()


async def run_app(app: PackApp, stop: asyncio.Event, *background: Awaitable[None]) -> None:
    """Start a Faust app and run it, with its background work, until `stop` or until something fails."""
    watched = [asyncio.ensure_future(work) for work in background]
    waiting = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(app.failed.wait())]
    try:
        await app.start()
        await asyncio.wait([*watched, *waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*watched, *waiting):
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS - 1):
                await app.stop()
    for task in watched:
        if task.done() and not task.cancelled():
            task.result()
    if app.failure is not None:
        raise explained(app.failure)


def explained(error: BaseException) -> BaseException:
    """An error of a library as one of ours, where we know what it means."""
    if isinstance(error, OffsetOutOfRangeError | NoOffsetForPartitionError | PositionLost):
        return LogTruncated(
            f"the log no longer has what comes next, or its offsets changed: {error}",
            "start again: the next start looks which it is, and says what to do",
        )
    if isinstance(error, KafkaError):
        return StepFailed(f"Kafka failed a request that can't be tried again in place: {error!r}")
    return error
