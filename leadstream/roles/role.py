"""A long-running role: signals, health endpoint, and the exit code that says how it ended."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any

import structlog
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from mode.threads import WorkerThread
from prometheus_client import CollectorRegistry

from leadstream import __version__
from leadstream.kafka.rights import DENIED, lacking, rights, told
from leadstream.kafka.topics import TopicNames
from leadstream.operations import metrics
from leadstream.operations.health import CannotListen, Check, HealthServer
from leadstream.settings import Settings
from leadstream.stream.app import PackApp
from leadstream.stream.errors import Denied, LogTruncated, Refused, StepFailed, StreamError
from leadstream.stream.packs import PositionLost

log = structlog.get_logger()

STOP_SECONDS = 7.0
"""Seconds; an app that takes longer to stop is abandoned, and the broker aborts what is open."""
END_SECONDS = 8.0
"""Seconds after the request to stop, or after an error was logged, the process ends whatever runs in it."""


class _End:
    """The end of a process, which nothing that runs in it can put off.

    A thread or a call that does not return, such as a look-up of a name, would otherwise keep it for minutes
    after it has logged that it ends.
    """

    def __init__(self, role: str, seconds: float) -> None:
        self.code = 0
        self._role = role
        self._seconds = seconds
        self._deadline: float | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Start the time; only the first call counts."""
        with self._lock:
            if self._deadline is not None:
                return
            self._deadline = time.monotonic() + self._seconds
        watch = threading.Timer(self._seconds, self._give_up, ["the event loop"])
        watch.daemon = True
        watch.start()

    def complete(self) -> None:
        """Return when no thread is left that works; end the process if one does not end in time."""
        self.begin()
        assert self._deadline is not None
        for thread in threading.enumerate():
            # Faust's is waited for, too: it would log something after the last line.
            waited_for = not thread.daemon or isinstance(thread, WorkerThread)
            if thread is not threading.current_thread() and waited_for:
                thread.join(max(0.0, self._deadline - time.monotonic()))
                if thread.is_alive():
                    self._give_up(f"the thread {thread.name}")

    def _give_up(self, what: str) -> None:
        with self._lock:
            log.warning("stopped", role=self._role, exit_code=self.code, gave_up=what)
            for stream in (sys.stderr, sys.stdout):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(self.code)


class Role:
    """A process that runs for long: what every one does from its start to its end.

    A subclass says what it is, and does in `prepare`, `live` and `close`.
    """

    name: str
    """As on the command line."""
    default_port: int
    """Of its endpoint, where the settings name none."""
    registry: CollectorRegistry
    """What its endpoint shows."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self, stop: asyncio.Event) -> None:
        """Serve metrics and health, prepare, and live until `stop` is set. Raises StreamError."""
        metrics.BUILD.info({"version": __version__, "role": self.name})
        with listening(
            self._settings, self.default_port, self.registry, healthy=self.unhealthy, ready=self.unready
        ) as health:
            log.info(f"{self.name} starting", version=__version__, metrics=health.url, **self.starting_with())
            self.listens(health.port)
            try:
                if await prepared(self.prepare(), stop):
                    await self.live(stop)
            finally:
                await self.close()

    def starting_with(self) -> dict[str, object]:
        """What the first line of its log says besides version and endpoint."""
        return {}

    def listens(self, port: int) -> None:
        """Called when the endpoint listens, with its port."""

    async def prepare(self) -> None:
        """Wait for what it needs, and check it; cancelled when it is to stop first."""

    async def live(self, stop: asyncio.Event) -> None:
        """Do its work until `stop` is set."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of what `prepare` and `live` hold, however they ended."""

    def unhealthy(self) -> str | None:
        """What only a restart would mend; None if nothing is."""
        raise NotImplementedError

    def unready(self) -> str | None:
        """What keeps it from its work; None if nothing does."""
        raise NotImplementedError


def run_role(role: Role, *, end_seconds: float = END_SECONDS) -> int:
    """Run a role until SIGTERM or SIGINT, or until it fails; returns the exit code.

    0: stopped as asked; 1: an unexpected error; 2 to 4: see `errors`. A SIGINT that was ignored when the
    process started, as that of a shell's background job is, stays ignored. Call it in the main thread, last:
    `end_seconds` after the request to stop, or after the error, the process ends.
    """
    end = _End(role.name, end_seconds)
    asyncio.run(_run(role, end))
    end.complete()
    # Python gives handlers of its own back to their default as it ends; what is ignored it leaves so.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if end.code == 0:
        log.info("stopped", role=role.name)
    return end.code


