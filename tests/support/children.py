"""Processes of a test that leave nothing behind, however the test ends."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psutil


class Children:
    """Starts processes, and ends those that still run, with all that they started, when it is told to."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[Any]] = []

    def __call__(self, arguments: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Starts a process; `options` as of Popen."""
        process = subprocess.Popen(arguments, **options)
        self._processes.append(process)
        return process

    def end(self) -> None:
        """Asks each to stop, so that it removes its files, and kills what is left of it."""
        for process in self._processes:
            _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    descendants = []
    if process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            descendants = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait()
    for one in descendants:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()


@contextmanager
def ignored(*signums: signal.Signals) -> Iterator[None]:
    """Within it these signals are ignored here, and by what is started: as in a shell's background job."""
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in signums}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
