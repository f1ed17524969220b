"""Installations for the contract tests of the stream: the same suite on each broker."""

from collections.abc import Callable
from typing import Any

import pytest

from leadstream.devstack import KafkaAddress
from tests.support.installation import Installation
from tests.support.log import Log

Install = Callable[..., Installation]


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def broker(processes: None, request: pytest.FixtureRequest) -> KafkaAddress:
    """Each broker in turn: what a test that takes it says, holds on both."""
    address: KafkaAddress = request.getfixturevalue(f"{request.param}_kafka")
    return address


@pytest.fixture
def install(broker: KafkaAddress, unique: str) -> Install:
    """Makes the topics of an installation on the broker at hand."""
    return _installer(broker, unique)


@pytest.fixture
def install_apache(apache_kafka: KafkaAddress, unique: str) -> Install:
    """Makes the topics of an installation on Apache Kafka."""
    return _installer(apache_kafka, unique)


@pytest.fixture
def install_embedded(embedded_kafka: KafkaAddress, unique: str) -> Install:
    """Makes the topics of an installation on the embedded broker."""
    return _installer(embedded_kafka, unique)


@pytest.fixture
def log(broker: KafkaAddress) -> Log:
    """The broker at hand, through an independent client."""
    return Log(broker.bootstrap)


@pytest.fixture
def apache_log(apache_kafka: KafkaAddress) -> Log:
    """Apache Kafka, through an independent client."""
    return Log(apache_kafka.bootstrap)


def _installer(address: KafkaAddress, name: str) -> Install:
    def make(partitions: int = 1, **options: Any) -> Installation:
        return Installation(address, name, partitions, options).create()

    return make
