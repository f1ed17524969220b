"""Apache Kafka in a container, through testcontainers."""

import signal
from collections.abc import Callable
from typing import Any

from leadstream.devstack.apache import VERSION
from leadstream.devstack.broker import Broker
from leadstream.devstack.processes import LocalStackError, Runnable

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


class Container(Runnable):
    """A container that `make` makes, by testcontainers: what it wrote is gone when it is stopped.

    It goes with the process that started it: in order by `stop`, else by the reaper of testcontainers.
    """

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self.name = name
        self._make = make
        self._container: Any = None

    @property
    def pid(self) -> int | None:
        return self._state()["Pid"] or None

    @property
    def exit_code(self) -> int | None:
        state = self._state()
        return None if state["Pid"] else state["ExitCode"]

    def start(self) -> None:
        from docker.errors import DockerException  # type: ignore[import-untyped]

        if self._container is not None:
            return
        container = self._make()
        try:
            container.start()
        except DockerException as error:
            container.stop()
            raise LocalStackError(f"Docker can't run {self.name}: {error}") from error
        except BaseException:
            container.stop()
            raise
        self._container = container

    def stop(self, signum: signal.Signals = signal.SIGTERM, *, timeout: float = 15.0) -> None:
        """Ends and removes it at once, whatever the signal: it has nothing to keep."""
        container, self._container = self._container, None
        if container is not None:
            container.stop()

    def kill(self) -> None:
        self.stop()

    def output(self) -> str:
        text = b"".join(self._container.get_logs())[-3000:].decode(errors="replace")
        return f"its output:\n{text}"

    def _state(self) -> dict[str, Any]:
        """As Docker has it."""
        if self._container is None:
            return {"Pid": 0, "ExitCode": None}
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        state: dict[str, Any] = wrapped.attrs["State"]
        return state


class DockerKafka(Broker):
    """A container of Apache Kafka whose port is published on 127.0.0.1; its data ends with it."""

    transactions = True
    create_time_only = False

    def start(self, *, timeout: float = 120.0) -> None:
        """Starts it and returns when it answers a client.

        Raises `LocalStackError` with the end of its output if it does not within `timeout` seconds, which
        the image may have to be fetched in.
        """
        super().start(timeout=timeout)

    def _prepare(self) -> Runnable:
        if not available():
            raise LocalStackError(
                "no Docker engine answers (or testcontainers is not installed): start it, "
                "or take `--kafka embedded` or `--kafka apache`"
            )
        return Container(IMAGE, self._container)

    def _container(self) -> Any:
        from testcontainers.core.container import DockerContainer

        container = DockerContainer(IMAGE)
        for name, value in _ENVIRONMENT.items():
            container = container.with_env(name, value)
        container = container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{self.port}")
        container.ports["9092/tcp"] = ("127.0.0.1", self.port)
        return container
