"""A container of the local stack starts, answers, ends and is removed as a process does; Docker is played."""

from typing import Any

import pytest
from docker.errors import DockerException

from leadstream.devstack import DockerKafka, LocalStackError
from leadstream.devstack.docker import IMAGE, Container
from leadstream.devstack.server import Server


class Engine:
    """testcontainers' `DockerContainer` and the container that it wraps."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls: list[str] = []
        self.attrs: dict[str, Any] = {}
        self._error = error
        self._now: dict[str, Any] = {"Pid": 0, "ExitCode": 0}

    def start(self) -> None:
        self.calls.append("start")
        if self._error is not None:
            raise self._error
        self._now = {"Pid": 4711, "ExitCode": 0}

    def stop(self) -> None:
        self.calls.append("stop")

    def dies(self, code: int) -> None:
        self._now = {"Pid": 0, "ExitCode": code}

    def get_wrapped_container(self) -> "Engine":
        return self

    def reload(self) -> None:
        self.attrs = {"State": self._now}

    def get_logs(self) -> tuple[bytes, bytes]:
        return b"what it said\n", b"what it complained of\n"


def test_it_runs_from_start_to_stop_and_is_removed_once() -> None:
    engines = [Engine(), Engine()]
    container = Container("a broker", iter(engines).__next__)
    assert (container.pid, container.exit_code) == (None, None)
    container.start()
    container.start()
    assert (container.pid, container.exit_code) == (4711, None)
    container.stop()
    container.kill()
    assert (container.pid, engines[0].calls) == (None, ["start", "stop"])
    container.start()
    assert (container.pid, engines[1].calls) == (4711, ["start"])


def test_one_that_ends_by_itself_is_an_error_with_its_output() -> None:
    engine = Engine()
    container = Container("a broker", lambda: engine)
    container.start()
    engine.dies(137)
    with pytest.raises(LocalStackError, match=r"(?s)a broker ended with code 137; its output:\nwhat it said"):
        container.wait_until(lambda: False, timeout=60)


def test_one_that_does_not_answer_in_time_is_removed_and_its_output_shown() -> None:
    engine = Engine()
    container = Container("a broker", lambda: engine)
    container.start()
    with pytest.raises(LocalStackError, match=r"(?s)did not answer within 0 s; its output:.*complained"):
        container.wait_until(lambda: False, timeout=0)
    assert engine.calls == ["start", "stop"]


def test_one_that_docker_refuses_is_removed_and_named() -> None:
    engine = Engine(DockerException("no such image"))
    with pytest.raises(LocalStackError, match=r"Docker can't run a broker: no such image"):
        Container("a broker", lambda: engine).start()
    assert engine.calls == ["start", "stop"]


def test_kafka_in_a_container_is_a_server_like_the_others() -> None:
    assert issubclass(DockerKafka, Server)
    assert {"stop", "kill", "__enter__", "__exit__", "pid"}.isdisjoint(vars(DockerKafka))
    assert IMAGE.startswith("apache/kafka:")
