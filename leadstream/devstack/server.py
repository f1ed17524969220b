"""What every server of the local stack is: something on a port of 127.0.0.1, to start, stop and kill."""

import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from leadstream.devstack.processes import Runnable, free_port


class Server:
    """A server on a port of 127.0.0.1, with its files in `directory`; a subclass says how it is run.

    The port stays the same over stop, kill and start. As a context manager it starts and stops.
    """

    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: Runnable | None = None

    @property
    def pid(self) -> int | None:
        """The id of its main process; None when it does not run."""
        return None if self._process is None else self._process.pid

    def start(self, *, timeout: float = 60.0) -> None:
        """Starts it, on the data that is there, and returns when it answers a client.

        Raises `LocalStackError` with the tail of its log if it does not within `timeout` seconds.
        """
        if self.pid is not None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        self._process = self._prepare()
        self._process.start()
        self._process.wait_until(self._answers, timeout=timeout)

    def stop(self) -> None:
        """Ends it in order (and with SIGKILL if that takes more than 15 s)."""
        if self._process is not None:
            self._process.stop(self.stop_signal)

    def kill(self) -> None:
        """Ends it at once, like a crash."""
        if self._process is not None:
            self._process.stop(self.kill_signal)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> Runnable:
        """What to start, with all that it needs in `directory`."""
        raise NotImplementedError

    def _answers(self) -> bool:
        """Whether it serves a client."""
        raise NotImplementedError
