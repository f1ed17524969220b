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

from leadstream.models import load_catalog
from leadstream.operations.logs import configure
from leadstream.operations.process_metrics import ProcessMetrics
from leadstream.roles.role import END_SECONDS, Role, run_role
from leadstream.roles.worker import Worker
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.settings import Settings
from leadstream.stream.errors import ProcessEnded, Refused


class WorkerProcesses(Role):
    """`count` processes of one worker; what else there is as on the command line."""

    name = Worker.name
    default_port = Worker.default_port

    def __init__(
        self,
        settings: Settings,
        count: int,
        model: str,
        tenants: Path | None,
        start_at: int | None,
        copied_log: bool = False,
    ) -> None:
        super().__init__(settings)
        self._arguments = (model, tenants, start_at, copied_log)
        self._ports: list[int | None] = [None] * count
        self._processes: list[SpawnProcess] = []
        self._prepared: list[Connection] = []
        self._metrics = ProcessMetrics(self._ports)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self._metrics)

    async def run(self, stop: asyncio.Event) -> None:
        """Run all until `stop` is set or one ends; then all end.

        Raises Refused where only one process may fold, ProcessEnded if one ended by itself.
        """
        if self._settings.processing_guarantee == "at_least_once":
            raise Refused("at_least_once allows one process in the group: start without --processes")
        await super().run(stop)

    def starting_with(self) -> dict[str, object]:
        """How many processes."""
        return {"processes": len(self._ports)}

    def unhealthy(self) -> str | None:
        """All processes must be well."""
        return self._metrics.problem("/healthz")

    def unready(self) -> str | None:
        """All processes must be ready."""
        return self._metrics.problem("/readyz")

    async def live(self, stop: asyncio.Event) -> None:
        """Start all; end all when `stop` is set or one has ended."""
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


class _Member(Worker):
    """A worker that is one process of several; it ends as if asked to when its parent is gone.

    It sends the parent its endpoint's port.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: ModelCatalog,
        start_at: int | None,
        *,
        copied_log: bool,
        parent: Connection,
    ) -> None:
        super().__init__(settings, catalog, start_at, copied_log=copied_log)
        self._parent = parent

    async def run(self, stop: asyncio.Event) -> None:
        asyncio.get_running_loop().add_reader(self._parent.fileno(), stop.set)
        await super().run(stop)

    def listens(self, port: int) -> None:
        self._parent.send(port)


def _process(
    number: int,
    settings: Settings,
    model: str,
    tenants: Path | None,
    start_at: int | None,
    copied_log: bool,
    parent: Connection,
) -> None:
    """The life of one process. It sends its parent None when it is prepared, and waits for one in return."""
    configure(settings)
    structlog.contextvars.bind_contextvars(process=number)
    worker = _Member(settings, load_catalog(model, tenants), start_at, copied_log=copied_log, parent=parent)
    try:
        parent.send(None)
        parent.recv()
    except (EOFError, OSError, KeyboardInterrupt):
        sys.exit(0)
    sys.exit(run_role(worker))


def run_processes(
    settings: Settings,
    count: int,
    model: str,
    tenants: Path | None,
    start_at: int | None,
    copied_log: bool = False,
) -> int:
    """Run a worker of `count` processes until SIGTERM or SIGINT; returns the exit code of `role.run_role`."""
    role = WorkerProcesses(settings, count, model, tenants, start_at, copied_log)
    # Later than its processes, which end by themselves.
    return run_role(role, end_seconds=END_SECONDS + 1.0)
