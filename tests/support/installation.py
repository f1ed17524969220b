"""An installation of LeadStream on a broker: its names, its settings and its topics."""

import asyncio
import os
from dataclasses import dataclass, field
from typing import Any

from leadstream.devstack import KafkaAddress
from leadstream.kafka.topics import TopicNames, create_topics, specs
from leadstream.settings import Settings


@dataclass(frozen=True)
class Installation:
    """`name` is prefix and app at once; `options` are settings that differ from what suits the broker."""

    address: KafkaAddress
    name: str
    partitions: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings of a role of this installation."""
        return Settings(**self._values())

    @property
    def names(self) -> TopicNames:
        return TopicNames(self.name, self.name)

    @property
    def bootstrap(self) -> str:
        return self.address.bootstrap

    def create(self) -> "Installation":
        """Makes the topics; returns itself."""
        wanted = specs(self.names, self.partitions, create_time=self.address.create_time_only)
        asyncio.run(create_topics(self.settings, wanted))
        return self

    def environment(self, **more: Any) -> dict[str, str]:
        """The environment of a process that runs a role of this installation."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("LEADSTREAM_")}
        values = {**self._values(), **more}
        return outside | {f"LEADSTREAM_{name.upper()}": str(value) for name, value in values.items()}

    def _values(self) -> dict[str, Any]:
        return {
            "app": self.name,
            "topic_prefix": self.name,
            "kafka_bootstrap": self.address.bootstrap,
            "processing_guarantee": "exactly_once" if self.address.transactions else "at_least_once",
            "allow_create_time": self.address.create_time_only,
            "metrics_port": 0,
            **self.options,
        }