async def _run(role: Role, end: _End) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    metrics.ASYNCIO_TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))
    _on_signal(lambda: loop.call_soon_threadsafe(stop.set))
    running = asyncio.ensure_future(role.run(stop))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            log.info("stopping", role=role.name)
            end.begin()
            await asyncio.wait([running])
        await running
    except StreamError as error:
        end.code = error.exit_code
        log.error("ended", role=role.name, exit_code=end.code, reason=str(error))
    except Exception:
        end.code = 1
        log.exception("ended", role=role.name, exit_code=end.code)
    finally:
        end.begin()
        stopping.cancel()


def _on_signal(request: Callable[[], object]) -> None:
    """Calls `request` at each SIGTERM and SIGINT, from now to the end of the process.

    Not through the event loop, which would give the signals back to their default when it closes: one more
    SIGTERM would then kill the process at the end of its stop, and it would seem to have crashed.
    """

    def handle(_number: int, _frame: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the stop is nearly done
            request()

    signal.signal(signal.SIGTERM, handle)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, handle)


@contextlib.contextmanager
def listening(
    settings: Settings, default_port: int, registry: CollectorRegistry, *, healthy: Check, ready: Check
) -> Iterator[HealthServer]:
    """The endpoint of a role, which listens within. Raises Refused where it can't."""
    port = default_port if settings.metrics_port is None else settings.metrics_port
    try:
        server = HealthServer(settings.metrics_host, port, healthy=healthy, ready=ready, registry=registry)
    except CannotListen as error:
        raise Refused(
            f"{error}; set LEADSTREAM_METRICS_HOST and LEADSTREAM_METRICS_PORT to an address of this machine "
            "and a free port (0 takes any)"
        ) from error
    try:
        yield server
    finally:
        server.stop()


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


async def run_app(app: PackApp, stop: asyncio.Event, *background: Coroutine[Any, Any, None]) -> None:
    """Start a Faust app and run it, with its background work, until `stop` or until something fails."""
    starting = asyncio.ensure_future(app.start())
    watched = [asyncio.ensure_future(work) for work in background]
    waiting = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(app.failed.wait())]
    try:
        await asyncio.wait([starting, *watched, *waiting], return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and (error := starting.exception()) is not None:
            app.fail(error)
        elif starting.done():
            await asyncio.wait([*watched, *waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (starting, *watched, *waiting):
            task.cancel()
        # Left where it is after that time, not awaited: Faust's services swallow a cancellation.
        ending = asyncio.ensure_future(app.stop())
        await asyncio.wait([ending], timeout=STOP_SECONDS)
        if not ending.done():
            log.warning("gave up to leave the group in order", seconds=STOP_SECONDS)
        elif ending.exception() is not None:
            log.warning("the group was not left in order", reason=repr(ending.exception())[:200])
    for task in watched:
        if task.done() and not task.cancelled():
            task.result()
    if app.failure is not None:
        raise await _named(explained(app.failure), app)


def explained(error: BaseException) -> BaseException:
    """An error of a library as a StreamError, where its meaning is known."""
    if isinstance(error, DENIED) or isinstance(error.__cause__, DENIED):
        return Denied(f"Kafka refuses what it allowed at the start: {error}")
    if isinstance(error, OffsetOutOfRangeError | NoOffsetForPartitionError | PositionLost):
        return LogTruncated(
            f"the log no longer has what comes next, or its offsets changed: {error}",
            "start again: the next start looks which it is, and says what to do",
        )
    if isinstance(error, CorruptRecordException):
        return LogTruncated(f"the log can't be read on: {error}", "restore it from another replica")
    if isinstance(error, KafkaError):
        return StepFailed(f"Kafka failed a request that can't be tried again in place: {error!r}")
    return error


async def _named(error: BaseException, app: PackApp) -> BaseException:
    """The error, or the rights that are missing by now if that is its cause and Kafka reports them."""
    if not isinstance(error, Denied):
        return error
    settings = app.settings
    needed = rights(TopicNames(settings.topic_prefix, settings.app))[app.role]
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            if missing := await lacking(settings, needed):
                return Denied(told(settings, missing))
    return error
