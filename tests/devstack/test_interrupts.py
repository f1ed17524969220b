"""Ctrl-C while a part of the local stack is being started leaves nothing of it behind."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.devstack.processes import gone
from tests.support.children import Children
from tests.support.waiting import until

INTERRUPTED = 130
both = pytest.mark.parametrize(("signum", "code"), [("SIGINT", INTERRUPTED), ("SIGTERM", 143)])

FINISHED = """
import sys
from leadstream.devstack.processes import finished
try:
    finished(["sh", "-c", f"sleep 600 & echo $! > {sys.argv[1]}/pid; wait"])
except KeyboardInterrupt:
    sys.exit(130)
"""

SERVER = """
import sys
from pathlib import Path
from leadstream.devstack import Postgres
try:
    with Postgres(Path(sys.argv[1])):
        print("up", flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""

# The signal comes when the child runs and Popen has not returned yet.
STARTING = """
import signal, sys
from pathlib import Path
from leadstream.devstack import EmbeddedKafka
from leadstream.devstack.termination import ends_on_signal

def trace(frame, event, argument):
    if frame.f_code.co_name != "_execute_child":
        return trace if frame.f_code.co_name == "__init__" else None
    starting = frame.f_locals["self"]
    if getattr(starting, "pid", None) is not None:
        sys.settrace(None)
        print(starting.pid, flush=True)
        signal.raise_signal(getattr(signal, sys.argv[2]))
        return None
    return trace

broker = EmbeddedKafka(Path(sys.argv[1]))
code = 0
with ends_on_signal():
    sys.settrace(trace)
    try:
        with broker:
            pass
    except KeyboardInterrupt:
        code = 130
    except SystemExit as end:
        code = end.code
    sys.settrace(None)
    print(broker.pid, flush=True)
    sys.stdin.read()
sys.exit(code)
"""

LOST = """
import os, signal, sys, threading
from leadstream.devstack.termination import ends_on_signal

class Finalized:
    def __del__(self):
        signal.raise_signal(getattr(signal, sys.argv[1]))

with ends_on_signal():
    try:
        Finalized()
        os.write(1, b"finalized\\n")
        threading.Event().wait(600)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def parent(spawn: Children, program: str, *arguments: str) -> subprocess.Popen[str]:
    return spawn(
        [sys.executable, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def bootstrap(pid: int) -> int | None:
    """The server that the initdb of a process runs."""
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):  # they come and go
            if child.name() == "postgres" and "--boot" in child.cmdline():
                return child.pid
    return None


def test_a_program_that_is_interrupted_goes_with_all_that_it_started(tmp_path: Path, spawn: Children) -> None:
    process = parent(spawn, FINISHED, str(tmp_path))
    note = tmp_path / "pid"
    until(lambda: note.exists() and note.read_text().endswith("\n"), "the program has a child")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (INTERRUPTED, "")
    assert gone(int(note.read_text()))


def test_an_interrupt_while_postgresql_makes_its_data_folder_leaves_none(
    tmp_path: Path, spawn: Children
) -> None:
    process = parent(spawn, SERVER, str(tmp_path))
    server = until(lambda: bootstrap(process.pid), "initdb is at work")
    assert server is not None
    os.kill(server, signal.SIGSTOP)  # else it might end by itself, in time
    data = (tmp_path / "data").resolve()  # as root it is elsewhere
    process.send_signal(signal.SIGINT)
    try:
        output, errors = process.communicate(timeout=30)
        assert (process.returncode, output, errors) == (INTERRUPTED, "", "")
        assert gone(server)
        assert not data.exists() or not os.listdir(data)
    finally:
        with suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)


@both
def test_a_signal_whose_exception_is_dropped_in_a_finalizer_is_not_lost(
    spawn: Children, signum: str, code: int
) -> None:
    process = parent(spawn, LOST, signum)
    assert process.communicate(timeout=30) == ("finalized\n", "")
    assert process.returncode == code


@both
def test_a_signal_while_a_process_is_being_started_ends_that_process(
    tmp_path: Path, spawn: Children, signum: str, code: int
) -> None:
    process = parent(spawn, STARTING, str(tmp_path), signum)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    # Ended by the context manager, not by the kernel when the parent has gone.
    assert process.stdout.readline() == "None\n"
    assert gone(child)
    process.communicate("")
    assert process.returncode == code
