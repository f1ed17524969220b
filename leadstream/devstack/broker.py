"""What every broker of the local stack is: a server with an address."""

from dataclasses import dataclass

from leadstream.devstack.probes import kafka_answers
from leadstream.devstack.processes import listens
from leadstream.devstack.server import Server


@dataclass(frozen=True)
class KafkaAddress:
    """Where a broker is and what it can do.

    `transactions`: exactly_once works. `create_time_only`: records keep the producers' timestamps, as the
    broker has no LogAppendTime.
    """

    bootstrap: str
    transactions: bool
    create_time_only: bool


class Broker(Server):
    """A broker; a subclass says how it is run and what it can do."""

    transactions: bool
    create_time_only: bool

    @property
    def address(self) -> KafkaAddress:
        """Where it is, whether it runs or not."""
        return KafkaAddress(f"127.0.0.1:{self.port}", self.transactions, self.create_time_only)

    def _answers(self) -> bool:
        return listens(self.port) and kafka_answers(f"127.0.0.1:{self.port}")
