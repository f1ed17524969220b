"""A broker that lets a user do only what it was granted."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from leadstream.devstack import ApacheKafka, KafkaAddress
from leadstream.devstack.processes import free_port
from leadstream.kafka.rights import Right
from tests.support.waiting import until

OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
RESOURCES = {
    "Topic": ResourceType.TOPIC,
    "Group": ResourceType.GROUP,
    "TransactionalId": ResourceType.TRANSACTIONAL_ID,
    "Cluster": ResourceType.BROKER,
}
PASSWORD = "pass" + "word"


class Guarded(ApacheKafka):
    """Its address is for `users`, who may do nothing; `open` is that of the tests, who may do all."""

    def __init__(self, directory: Path, users: Iterable[str]) -> None:
        super().__init__(directory, heap="400m")
        self.guarded_port = free_port()
        login = " ".join(f'user_{user}="{PASSWORD}"' for user in users)
        listeners = super().settings["listeners"]
        self.overrides = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "listeners": f"{listeners},GUARDED://127.0.0.1:{self.guarded_port}",
            "advertised.listeners": (
                f"PLAINTEXT://127.0.0.1:{self.port},GUARDED://127.0.0.1:{self.guarded_port}"
            ),
            "listener.security.protocol.map": (
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT"
            ),
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": (
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {login};"
            ),
        }

    @property
    def guarded(self) -> KafkaAddress:
        return KafkaAddress(f"127.0.0.1:{self.guarded_port}", transactions=True, create_time_only=False)


def login(user: str) -> dict[str, Any]:
    """The settings with which a user logs in."""
    return {
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_username": user,
        "kafka_password": PASSWORD,
    }


class Grants:
    """What a user may do; a change is in force when the call returns."""

    def __init__(self, bootstrap: str, user: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap})
        self._user = user

    def grant(self, needed: Iterable[Right]) -> None:
        bindings = [binding for right in needed for binding in self._bindings(right)]
        for done in self._admin.create_acls(bindings).values():
            done.result(20)
        until(lambda: set(bindings) <= self._present(), "the rights are there")

    @contextmanager
    def without(self, right: Right) -> Iterator[None]:
        """Within it this right is gone."""
        bindings = self._bindings(right)
        filters = [self._filter(binding) for binding in bindings]
        for done in self._admin.delete_acls(filters).values():
            done.result(20)
        until(lambda: not set(bindings) & self._present(), "the right is gone")
        try:
            yield
        finally:
            self.grant([right])

    def _present(self) -> set[AclBinding]:
        anything = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, f"User:{self._user}", None,
            AclOperation.ANY, AclPermissionType.ANY,
        )  # fmt: skip
        return set(self._admin.describe_acls(anything).result(20))

    def _bindings(self, right: Right) -> list[AclBinding]:
        prefix = right.name.endswith("*")
        name = "kafka-cluster" if right.resource == "Cluster" else right.name.removesuffix("*")
        return [
            AclBinding(
                RESOURCES[right.resource],
                name,
                ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL,
                f"User:{self._user}",
                "*",
                OPERATIONS[operation],
                AclPermissionType.ALLOW,
            )
            for operation in right.operations
        ]

    @staticmethod
    def _filter(binding: AclBinding) -> AclBindingFilter:
        return AclBindingFilter(
            binding.restype, binding.name, binding.resource_pattern_type, binding.principal, binding.host,
            binding.operation, binding.permission_type,
        )  # fmt: skip
