"""A migrated database for each test."""

from collections.abc import Iterator

import pytest

from tests.support.databases import SCHEMA, Template

from .made import Database


@pytest.fixture
def database(template: Template, unique: str) -> Iterator[Database]:
    """The tables, empty."""
    with template.copied(unique) as dsn:
        yield Database(dsn, SCHEMA)
