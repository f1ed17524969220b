"""However the parent ends, its brokers and servers end too."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leadstream.devstack.processes import PORTS
from tests.devstack.processes import family, gone, plain_environment
from tests.support.children import Children, ignored
from tests.support.waiting import until

PARENT = """
import sys, time
from pathlib import Path
from leadstream.devstack import EmbeddedKafka, Postgres
with EmbeddedKafka(Path(sys.argv[1]) / "kafka") as broker, Postgres(Path(sys.argv[1]) / "postgres") as server:
    print(broker.pid, server.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel to end the children")
def test_a_killed_parent_takes_its_children_along(tmp_path: Path, spawn: Children) -> None:
    parent = spawn([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    children = [child for pid in pids for child in family(pid)]
    assert len(children) > 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: all(gone(pid) for pid in children), "the children are gone")
    shutil.rmtree((tmp_path / "postgres" / "data").resolve())  # as root it is elsewhere


@pytest.mark.parametrize(("signum", "expected"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_the_stack_command_stops_all_that_it_started(
    tmp_path: Path, spawn: Children, signum: signal.Signals, expected: int
) -> None:
    parent = spawn(
        [sys.executable, "-m", "leadstream", "stack"],
        stdout=subprocess.PIPE,
        text=True,
        env={**plain_environment(), "TMPDIR": str(tmp_path)},
    )
    assert parent.stdout is not None
    lines = [parent.stdout.readline().strip() for _ in range(4)]
    assert [line.split("=")[0] for line in lines] == [
        "export LEADSTREAM_KAFKA_BOOTSTRAP",
        "export LEADSTREAM_POSTGRES_DSN",
        "export LEADSTREAM_PROCESSING_GUARANTEE",
        "export LEADSTREAM_ALLOW_CREATE_TIME",
    ]
    assert int(lines[0].rpartition(":")[2]) in PORTS
    children = family(parent.pid)[1:]
    assert len(children) > 2
    parent.send_signal(signum)
    assert parent.wait(30) == expected
    assert all(gone(pid) for pid in children)
    assert list(tmp_path.iterdir()) == []


def test_the_stack_as_a_background_job_ends_at_sigterm_alone(tmp_path: Path, spawn: Children) -> None:
    # As under `nohup leadstream stack &`: a shell's interrupt or its end is not meant for the job.
    with ignored(signal.SIGINT, signal.SIGHUP):
        parent = spawn(
            [sys.executable, "-m", "leadstream", "stack"],
            stdout=subprocess.PIPE,
            text=True,
            env={**plain_environment(), "TMPDIR": str(tmp_path)},
        )
    assert parent.stdout is not None
    assert parent.stdout.readline().startswith("export LEADSTREAM_KAFKA_BOOTSTRAP")
    children = family(parent.pid)[1:]
    assert len(children) > 2
    for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        parent.send_signal(signum)
    # One that heeded another would end with the code of that.
    assert parent.wait(30) == 143
    assert all(gone(pid) for pid in children)
    assert list(tmp_path.iterdir()) == []
