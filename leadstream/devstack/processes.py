"""A child process that does not outlive its parent."""

import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from leadstream.devstack import launch
from leadstream.devstack.termination import uninterrupted
from leadstream.errors import LeadStreamError

PORTS = range(20_000, 30_000)
"""Below the range of ports for outgoing connections (Linux from 32768, others from 49152): a client that
reconnects must not get the port of a server that is down for a moment, and so connect to itself."""


class LocalStackError(LeadStreamError):
    """A part of the local stack can't be had or did not start; the message says why and what to do."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 on which nothing listens at the moment."""
    for _ in range(200):
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise LocalStackError(f"found no free port between {PORTS.start} and {PORTS.stop} on 127.0.0.1")


class Runnable:
    """What is started, answers after a while, and is stopped: a process or a container."""

    name: str
    """As errors call it."""

    @property
    def pid(self) -> int | None:
        """The id of its main process; None when it does not run."""
        raise NotImplementedError

    @property
    def exit_code(self) -> int | None:
        """How the last run ended (negative: by that signal); None while it runs and before it first ran."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts it, or does nothing while it runs."""
        raise NotImplementedError

    def stop(self, signum: signal.Signals = signal.SIGTERM, *, timeout: float = 15.0) -> None:
        """Asks it to end and waits; kills it after `timeout` seconds."""
        raise NotImplementedError

    def kill(self) -> None:
        """Ends it at once and waits until it is gone."""
        raise NotImplementedError

    def output(self) -> str:
        """Where its output is, if that is a file, and its last lines."""
        raise NotImplementedError

    def wait_until(self, ready: Callable[[], bool], *, timeout: float) -> None:
        """Polls `ready` until it is true.

        Raises `LocalStackError` with the last lines of its output when it ends before that, or after
        `timeout` seconds; it is killed then.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            if self.pid is None:
                raise LocalStackError(f"{self.name} ended with code {self.exit_code}; {self.output()}")
            if time.monotonic() > deadline:
                output = self.output()
                self.kill()
                raise LocalStackError(f"{self.name} did not answer within {timeout:.0f} s; {output}")
            time.sleep(0.05)


class ChildProcess(Runnable):
    """One process with its output in a file.

    It has a session of its own, so Ctrl-C in a terminal reaches the parent alone, which stops its children
    in order. On Linux the kernel sends `orphan_signal` to it when the thread that called `start` ends, for
    whatever reason: start it from a thread that lives as long as it should.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        orphan_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.log = log
        self._arguments = list(arguments)
        self._environment = environment
        self._user = user
        self._orphan_signal = orphan_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None when it does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the last run ended (negative: by that signal); None while it runs and before it first ran."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Starts it, or does nothing while it runs. A program that can't be run ends at once and says so."""
        if self.pid is not None:
            return
        launcher = [sys.executable, "-I", "-S", str(Path(launch.__file__))]
        fate = [str(os.getpid()), str(int(self._orphan_signal)), self._user or ""]
        with self.log.open("ab") as output, uninterrupted():
            self._process = subprocess.Popen(
                [*launcher, *fate, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def send(self, signum: signal.Signals) -> None:
        """Sends a signal, if it runs."""
        if self.pid is not None and self._process is not None:
            self._process.send_signal(signum)

    def stop(self, signum: signal.Signals = signal.SIGTERM, *, timeout: float = 15.0) -> None:
        """Asks it to end and waits; kills it after `timeout` seconds."""
        if self._process is None:
            return
        self.send(signum)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it at once (SIGKILL) and waits until it is gone."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its output, indented."""
        if not self.log.exists():
            return "  (no output)"
        text = self.log.read_bytes()[-8192:].decode(errors="replace")
        return "\n".join(f"  {line}" for line in text.splitlines()[-lines:]) or "  (no output)"

    def output(self) -> str:
        return f"its log is {self.log}:\n{self.log_tail()}"


def finished(arguments: Sequence[str], *, user: str | None = None) -> tuple[int, str]:
    """Runs a program that ends by itself, as `user` if given: its exit code, and all that it printed.

    An exception that comes while it runs, as of Ctrl-C, ends it at once and all that it has started.
    """
    process = None
    try:
        with uninterrupted():
            process = subprocess.Popen(
                arguments,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
                cwd=None if user is None else "/",  # that of this process may be closed to the user
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        output, _ = process.communicate()
    except BaseException:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()  # until the last of them has let go of the output
        raise
    return process.returncode, output


def listens(port: int) -> bool:
    """Whether something accepts connections on a TCP port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
