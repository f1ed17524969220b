"""Running commands in this process, against a broker of the tests."""

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from leadstream.cli.app import app
from leadstream.devstack import KafkaAddress
from tests.support.installation import Installation

Run = Callable[..., Any]


@pytest.fixture(params=[pytest.param("apache", marks=pytest.mark.kafka), "embedded"])
def kafka(processes: None, request: pytest.FixtureRequest) -> KafkaAddress:
    """Each of the two brokers in turn."""
    address: KafkaAddress = request.getfixturevalue(f"{request.param}_kafka")
    return address


@pytest.fixture
def installation(kafka: KafkaAddress, unique: str) -> Installation:
    """Topics with three partitions on the broker."""
    return Installation(kafka, unique, partitions=3).create()


@pytest.fixture
def leadstream(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `leadstream <arguments>` with the settings of an installation."""

    def run(installation: Installation | None, *arguments: str, stdin: bytes | str = b"") -> Any:
        if installation is not None:
            for name, value in installation.environment().items():
                if name.startswith("LEADSTREAM_"):
                    monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, list(arguments), input=stdin, catch_exceptions=False)

    return run
