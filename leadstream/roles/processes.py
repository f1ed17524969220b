"""A worker of several processes: a Python process folds on one core, a machine has more.

Each process is a member of the consumer group with partitions of its own, as if it were a worker by itself.
They start and end together, and share one endpoint for metrics and health.
"""

import asyncio
import contextlib
import multiprocessing
import sys
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from leadstream import __version__
from leadstream.models import load_catalog
from leadstream.operations.logs import configure
from leadstream.operations.process_metrics import ProcessMetrics
from leadstream.roles.role import END_SECONDS, listening, run_role
from leadstream.roles.worker import DEFAULT_METRICS_PORT, Worker
from leadstream.settings import Settings
from leadstream.stream.errors import ProcessEnded, Refused

log = structlog.get_logger()


class WorkerProcesses:
    """`count` processes of one worker; what else there is as on the command line."""

    def __init__(
        self,
        settings: Settings,
        count: int,
        model: str,
        tenants: Path | None,
        start_at: int | None,
        copied_log: bool = False,
    ) -> None:
        self._settings = settings
        self._arguments = (model, tenants, start_at, copied_log)
        self._ports: list[int | None] = [None] * count
        self._processes: list[SpawnProcess] = []
        self._prepared: list[Connection] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Run all until `stop` is set or one ends; then all end.

        Raises Refused where only one process may fold, ProcessEnded if one ended by itself.
        """
        settings = self._settings
        if settings.processing_guarantee == "at_least_once":
            raise Refused("at_least_once allows one process in the group: start without --processes")
        metrics = ProcessMetrics(self._ports)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(metrics)
        with listening(
            settings,
            DEFAULT_METRICS_PORT,
            registry,
            healthy=lambda: metrics.problem("/healthz"),
            ready=lambda: metrics.problem("/readyz"),
        ) as health:
            log.info("worker starting", version=__version__, processes=len(self._ports), metrics=health.url)
            await self._live_all(stop)

    async def _live_all(self, stop: asyncio.Event) -> None:
        lives = [asyncio.ensure_future(self._live(number)) for number in range(len(self._ports))]
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait([stopping, *lives], return_when=asyncio.FIRST_COMPLETED)
            first = next((number for number, life in enumerate(lives) if life.done()), None)
            asked = stop.is_set()
            for process in self._processes:
                process.terminate()
            # One that is left then is stalled: it ends by itself, or by nothing but a kill.
            await asyncio.wait(lives, timeout=END_SECONDS + 0.3)
            for process in self._processes:
                process.kill()
            codes = await asyncio.gather(*lives)
        finally:
            stopping.cancel()
            for process in self._processes:
                process.kill()
            await asyncio.gather(*lives, return_exceptions=True)
        if first is not None and not asked:
            raise ProcessEnded(first, codes[first])
        for number, code in enumerate(codes):
            # One that was still starting ends by the very signal that asked it to.
            if code > 0:
                raise ProcessEnded(number, code)

    async def _live(self, number: int) -> int:
        """The life of a process, from its start to its exit code."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        settings = self._settings.model_copy(update={"metrics_host": "127.0.0.1", "metrics_port": 0})
        process = context.Process(
            target=_process, args=(number, settings, *self._arguments, theirs), name=f"worker-{number}"
        )
        process.start()
        theirs.close()
        self._processes.append(process)
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def told() -> None:
            try:
                port = ours.recv()
            except (EOFError, OSError):
                loop.remove_reader(ours.fileno())
                return
            self._ports[number] = port
            if port is None:
                self._prepared.append(ours)
                if len(self._prepared) == len(self._ports):
                    # They join together: each that comes later would cost the group a rebalance.
                    for connection in self._prepared:
                        with contextlib.suppress(OSError):
                            connection.send(None)

        loop.add_reader(ours.fileno(), told)
        loop.add_reader(process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(process.sentinel)
            loop.remove_reader(ours.fileno())
        process.join()
        self._ports[number] = None
        # Held open until here: a process whose parent's end is closed takes its parent for gone.
        ours.close()
        return process.exitcode or 0


def _process(
    number: int,
    settings: Settings,
    model: str,
    tenants: Path | None,
    start_at: int | None,
    copied_log: bool,
    parent: Connection,
) -> None:
    """The life of one process; it ends as if asked to when its parent is gone.

    It tells the parent None when it is prepared, waits for the parent's None, then tells its endpoint's port.
    """
    configure(settings)
    structlog.contextvars.bind_contextvars(process=number)
    worker = Worker(settings, load_catalog(model, tenants), start_at, parent.send, copied_log=copied_log)
    try:
        parent.send(None)
        parent.recv()
    except (EOFError, OSError, KeyboardInterrupt):
        sys.exit(0)

    async def run(stop: asyncio.Event) -> None:
        asyncio.get_running_loop().add_reader(parent.fileno(), stop.set)
        await worker.run(stop)

    sys.exit(run_role("worker", run))


def run_processes(
    settings: Settings,
    count: int,
    model: str,
    tenants: Path | None,
    start_at: int | None,
    copied_log: bool = False,
) -> int:
    """Run a worker of `count` processes until SIGTERM or SIGINT; returns the exit code of `role.run_role`."""
    run = WorkerProcesses(settings, count, model, tenants, start_at, copied_log).run
    # Later than its processes, which end by themselves.
    return run_role("worker", run, end_seconds=END_SECONDS + 1.0)
