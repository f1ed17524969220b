"""A broker and a PostgreSQL for the demo, tests and benchmarks: started here, or named in the environment."""

from leadstream.localstack.apache import ApacheKafka
from leadstream.localstack.broker import KafkaAddress
from leadstream.localstack.database import Postgres
from leadstream.localstack.docker import DockerKafka
from leadstream.localstack.embedded import EmbeddedKafka
from leadstream.localstack.processes import LocalStackError
from leadstream.localstack.resolver import KafkaKind, kafka, postgres
from leadstream.localstack.supervisor import Supervisor

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
