"""What every broker of the local stack is: an address, and a process to start, stop and kill."""

import signal
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from leadstream.localstack.probes import kafka_answers
from leadstream.localstack.processes import ChildProcess, free_port, listens


@dataclass(frozen=True)
class KafkaAddress:
    """Where a broker is and what it can do.

    `transactions`: exactly_once works. `create_time_only`: records keep the producers' timestamps, as the
    broker has no LogAppendTime.
    """

    bootstrap: str
    transactions: bool
    create_time_only: bool


class Broker:
    """A broker process on 127.0.0.1, with its files in `directory`; a subclass says how it is run.

    The address stays the same over stop, kill and start. As a context manager it starts and stops.
    """

    transactions: bool
    create_time_only: bool

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: ChildProcess | None = None

    @property
    def address(self) -> KafkaAddress:
        """Where it is, whether it runs or not."""
        return KafkaAddress(f"127.0.0.1:{self.port}", self.transactions, self.create_time_only)

    @property
    def pid(self) -> int | None:
        """The id of its process; None when it does not run."""
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
        """Ends it in order (SIGTERM, after 15 s SIGKILL)."""
        if self._process is not None:
            self._process.stop(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once, like a crash of its process."""
        if self._process is not None:
            self._process.kill()

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

    def _answers(self) -> bool:
        return listens(self.port) and kafka_answers(f"127.0.0.1:{self.port}")

    def _prepare(self) -> ChildProcess:
        raise NotImplementedError
