"""The HTTP endpoint of a role."""

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import structlog

from leadstream.operations import metrics
from leadstream.operations.health import HealthServer
from leadstream.operations.logs import Seldom, configure
from leadstream.settings import Settings


@dataclass
class Endpoint:
    problems: dict[str, str | None] = field(default_factory=lambda: {"healthy": None, "ready": None})
    port: int = 0

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    server = HealthServer(
        "127.0.0.1",
        0,
        healthy=lambda: made.problems["healthy"],
        ready=lambda: made.problems["ready"],
        registry=metrics.WORKER,
    )
    made.port = server.port
    yield made
    server.stop()


@pytest.mark.parametrize(("path", "check"), [("/healthz", "healthy"), ("/readyz", "ready")])
def test_a_check_says_ok_or_names_the_problem(endpoint: Endpoint, path: str, check: str) -> None:
    assert endpoint.get(path) == (200, "ok\n")
    endpoint.problems[check] = "restoring partitions [3]"
    assert endpoint.get(path) == (503, "restoring partitions [3]\n")


def test_metrics_are_served_and_other_paths_are_not(endpoint: Endpoint) -> None:
    metrics.TICKS.inc()
    status, page = endpoint.get("/metrics")
    assert status == 200
    assert "leadstream_ticks_total" in page
    assert endpoint.get("/")[0] == 404


def test_no_metric_has_a_label_for_a_person() -> None:
    labels = {
        label
        for collector in vars(metrics).values()
        if hasattr(collector, "_labelnames")
        for label in collector._labelnames
    }
    assert labels == {"type", "outcome", "direction", "do", "status", "reason", "topic", "partition", "field"}


def test_a_library_says_the_same_once_in_a_while() -> None:
    def line(name: str, text: str, *arguments: object) -> logging.LogRecord:
        return logging.LogRecord(name, logging.ERROR, "", 0, text, arguments, None)

    seldom = Seldom()
    assert seldom.filter(line("aiokafka.conn", "cannot connect to %s", "a:1"))
    assert not seldom.filter(line("aiokafka.conn", "cannot connect to %s", "b:1"))
    assert seldom.filter(line("aiokafka.conn", "connected to %s", "a:1"))
    assert all(seldom.filter(line("leadstream.stream.task", "partition open")) for _ in range(3))


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_in_the_log_has_no_values_of_variables(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        configure(Settings(log_format=log_format))  # type: ignore[arg-type]
        try:
            password = "hunter" + "2"
            raise ValueError("cannot connect" + password[:0])
        except ValueError:
            structlog.get_logger().exception("ended", role="worker")
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
    shown = capsys.readouterr().err
    assert "cannot connect" in shown
    assert "hunter2" not in shown
    if log_format == "json":
        assert json.loads(shown)["role"] == "worker"
