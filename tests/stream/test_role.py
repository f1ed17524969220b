"""The worker as a process: exit codes, its endpoint, and Kafka that is away."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from leadstream.devstack import ApacheKafka, EmbeddedKafka, KafkaAddress, apache
from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.processes import worker
from tests.support.replaying import Replayed
from tests.support.signals import many
from tests.support.waiting import until

from .bench import catalog
from .conftest import Install


def test_exactly_once_on_the_embedded_broker_ends_with_2_and_says_why(
    install_embedded: Install, tmp_path: Path
) -> None:
    with worker(tmp_path, install_embedded(), processing_guarantee="exactly_once") as role:
        assert role.ended(30) == 2
        assert "has no transactions" in role.log
        assert "Traceback" not in role.log


@pytest.mark.kafka
def test_absent_topics_end_it_with_2(apache_kafka: KafkaAddress, unique: str, tmp_path: Path) -> None:
    with worker(tmp_path, Installation(apache_kafka, unique)) as role:
        assert role.ended(30) == 2
        assert "run `leadstream topics create`" in role.log


@pytest.mark.kafka
def test_a_truncated_log_ends_it_with_3(install_apache: Install, apache_log: Log, tmp_path: Path) -> None:
    installation = install_apache()
    topic = installation.names.signals
    apache_log.send(topic, many(0, 10))
    with worker(tmp_path, installation) as role:
        until(lambda: apache_log.committed(installation.name, topic) == 10, "it has folded what is there")
        role.terminate()
        assert role.ended(10) == 0
        apache_log.send(topic, many(10, 30))
        apache_log.delete_before(topic, 0, 20)
        role.start()
        assert role.ended(30) == 3
        assert "starts at 20, but is folded up to 10 only" in role.log


@pytest.mark.kafka
def test_it_listens_on_its_endpoint_alone_and_drains_on_sigterm(
    install_apache: Install, apache_log: Log, tmp_path: Path
) -> None:
    installation = install_apache(2)
    apache_log.send(installation.names.signals, many(0, 10))
    with worker(tmp_path, installation, session_timeout_ms=300_000) as role:
        role.ready()
        assert role.get("/healthz") == (200, "ok\n")
        # Faust's web server, which shows tables to anybody, would be one more.
        listening = {
            connection.laddr
            for connection in psutil.Process(role.pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {("127.0.0.1", role.port)}
        until(lambda: role.metric("leadstream_signals_total") == 10, "it is caught up")
        os.kill(role.pid, signal.SIGINT)
        assert role.ended(10) == 0
        # It has left the group: the next one need not wait for its session of five minutes to expire.
        role.start()
        role.ready()
    replayed = Replayed(installation, catalog())
    replayed.check()
    assert replayed.unfolded == []


@pytest.mark.usefixtures("processes")
def test_waiting_for_kafka_ends_on_sigterm(tmp_path: Path, unique: str) -> None:
    broker = EmbeddedKafka(tmp_path / "broker")
    with worker(tmp_path, Installation(broker.address, unique)) as role:
        until(lambda: "kafka is away" in role.log, "it says that Kafka is away")
        role.terminate()
        assert role.ended(10) == 0


@pytest.mark.kafka
@pytest.mark.skipif(not apache.available(), reason="needs java and mvn to start a broker of its own")
@pytest.mark.usefixtures("processes")
def test_kafka_away_is_waited_for_at_the_start_and_later_until_a_steps_deadline(
    tmp_path: Path, unique: str
) -> None:
    with ApacheKafka(tmp_path / "broker", heap="400m") as broker:
        # Each signal is a step of its own: whenever the broker goes, one is under way and others wait.
        slow = {"step_signals": 1, "max_poll_records": 1}
        patient = Installation(
            broker.address, f"{unique}_p", 1, {**slow, "step_deadline_seconds": 120}
        ).create()
        hasty = Installation(broker.address, f"{unique}_h", 1, {**slow, "step_deadline_seconds": 2}).create()
        broker.stop()
        with worker(tmp_path, patient, "patient") as first, worker(tmp_path, hasty, "hasty") as second:
            for role in (first, second):
                until(lambda role=role: "kafka is away" in role.log, "it says that Kafka is away")
                assert role.get("/readyz") == (503, "not in the group yet\n")
                assert role.get("/healthz")[0] == 200
            broker.start()
            log = Log(broker.address.bootstrap)
            for installation, role in ((patient, first), (hasty, second)):
                role.ready()
                log.send(installation.names.signals, many(0, 120))
            for role in (first, second):
                until(lambda role=role: role.metric("leadstream_signals_total") > 10, "it folds")
            broker.stop()
            for role in (first, second):
                until(lambda role=role: role.get("/readyz")[0] != 200, "it is not ready")
            assert first.get("/readyz") == (503, "the group's coordinator does not answer: is Kafka up?\n")
            assert second.ended(30) == 4
            assert "was not committed within 2 s: is Kafka up?" in second.log
            assert first.runs
            broker.start()
            second.start()
            for installation in (patient, hasty):
                until(
                    lambda installation=installation: committed(log, installation) >= 120,
                    "it has folded what is there",
                    60,
                )
            first.ready()
            assert "ended" not in first.log
        for installation in (patient, hasty):
            replayed = Replayed(installation, catalog())
            replayed.check()
            assert (replayed.records, replayed.unfolded) == (120, [])


def committed(log: Log, installation: Installation) -> int:
    """Up to which offset the group says that it has folded."""
    return log.committed(installation.name, installation.names.signals) or 0


@pytest.mark.usefixtures("processes")
def test_sigterm_while_kafka_is_away_with_work_to_do_ends_within_ten_seconds(
    tmp_path: Path, unique: str
) -> None:
    with EmbeddedKafka(tmp_path / "broker") as broker:
        options = {"step_signals": 1, "max_poll_records": 1, "step_deadline_seconds": 120}
        installation = Installation(broker.address, unique, 1, options).create()
        with worker(tmp_path, installation) as role:
            role.ready()
            Log(installation.bootstrap).send(installation.names.signals, many(0, 2000))
            until(lambda: role.metric("leadstream_signals_total") > 10, "it folds")
            broker.kill()
            role.terminate()
            assert role.ended(10) == 0


ASKED_ONCE_MORE = """
import os, signal, sys
from prometheus_client import CollectorRegistry
from leadstream.roles.role import Role, run_role
from leadstream.settings import Settings

class Asked(Role):
    name, default_port, registry = "worker", 0, CollectorRegistry()

    async def live(self, stop):
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()

    def unhealthy(self): return None
    def unready(self): return None

class AsModulesGo:
    def __del__(self, kill=os.kill, process=os.getpid()):
        kill(process, signals.pop())

signals = [signal.SIGTERM]
late = AsModulesGo()
sys.exit(run_role(Asked(Settings())))
"""


@pytest.mark.usefixtures("processes")
def test_a_signal_while_python_itself_ends_does_not_make_it_a_crash() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ASKED_ONCE_MORE], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "Exception ignored" not in ended.stderr
