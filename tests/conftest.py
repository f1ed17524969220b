"""Fixtures for tests on real brokers and a real PostgreSQL."""

import os
import re
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from leadstream.devstack import (
    ApacheKafka,
    DockerKafka,
    EmbeddedKafka,
    KafkaAddress,
    apache,
    docker,
    postgres,
)
from leadstream.devstack.resolver import external_kafka
from tests.support.children import Children
from tests.support.stages import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_runtest_protocol,
)

__all__ = ["pytest_addoption", "pytest_collection_modifyitems", "pytest_runtest_protocol"]

# How long an example takes is the machine's affair; a test that hangs is ended by its time limit.
settings.register_profile("leadstream", deadline=None)
settings.load_profile("leadstream")

# Brokers of tests live for a minute or two: what the optimising compiler takes would never come back.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

MEMORY = Path("/dev/shm")
"""Files there wait for no disk: topics are made in half the time. Linux has it."""
ENOUGH = 4 << 30
"""Bytes that are to be free there."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is in a shell's background job, for the processes that tests start and interrupt as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def processes() -> None:
    """What a test asks for, directly or through another fixture, that starts processes: others may not."""


@pytest.fixture(scope="session")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory, where there is room for it; it goes at the end."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        with tempfile.TemporaryDirectory(prefix="leadstream-tests-", dir=MEMORY) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp("in-memory")


@pytest.fixture(scope="session")
def apache_kafka(processes: None, in_memory: Path) -> Iterator[KafkaAddress]:
    """An Apache Kafka with transactions, one for all tests of a worker: take names from `unique`.

    Skipped only where there is neither an address in LEADSTREAM_KAFKA_BOOTSTRAP, nor java and mvn, nor a
    Docker engine; a broker that should start and does not is an error.
    """
    external = external_kafka()
    if external is not None:
        yield external
        return
    directory = in_memory / "apache-kafka"
    directory.mkdir()
    if apache.available():
        with ApacheKafka(directory, heap="512m") as broker:
            yield broker.address
    elif docker.available():
        with DockerKafka(directory) as container:
            yield container.address
    else:
        pytest.skip("no Apache Kafka: neither java and mvn, nor Docker, nor LEADSTREAM_KAFKA_BOOTSTRAP")


@pytest.fixture(scope="session")
def embedded_kafka(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaAddress]:
    """The embedded broker, one for all tests of a worker: take names from `unique`."""
    with EmbeddedKafka(tmp_path_factory.mktemp("embedded-kafka")) as broker:
        yield broker.address


@pytest.fixture(scope="session")
def postgres_dsn(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL, one for all tests of a worker: take the schema's name from `unique`."""
    with postgres(directory=tmp_path_factory.mktemp("postgres")) as dsn:
        yield dsn


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> str:
    """A name of this test alone, fit for topics, groups, applications and PostgreSQL schemas."""
    test = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower())[:24].strip("_")
    return f"{test}_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def spawn(processes: None) -> Iterator[Children]:
    """Starts processes that end with the test, whether it passes or fails."""
    children = Children()
    yield children
    children.end()
