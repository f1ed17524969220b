"""Apache Kafka in a container, through testcontainers."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leadstream.devstack.apache import VERSION
from leadstream.devstack.broker import KafkaAddress
from leadstream.devstack.probes import kafka_answers
from leadstream.devstack.processes import LocalStackError, free_port, listens

IMAGE = f"apache/kafka:{VERSION}"

_ENVIRONMENT = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "1000",
}


def available() -> bool:
    """Whether a Docker engine answers, and testcontainers is installed."""
    try:
        import docker  # type: ignore[import-untyped]
        import testcontainers.core.container  # noqa: F401
    except ImportError:
        return False
    try:
        client = docker.from_env(timeout=5)
    except docker.errors.DockerException:
        return False
    client.close()
    return True


class DockerKafka:
    """A container of Apache Kafka whose port is published on 127.0.0.1; its data ends with it.

    The container goes with the process that started it: in order by `stop`, else by the reaper container of
    testcontainers.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.address = KafkaAddress(f"127.0.0.1:{self.port}", transactions=True, create_time_only=False)
        self._container: Any = None

    def start(self, *, timeout: float = 120.0) -> None:
        """Starts it and returns when it answers; raises `LocalStackError` after `timeout` seconds."""
        if not available():
            raise LocalStackError(
                "no Docker engine answers (or testcontainers is not installed): start it, "
                "or take `--kafka embedded` or `--kafka apache`"
            )
        from docker.errors import DockerException  # type: ignore[import-untyped]
        from testcontainers.core.container import DockerContainer

        container = DockerContainer(IMAGE)
        for name, value in _ENVIRONMENT.items():
            container = container.with_env(name, value)
        container = container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{self.port}")
        container.ports["9092/tcp"] = ("127.0.0.1", self.port)
        self._container = container
        try:
            container.start()
        except DockerException as error:
            raise LocalStackError(f"Docker can't run {IMAGE}: {error}") from error
        deadline = time.monotonic() + timeout
        while not (listens(self.port) and kafka_answers(self.address.bootstrap)):
            if time.monotonic() > deadline:
                output = b"".join(container.get_logs())[-3000:].decode(errors="replace")
                raise LocalStackError(f"{IMAGE} did not answer within {timeout:.0f} s:\n{output}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stops and removes the container."""
        if self._container is not None:
            self._container.stop()
            self._container = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
