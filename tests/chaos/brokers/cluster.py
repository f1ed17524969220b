"""Three brokers that replicate: every topic has three replicas, two of which must have a record."""

import secrets
from base64 import urlsafe_b64encode
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from leadstream.devstack import ApacheKafka, KafkaAddress
from leadstream.devstack.processes import ChildProcess

NODES = (1, 2, 3)
REPLICATED = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    # Leaders move when the test says so.
    "auto.leader.rebalance.enable": "false",
}


class Node(ApacheKafka):
    """One of the three, broker and voter of the controllers' quorum."""

    def __init__(self, directory: Path, number: int, cluster: "Cluster") -> None:
        super().__init__(directory, heap="320m", overrides={**REPLICATED, **cluster.overrides})
        self.number = number
        self._cluster = cluster

    @property
    def voter(self) -> str:
        return f"{self.number}@127.0.0.1:{self._controller_port}"

    @property
    def settings(self) -> dict[str, str]:
        settings = {**super().settings, "node.id": str(self.number)}
        del settings["controller.quorum.bootstrap.servers"]
        return {**settings, "controller.quorum.voters": self._cluster.voters}

    def _format_options(self) -> list[str]:
        return ["--cluster-id", self._cluster.identity]

    def launch(self) -> ChildProcess:
        """Starts it without waiting: a quorum needs two of them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._process = self._prepare()
        self._process.start()
        return self._process

    def wait(self) -> None:
        """Returns when it answers a client."""
        assert self._process is not None
        self._process.wait_until(self._answers, timeout=90)


class Cluster:
    """Three nodes in `directory`, started and stopped together; each can be killed and started by itself."""

    def __init__(self, directory: Path, overrides: dict[str, str]) -> None:
        self.identity = urlsafe_b64encode(b"\x01" + secrets.token_bytes(15)).decode().rstrip("=")
        self.overrides = overrides
        self.nodes = {number: Node(directory / f"node-{number}", number, self) for number in NODES}
        self.voters = ",".join(node.voter for node in self.nodes.values())
        self._stack = ExitStack()

    @property
    def address(self) -> KafkaAddress:
        """All three, in one list."""
        return KafkaAddress(
            ",".join(f"127.0.0.1:{node.port}" for node in self.nodes.values()),
            transactions=True,
            create_time_only=False,
        )

    def __enter__(self) -> Self:
        try:
            for node in self.nodes.values():
                self._stack.callback(node.kill)
                node.launch()
            for node in self.nodes.values():
                node.wait()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
