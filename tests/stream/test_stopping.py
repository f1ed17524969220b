"""A role that is asked to stop ends, whatever else is away or hangs at that moment."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from leadstream.devstack import ApacheKafka, Postgres, apache
from leadstream.devstack.server import Server
from tests.support.children import ignored
from tests.support.installation import Installation
from tests.support.load import generated
from tests.support.log import Log
from tests.support.processes import Role, projector, worker
from tests.support.signals import many
from tests.support.waiting import until

from .conftest import Install

SECONDS = 10
"""What docs/operations.md says."""
pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(not apache.available(), reason="needs java and mvn to start a broker of its own"),
]
SLOW = {"step_signals": 1, "max_poll_records": 1, "step_deadline_seconds": 120}
"""Each signal is a step of its own, so that a few hundred are a backlog."""


@pytest.fixture(scope="module")
def kafka(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A broker of this file alone, which may be killed."""
    with ApacheKafka(tmp_path_factory.mktemp("kafka"), heap="400m") as broker:
        yield broker


@pytest.fixture(scope="module")
def postgres(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@contextmanager
def stalled(server: Server) -> Iterator[None]:
    """Within it the server's processes get no time: connections open, and nothing answers."""
    assert server.pid is not None
    main = psutil.Process(server.pid)
    processes = [main, *main.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            if process.is_running():
                process.resume()
        # A broker that stood still for longer than its session is let in again.
        until(server._answers, "it answers again", 60)


@contextmanager
def killed(server: Server) -> Iterator[None]:
    server.kill()
    try:
        yield
    finally:
        server.start()


def made(name: str, folder: Path, installation: Installation, postgres: Postgres) -> Role:
    if name == "projector":
        return projector(folder, installation, postgres.dsn, installation.name)
    return worker(folder, installation, name, *(["--processes", "2"] if name == "processes" else []))


def at_work(name: str, role: Role) -> bool:
    counter = "leadstream_projected_records_total" if name == "projector" else "leadstream_signals_total"
    return role.metric(counter) > 0


def fill(installation: Installation, folder: Path, name: str) -> None:
    """A backlog of the role of that name."""
    log = Log(installation.bootstrap)
    log.send(installation.names.signals, generated(5, 200, 4000, 1))
    if name != "projector":
        return
    with worker(folder, installation, "before", step_signals=10_000, max_poll_records=4000) as role:
        until(lambda: role.metric("leadstream_signals_total") > 3000, "the worker has folded", 120)
        role.terminate()
        assert role.ended(SECONDS) == 0


def stops(role: Role) -> None:
    """It ends in time and in order, and nothing comes after its word that it stopped."""
    role.terminate()
    assert role.ended(SECONDS) == 0, role.last_words
    told = role.log.splitlines()
    assert "stopped" in told[-1], told[-5:]
    assert "Traceback" not in role.log


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("projector", killed),
        ("processes", killed),
        ("projector", stalled),
        ("processes", stalled),
        ("worker", stalled),
    ],
)
def test_with_a_backlog_while_kafka_is_away(
    kafka: ApacheKafka, postgres: Postgres, tmp_path: Path, unique: str, name: str, fault: object
) -> None:
    installation = Installation(kafka.address, unique, 4, SLOW).create()
    fill(installation, tmp_path, name)
    with made(name, tmp_path, installation, postgres) as role:
        until(lambda: at_work(name, role), "it is at work", 60)
        with fault(kafka):  # type: ignore[operator]
            stops(role)


def test_a_projector_with_a_backlog_while_postgresql_hangs(
    kafka: ApacheKafka, postgres: Postgres, tmp_path: Path, unique: str
) -> None:
    installation = Installation(kafka.address, unique, 4, SLOW).create()
    fill(installation, tmp_path, "projector")
    with made("projector", tmp_path, installation, postgres) as role:
        until(lambda: at_work("projector", role), "it is at work", 60)
        with stalled(postgres):
            stops(role)


def test_a_projector_that_starts_while_postgresql_hangs(
    kafka: ApacheKafka, postgres: Postgres, tmp_path: Path, unique: str
) -> None:
    installation = Installation(kafka.address, unique).create()
    with stalled(postgres), made("projector", tmp_path, installation, postgres) as role:
        until(lambda: "projector starting" in role.log, "it starts")
        stops(role)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        pytest.param("worker", "worker starting", id="a worker looks at the topics"),
        pytest.param("worker", "]: Starting...", id="a worker joins the group"),
        pytest.param("worker", "partitions assigned", id="a worker opens partitions"),
        pytest.param("processes", "]: Starting...", id="processes join the group"),
        pytest.param("projector", "]: Starting...", id="a projector joins the group"),
        pytest.param("projector", "partitions assigned", id="a projector asks where to begin"),
    ],
)
def test_while_it_starts_and_kafka_hangs(
    kafka: ApacheKafka, postgres: Postgres, tmp_path: Path, unique: str, name: str, moment: str
) -> None:
    installation = Installation(kafka.address, unique, 8).create()
    with made(name, tmp_path, installation, postgres) as role:
        until(lambda: moment in role.log or role.get("/readyz")[0] == 200, "it is there")
        with stalled(kafka):
            stops(role)


@pytest.mark.parametrize("name", ["worker", "projector"])
def test_during_a_rebalance_and_asked_twice(
    kafka: ApacheKafka, postgres: Postgres, tmp_path: Path, unique: str, name: str
) -> None:
    installation = Installation(kafka.address, unique, 8).create()
    with made(name, tmp_path, installation, postgres) as first:
        first.ready()
        (tmp_path / "second").mkdir()
        with made(name, tmp_path / "second", installation, postgres) as second:
            until(lambda: "]: Starting..." in second.log, "the second is joining")
            first.terminate()
            second.terminate()
            stops(first)
            stops(second)


def test_a_stalled_process_of_several_does_not_hold_up_the_others(
    kafka: ApacheKafka, postgres: Postgres, tmp_path: Path, unique: str
) -> None:
    installation = Installation(kafka.address, unique, 2).create()
    with made("processes", tmp_path, installation, postgres) as role:
        role.ready()
        children = [
            child
            for child in psutil.Process(role.pid).children()
            if "spawn_main" in " ".join(child.cmdline())
        ]
        assert len(children) == 2
        children[0].suspend()
        stops(role)
        assert not any(child.is_running() for child in children)


def test_an_interrupt_that_was_ignored_at_the_start_stays_ignored(
    install_apache: Install, apache_log: Log, tmp_path: Path
) -> None:
    # As in a background job of a shell that is no terminal's: Ctrl-C there is meant for others.
    installation = install_apache()
    role = worker(tmp_path, installation)
    with ignored(signal.SIGINT):
        role.start()
    with role:
        role.ready()
        os.kill(role.pid, signal.SIGINT)
        apache_log.send(installation.names.signals, many(0, 10))
        until(lambda: role.metric("leadstream_signals_total") == 10, "it goes on")
        stops(role)
    assert role.log.count("stopping") == 1
