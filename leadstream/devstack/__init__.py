"""A broker and a PostgreSQL for the demo, tests and benchmarks: started here, or named in the environment."""

from leadstream.devstack.apache import ApacheKafka
from leadstream.devstack.broker import KafkaAddress
from leadstream.devstack.database import Postgres
from leadstream.devstack.docker import DockerKafka
from leadstream.devstack.embedded import EmbeddedKafka
from leadstream.devstack.processes import LocalStackError
from leadstream.devstack.resolver import KafkaKind, kafka, postgres
from leadstream.devstack.supervisor import Supervisor

__all__ = [
    "ApacheKafka",
    "DockerKafka",
    "EmbeddedKafka",
    "KafkaAddress",
    "KafkaKind",
    "LocalStackError",
    "Postgres",
    "Supervisor",
    "kafka",
    "postgres",
]
