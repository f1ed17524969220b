"""Migrated databases, each a copy of one that is migrated once."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from leadstream.projection.migrate import migrate

SCHEMA = "leadstream"
"""Where the tables of a copy are."""


class Template:
    """A database on the server of `dsn` with the tables of this version, empty; dropped at the end."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._name = f"template_{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> Self:
        self._do(f"CREATE DATABASE {self._name}")
        asyncio.run(migrate(self._address(self._name), SCHEMA))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(f"DROP DATABASE {self._name} WITH (FORCE)")

    @contextmanager
    def copied(self, name: str) -> Iterator[str]:
        """The DSN of a copy with this name, dropped at the end with whoever is still connected to it."""
        self._do(f"CREATE DATABASE {name} TEMPLATE {self._name}")
        try:
            yield self._address(name)
        finally:
            self._do(f"DROP DATABASE {name} WITH (FORCE)")

    def _address(self, name: str) -> str:
        return urlunsplit(urlsplit(self._dsn)._replace(path=f"/{name}"))

    def _do(self, statement: str) -> None:
        async def connected() -> None:
            connection = await asyncpg.connect(self._dsn)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(connected())
