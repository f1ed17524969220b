"""Keeps the processes of roles running, as a service manager would."""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from leadstream.backoff import Backoff
from leadstream.devstack.processes import ChildProcess

STEADY = 30.0
"""A process that ran for so many seconds has the first backoff again."""


@dataclass
class _Role:
    process: ChildProcess
    started: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(0.5, 15.0))
    resume: float = 0.0
    """When a process that ended is to be started again, by the monotonic clock."""
    ended: bool = False
    failures: list[int] = field(default_factory=list)


class Supervisor:
    """Runs `python -m leadstream <arguments>` for each role, with its output in `directory`/<name>.log.

    A process that ends with a code other than 0 is started again, after a backoff. At the end all are asked
    to drain (SIGTERM) and killed 15 s later. `environment` is added to this process's own.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self._environment = {**os.environ, **environment}
        self._roles: dict[str, _Role] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        # All are started by this thread, since they end with the thread that started them.
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def add(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Adds a role and starts it within a moment; `arguments` are those of the command line.

        `environment` is added for this role alone.
        """
        process = ChildProcess(
            name,
            [sys.executable, "-m", "leadstream", *arguments],
            log=self.directory / f"{name}.log",
            environment={**self._environment, **(environment or {})},
        )
        with self._lock:
            self._roles[name] = _Role(process)

    def pid(self, name: str) -> int | None:
        """The process id of a role; None while it does not run."""
        return self._roles[name].process.pid

    def send(self, name: str, signum: signal.Signals) -> None:
        """Sends a signal to a role's process, if it runs."""
        self._roles[name].process.send(signum)

    def failures(self, name: str) -> list[int]:
        """The exit codes of a role's processes that failed so far (negative: by that signal)."""
        with self._lock:
            return list(self._roles[name].failures)

    def log_tail(self, name: str, lines: int = 15) -> str:
        """The last lines of a role's log, indented."""
        return self._roles[name].process.log_tail(lines)

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            with self._lock:
                for role in self._roles.values():
                    _attend(role, time.monotonic())
        with self._lock:
            processes = [role.process for role in self._roles.values()]
        for process in processes:
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + 15.0
        for process in processes:
            process.stop(timeout=max(0.0, deadline - time.monotonic()))


def _attend(role: _Role, now: float) -> None:
    """Starts a role's process if it is time to, and notes how it ended."""
    if role.process.pid is not None or role.ended:
        return
    code = role.process.exit_code
    if code is None:  # it has not run yet
        role.process.start()
        role.started = now
    elif code == 0:
        role.ended = True
    elif role.resume == 0.0:
        role.failures.append(code)
        if now - role.started > STEADY:
            role.backoff.reset()
        role.resume = now + role.backoff.next()
    elif now >= role.resume:
        role.process.start()
        role.started, role.resume = now, 0.0
