"""What a soak runs: Apache Kafka, PostgreSQL, one worker, one projector; and the measuring of them."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from leadstream.devstack import ApacheKafka, Postgres
from leadstream.kafka.topics import TopicNames
from tests.soak.flow import Flow
from tests.soak.series import MEGABYTE
from tests.support.installation import Installation
from tests.support.processes import Role, projector, worker
from tests.support.waiting import until

PARTITIONS = 4
SCHEMA = "leadstream"
# With this half-life leads cross thresholds in both directions all the time, by signals and by ticks.
TENANTS = "- {tenant: acme, half_life: 60s}\n- {tenant: northwind, half_life: 90s}\n"
# A segment is compacted when it is closed: by default at 128 MiB, which a short soak does not write.
SEGMENTS = {"segment.bytes": "8388608", "segment.ms": "60000", "min.cleanable.dirty.ratio": "0.2"}
LOG_TABLES = ("score_events", "action_log", "decision_log")
SIZES = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE {log}), 0)::float8,
       coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE NOT {log}), 0)::float8,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::float8
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')
""".format(log=f"c.relname ~ '^({'|'.join(LOG_TABLES)})'")


@dataclass
class Stand:
    """Everything, running."""

    kafka: ApacheKafka
    postgres: Postgres
    names: TopicNames
    worker: Role
    projector: Role

    def sample(self, flow: Flow) -> dict[str, float]:
        """One row of what `series` lists."""
        for role in (self.worker, self.projector):
            assert role.runs, f"a role ended with {role.exit_code}:\n{role.log[-2000:]}"
        logs, state, connections = asyncio.run(self._tables())
        # On a busy machine none may have come back since the last sample, and none be late yet.
        latency = until(flow.latencies, "a probe is scored", 60)
        return {
            **process(self.worker, "worker"),
            **process(self.projector, "projector"),
            "latency_p50": latency[0],
            "latency_max": latency[1],
            "kafka_changelog": self._on_disk(self.names.changelog),
            "kafka_scores": self._on_disk(self.names.scores),
            "kafka_logs": self._on_disk(
                self.names.signals, self.names.history, self.names.actions, self.names.decisions,
                self.names.dead_letters,
            ),
            "postgres_state": state / MEGABYTE,
            "postgres_logs": logs / MEGABYTE,
            "postgres_connections": connections,
            "signals": float(flow.sent),
        }  # fmt: skip

    def _on_disk(self, *topics: str) -> float:
        """Megabytes of the log segments of topics."""
        size = 0
        for topic in topics:
            for segment in (self.kafka.directory / "data").glob(f"{topic}-[0-9]*/*.log"):
                try:
                    size += segment.stat().st_size
                except FileNotFoundError:  # just compacted away
                    continue
        return size / MEGABYTE

    async def _tables(self) -> tuple[float, float, float]:
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            logs, state, connections = await connection.fetchrow(SIZES, SCHEMA)
            return logs, state, connections - 1
        finally:
            await connection.close()


@contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """All of it, up and ready, with its files in `folder`; stopped at the end."""
    with ExitStack() as stack:
        kafka = stack.enter_context(ApacheKafka(folder / "kafka", heap="512m"))
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        installation = Installation(kafka.address, "soak", PARTITIONS).create()
        close_segments_early(kafka, installation.names)
        tenants = folder / "tenants.yaml"
        tenants.write_text(TENANTS)
        roles = (
            worker(folder, installation, "worker", "--tenants", str(tenants)),
            projector(folder, installation, postgres.dsn, SCHEMA),
        )
        for role in roles:
            stack.enter_context(role).ready()
        yield Stand(kafka, postgres, installation.names, *roles)
        for role in roles:
            role.terminate()
        for role in roles:
            role.ended(60)


def close_segments_early(kafka: ApacheKafka, names: TopicNames) -> None:
    """Lets the broker compact within minutes."""
    admin = AdminClient({"bootstrap.servers": kafka.address.bootstrap, "log_level": 2})
    changes = [
        ConfigResource(
            ResourceType.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in SEGMENTS.items()
            ],
        )
        for topic in (names.scores, names.changelog)
    ]
    for done in admin.incremental_alter_configs(changes).values():
        done.result(20)


def process(role: Role, name: str) -> dict[str, float]:
    """What the system and its own metrics say of a role."""
    seen = psutil.Process(role.pid)
    return {
        f"{name}_rss": seen.memory_info().rss / MEGABYTE,
        f"{name}_handles": float(seen.num_fds()),
        f"{name}_threads": float(seen.num_threads()),
        f"{name}_tasks": role.metric("leadstream_asyncio_tasks"),
        f"{name}_lag": role.metric("leadstream_lag_records"),
    }
