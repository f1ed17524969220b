"""A migrated schema for each test."""

import pytest

from leadstream.projection.migrate import migrate

from .made import Database, run


@pytest.fixture
def database(postgres_dsn: str, unique: str) -> Database:
    """The tables, empty."""
    run(migrate(postgres_dsn, unique))
    return Database(postgres_dsn, unique)
