"""Apache Kafka without Docker: the broker's jars from Maven Central, one KRaft node."""

import os
import secrets
import shutil
import sys
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

from leadstream.devstack.broker import Broker
from leadstream.devstack.processes import ChildProcess, LocalStackError, finished, free_port

VERSION = "4.1.1"
"""The version in kafka-pom.xml."""


class ApacheKafka(Broker):
    """One node of Apache Kafka in KRaft mode, on two ports of 127.0.0.1, with its data in `directory`.

    `heap` is what Java's -Xmx takes; `overrides` are settings of the broker that differ from those here.
    Raises `LocalStackError` where java or mvn is missing.
    """

    transactions = True
    create_time_only = False

    def __init__(
        self, directory: Path, *, heap: str = "1g", overrides: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(directory)
        self.heap = heap
        self.overrides = dict(overrides or {})
        self._controller_port = free_port()

    @property
    def data(self) -> Path:
        """Where its log is."""
        return self.directory.absolute() / "data"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the broker."""
        controller = f"127.0.0.1:{self._controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": controller,
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.data),
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            # After a kill the node is let in again when its session before has expired.
            "broker.heartbeat.interval.ms": "1000",
            "broker.session.timeout.ms": "4000",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
            **self.overrides,
        }

    def _is_formatted(self) -> bool:
        return (self.data / "meta.properties").exists()

    def _format_options(self) -> list[str]:
        """What gives the node its cluster id and makes it the only voter."""
        cluster = urlsafe_b64encode(b"\x01" + secrets.token_bytes(15)).decode().rstrip("=")
        return ["--standalone", "--cluster-id", cluster]

    def _surroundings(self) -> list[str]:
        """The command that runs the one which follows it, as for a file system of its own."""
        return []

    def _prepare(self) -> ChildProcess:
        classpath = f"{jars()}/*"
        settings = self.directory / "server.properties"
        settings.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        if not self._is_formatted():
            _format([*self._surroundings(), "java"], classpath, settings, self._format_options())
        with as_file(files("leadstream.devstack") / "kafka-log4j2.properties") as source:
            logging = shutil.copy(source, self.directory / "log4j2.properties")
        return ChildProcess(
            "Apache Kafka",
            [
                *self._surroundings(),
                "java",
                f"-Xmx{self.heap}",
                f"-Dlog4j2.configurationFile={Path(logging).absolute()}",
                "-cp",
                classpath,
                "kafka.Kafka",
                str(settings),
            ],
            log=self.directory / "kafka.log",
        )


def available() -> bool:
    """Whether this machine has what `ApacheKafka` needs."""
    return shutil.which("java") is not None and shutil.which("mvn") is not None


def jars() -> Path:
    """The folder with the broker's jars in the user's cache, filled by Maven the first time."""
    if not available():
        raise LocalStackError(
            "Apache Kafka needs java (17 or later) and mvn on the PATH: install them, "
            "take `--kafka embedded`, or name a broker with LEADSTREAM_KAFKA_BOOTSTRAP"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "leadstream"
    folder = cache / f"kafka-{VERSION}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as temporary:
            _fetch(Path(temporary))
            try:
                os.rename(Path(temporary) / "jars", folder)
            except OSError:
                if not folder.exists():  # else somebody else was faster
                    raise
    return folder


def _fetch(into: Path) -> None:
    print(f"Fetching Apache Kafka {VERSION} with Maven, once (about 60 MB) ...", file=sys.stderr, flush=True)
    with as_file(files("leadstream.devstack") / "kafka-pom.xml") as source:
        pom = shutil.copy(source, into / "pom.xml")
    code, output = finished(
        [
            "mvn", "--quiet", "--batch-mode", "--strict-checksums", "--file", str(pom),
            "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={into / 'jars'}",
        ]
    )  # fmt: skip
    if code != 0:
        raise LocalStackError(f"Maven could not fetch Apache Kafka:\n{output[-2000:]}")


def _format(java: Sequence[str], classpath: str, settings: Path, options: Sequence[str]) -> None:
    """Makes the node's data folder."""
    code, output = finished(
        [
            *java, "-XX:TieredStopAtLevel=1", "-cp", classpath, "kafka.tools.StorageTool",
            "format", "--config", str(settings), *options,
        ]
    )  # fmt: skip
    if code != 0:
        raise LocalStackError(f"Apache Kafka can't format its data folder:\n{output[-2000:]}")
