"""A migrated database for each test."""

from collections.abc import Iterator

import pytest

from tests.support.databases import SCHEMA, Template

from .made import Database


@pytest.fixture(scope="session")
def template(postgres_dsn: str) -> Iterator[Template]:
    """A migrated database to copy: a copy takes a fraction of the time that all migrations take."""
    with Template(postgres_dsn) as made:
        yield made


@pytest.fixture
def database(template: Template, unique: str) -> Iterator[Database]:
    """The tables, empty."""
    with template.copied(unique) as dsn:
        yield Database(dsn, SCHEMA)
