"""Roles as processes of their own: started, watched, stalled and killed."""

import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from leadstream.devstack.processes import ChildProcess, free_port
from tests.support.installation import Installation
from tests.support.waiting import until


class Role:
    """`python -m leadstream <arguments>` with its endpoint on a port of its own; killed at the end.

    The log, of all its runs, is in `folder`/<name>.log.
    """

    def __init__(self, folder: Path, installation: Installation, name: str, *arguments: str, **options: Any):
        self.port = free_port()
        self._process = ChildProcess(
            name,
            [sys.executable, "-m", "leadstream", *arguments],
            log=folder / f"{name}.log",
            environment=installation.environment(metrics_port=self.port, **options),
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            print(f"--- {self._process.name}:\n{self._process.log_tail(25)}")
        self.kill()

    @property
    def pid(self) -> int:
        found = self._process.pid
        assert found is not None, f"{self._process.name} does not run:\n{self._process.log_tail()}"
        return found

    @property
    def runs(self) -> bool:
        return self._process.pid is not None

    @property
    def exit_code(self) -> int | None:
        return self._process.exit_code

    @property
    def last_words(self) -> str:
        """The end of its log, named."""
        return f"{self._process.name} ended with {self.exit_code}:\n{self._process.log_tail(8)}"

    @property
    def log(self) -> str:
        return self._process.log.read_text(errors="replace")

    def start(self) -> None:
        self._process.start()

    def kill(self) -> None:
        """SIGKILL; works on a stalled process, too."""
        self._process.kill()

    def stall(self) -> None:
        self._process.send(signal.SIGSTOP)

    def wake(self) -> None:
        self._process.send(signal.SIGCONT)

    def terminate(self) -> None:
        """Asks it to drain, and does not wait."""
        self._process.send(signal.SIGTERM)

    def ended(self, seconds: float) -> int:
        """The exit code, which must come within so many seconds."""
        until(lambda: not self.runs, f"{self._process.name} ends", seconds)
        code = self._process.exit_code
        assert code is not None
        return code

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of its endpoint; 0 while there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels; 0 if there are none."""
        text = self.get("/metrics")[1]
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def ready(self, seconds: float = 60) -> Self:
        """Waits until it says that it is."""

        def is_ready() -> bool:
            assert self.runs, self.last_words
            return self.get("/readyz")[0] == 200

        until(is_ready, f"{self._process.name} is ready", seconds)
        return self


def worker(
    folder: Path, installation: Installation, name: str = "worker", *arguments: str, **options: Any
) -> Role:
    """A worker process, not started yet."""
    return Role(folder, installation, name, "worker", "--model", "tenx", *arguments, **options)


def projector(
    folder: Path, installation: Installation, dsn: str, schema: str, name: str = "projector"
) -> Role:
    """A projector process, not started yet."""
    return Role(folder, installation, name, "projector", postgres_dsn=dsn, postgres_schema=schema)
