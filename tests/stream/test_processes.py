"""A worker of several processes: one worker to whoever runs it, one member each to the group."""

import signal
from pathlib import Path

import psutil
import pytest

from leadstream.models import load_catalog
from tests.stream.conftest import Install
from tests.support.load import generated
from tests.support.log import Log
from tests.support.processes import Role, worker
from tests.support.replaying import Replayed
from tests.support.waiting import until

SIGNALS = 3000


def members(role: Role) -> list[psutil.Process]:
    """The processes that fold."""
    children = psutil.Process(role.pid).children()
    return [child for child in children if any("spawn_main" in word for word in child.cmdline())]


def shared(role: Role) -> bool:
    """Whether both processes have partitions, and all are open."""
    each = [role.metric("leadstream_assigned_partitions", process=str(number)) for number in range(2)]
    return min(each) > 0 and sum(each) == 4 and role.get("/readyz")[0] == 200


def handled(role: Role) -> float:
    """Records folded or refused, over all processes."""
    return role.metric("leadstream_signals_total") + role.metric("leadstream_dead_letters_total")


@pytest.mark.kafka
def test_processes_share_the_partitions_and_stop_as_one(
    install_apache: Install, apache_log: Log, tmp_path: Path
) -> None:
    installation = install_apache(4)
    with worker(tmp_path, installation, "worker", "--processes", "2") as role:
        until(lambda: shared(role), "both processes have partitions", 60)
        sent = generated(5, 200, SIGNALS, 1)
        apache_log.send(installation.names.signals, sent)
        until(lambda: handled(role) >= len(sent), "all signals are folded", 60)
        for number in range(2):
            assert role.metric("leadstream_signals_total", process=str(number)) > 0
        assert role.get("/healthz") == (200, "ok\n")
        processes = members(role)
        assert len(processes) == 2
        role.terminate()
        assert role.ended(15) == 0
        assert not any(process.is_running() for process in processes)
    Replayed(installation, load_catalog("tenx", None)).check()


@pytest.mark.kafka
def test_when_one_process_ends_all_end_and_the_worker_says_which(
    install_apache: Install, tmp_path: Path
) -> None:
    with worker(tmp_path, install_apache(4), "worker", "--processes", "2") as role:
        until(lambda: shared(role), "both processes have partitions", 60)
        processes = members(role)
        processes[1].send_signal(signal.SIGKILL)
        assert role.ended(15) == 1
        assert "of this worker ended by signal 9" in role.log
        assert not any(process.is_running() for process in processes)


@pytest.mark.kafka
def test_processes_end_by_themselves_when_their_worker_is_killed(
    install_apache: Install, tmp_path: Path
) -> None:
    with worker(tmp_path, install_apache(4), "worker", "--processes", "2") as role:
        until(lambda: shared(role), "both processes have partitions", 60)
        processes = members(role)
        role.kill()
        until(lambda: not any(process.is_running() for process in processes), "no process is left", 15)


def test_where_one_may_fold_more_processes_are_refused(install_embedded: Install, tmp_path: Path) -> None:
    with worker(tmp_path, install_embedded(), "worker", "--processes", "2") as role:
        assert role.ended(30) == 2
        assert "start without --processes" in role.log
