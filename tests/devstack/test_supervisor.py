"""The supervisor starts roles, starts failed ones again, and stops all."""

import signal
from pathlib import Path

import pytest

from leadstream.devstack import Supervisor
from tests.devstack.processes import gone
from tests.support.waiting import until


@pytest.mark.usefixtures("processes")
def test_a_role_that_fails_is_started_again_and_a_finished_one_is_not(tmp_path: Path) -> None:
    with Supervisor(tmp_path, {}) as supervisor:
        supervisor.add("wrong", "no-such-command")
        supervisor.add("finished", "--version")
        until(lambda: len(supervisor.failures("wrong")) >= 2, "two failures")
        assert supervisor.failures("wrong")[:2] == [2, 2]
        assert supervisor.failures("finished") == []
        assert "no-such-command" in supervisor.log_tail("wrong")
    assert (tmp_path / "finished.log").read_text().count("leadstream") == 1


@pytest.mark.usefixtures("processes")
def test_a_killed_role_comes_back_and_all_are_stopped_at_the_end(tmp_path: Path) -> None:
    with Supervisor(tmp_path, {}) as supervisor:
        supervisor.add("stack", "stack")
        until(lambda: "are up" in supervisor.log_tail("stack"), "the stack is up")
        first = supervisor.pid("stack")
        supervisor.send("stack", signal.SIGKILL)
        until(lambda: supervisor.pid("stack") not in (None, first), "another process")
        assert supervisor.failures("stack") == [-signal.SIGKILL]
        until(lambda: supervisor.log_tail("stack", 100).count("are up") == 2, "the stack is up again")
        second = supervisor.pid("stack")
        assert second is not None
    assert gone(second)
    assert supervisor.pid("stack") is None


@pytest.mark.usefixtures("processes")
def test_the_environment_reaches_the_roles(tmp_path: Path) -> None:
    with Supervisor(tmp_path, {"LEADSTREAM_APP": "not a name"}) as supervisor:
        supervisor.add("one", "topics", "create")
        supervisor.add(
            "other", "topics", "create", environment={"LEADSTREAM_APP": "a", "LEADSTREAM_METRICS_PORT": "-1"}
        )
        until(lambda: "LEADSTREAM_APP" in supervisor.log_tail("one"), "its error names the setting")
        until(
            lambda: "LEADSTREAM_METRICS_PORT" in supervisor.log_tail("other"),
            "its error names its own setting",
        )
