"""A PostgreSQL that tests may break, and a log to project into it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from leadstream.devstack import KafkaAddress, Postgres
from tests.projection.made import Database
from tests.support.installation import Installation

from .running import Stage

MakeStage = Callable[..., Stage]


class Breakable(Postgres):
    """A server that tests kill parts of, and start from any thread: what starts it, and what it ends with,
    is a thread of its own."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._starter = ThreadPoolExecutor(1)

    def start(self, *, timeout: float = 60.0) -> None:
        self._starter.submit(super().start, timeout=timeout).result()

    @property
    def restarts(self) -> int:
        """How often it has ended all its processes after one of them was killed."""
        return (self.directory / "postgres.log").read_text(errors="replace").count("reinitializing")


@pytest.fixture(scope="session")
def breakable(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    """A server of these tests alone. Each leaves it running and with the settings that it found."""
    with Breakable(tmp_path_factory.mktemp("breakable")) as server:
        yield server


@pytest.fixture
def make_stage(embedded_kafka: KafkaAddress, unique: str) -> MakeStage:
    """Makes the topics of an installation that is projected into a PostgreSQL, with settings of it."""

    def make(dsn: str, partitions: int = 1, **options: Any) -> Stage:
        installation = Installation(embedded_kafka, unique, partitions, options).create()
        return Stage(installation, Database(dsn, unique))

    return make


@pytest.fixture
def stage(make_stage: MakeStage, breakable: Breakable) -> Stage:
    """An installation of one partition, projected into the breakable server."""
    return make_stage(breakable.dsn)
