"""Connections to PostgreSQL, and what its errors mean.

Instants cross this border as integer epoch milliseconds in both directions, never as datetime: exact, and
safe in every year that a row can carry.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from leadstream.projection.errors import SchemaMismatch, StoreUnavailable

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 60.0
"""A statement that takes longer counts as lost: a vanished machine sends no error."""
SESSION = {
    "application_name": "leadstream",
    "jit": "off",
    # Whatever the default of the role: steps rely on seeing what was committed before each statement.
    "default_transaction_isolation": "read committed",
    "lock_timeout": "10s",
    # A stalled projector must not hold its row in projection_positions against its successor.
    "idle_in_transaction_session_timeout": "30s",
}
POSTGRES_EPOCH_MS = 946_684_800_000
"""2000-01-01T00:00:00Z, where PostgreSQL counts from, in microseconds."""

SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,40}")
ABSENT = {"42P01", "42703", "3F000", "42883"}
"""No such table, column, schema or function."""
SETTING = "LEADSTREAM_POSTGRES_DSN"
HINTS = {
    "25006": f"is it a standby? {SETTING} must lead to the primary",
    "53100": "make room",
    "53300": "raise max_connections, or let others use fewer",
}
DATA_CLASSES = {"22", "23", "54"}
"""Errors of the data: it can't be represented, breaks a constraint, or is larger than an index takes."""
LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""A connection that is gone, without a word of the server. asyncpg calls one that breaks off in the middle of
an answer its internal error."""
MIGRATE = "run `leadstream db migrate`"

Initializer = Callable[[asyncpg.Connection], Awaitable[None]]


def is_data_error(error: BaseException) -> bool:
    """Whether the error comes from the rows themselves, so that trying them again can't help."""
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate is not None:
        return sqlstate[:2] in DATA_CLASSES
    # What asyncpg can't encode never reaches the server.
    return isinstance(error, ValueError | TypeError | OverflowError)


def place(dsn: str) -> str:
    """Host, port and database of a DSN for messages; nothing of it when the parts can't be told apart,
    for example because the password has an unescaped `@` or `/`."""
    unreadable = f"the address in {SETTING}"
    try:
        parts = urlsplit(dsn)
        legible = parts.scheme in ("postgresql", "postgres") and dsn.count("@") == parts.netloc.count("@") < 2
        if not legible:
            return unreadable
        hosts = parts.netloc.rpartition("@")[2] or "(local)"
        return hosts + parts.path
    except ValueError:
        return unreadable


@contextmanager
def translated(dsn: str) -> Iterator[None]:
    """Turns errors of the connection, the server and the schema into `StoreUnavailable` and
    `SchemaMismatch`; errors of the data pass unchanged."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if error.sqlstate in ABSENT:
            raise SchemaMismatch(f"PostgreSQL at {place(dsn)}: {_primary(error)}: {MIGRATE}") from None
        if is_data_error(error):
            raise
        raise unavailable(dsn, error) from None
    except asyncpg.ClientConfigurationError:
        # Its message may quote the DSN.
        raise StoreUnavailable(
            f"{SETTING} can't be read: write postgresql://user:password@host:port/database, with special "
            "characters of the password percent-encoded"
        ) from None
    except LOST as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
        raise StoreUnavailable(
            f"PostgreSQL at {place(dsn)} can't be reached ({reason}): is it running, and is {SETTING} right?"
        ) from None


def unavailable(dsn: str, error: asyncpg.PostgresError) -> StoreUnavailable:
    """What PostgreSQL refused, and where."""
    hint = HINTS.get(error.sqlstate, "")
    return StoreUnavailable(
        f"PostgreSQL at {place(dsn)} refused ({error.sqlstate}): {_primary(error)}{hint and f': {hint}'}"
    )


async def connect(dsn: str) -> asyncpg.Connection:
    """A plain connection. Raises `StoreUnavailable`."""
    with translated(dsn), _readable():
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)


async def open_pool(
    dsn: str, schema: str, *, size: int = 4, initialize: Initializer | None = None
) -> asyncpg.Pool:
    """A pool whose connections look for tables in `schema` alone and count time in milliseconds.

    Raises `StoreUnavailable`. `initialize` runs once for each new connection.
    """
    check_schema_name(schema)

    async def prepare(connection: asyncpg.Connection) -> None:
        await connection.set_type_codec(
            "timestamptz", schema="pg_catalog", encoder=_to_postgres, decoder=_from_postgres, format="tuple"
        )
        if initialize is not None:
            await initialize(connection)

    with translated(dsn), _readable():
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            init=prepare,
            # Nothing of a session changes: the default would cost a round trip at each use.
            reset=_keep,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings={**SESSION, "search_path": schema},
        )


def check_schema_name(schema: str) -> None:
    """Raises ValueError for a name that would have to be quoted."""
    if not SCHEMA_NAME.fullmatch(schema):
        raise ValueError(f"{schema!r} is no schema name: lower-case letters, digits and _, at most 41")


@contextmanager
def _readable() -> Iterator[None]:
    """A port that is no number shows as a bare ValueError that quotes a piece of the DSN."""
    try:
        yield
    except ValueError as error:
        if isinstance(error, asyncpg.PostgresError):
            raise
        raise asyncpg.ClientConfigurationError("") from None


def _primary(error: asyncpg.PostgresError) -> str:
    """The server's message without detail and hint, which may quote rows."""
    return str(error.args[0] if error.args else type(error).__name__).splitlines()[0]


def _to_postgres(ms: int) -> tuple[int]:
    return ((ms - POSTGRES_EPOCH_MS) * 1000,)


def _from_postgres(value: tuple[int]) -> int:
    return value[0] // 1000 + POSTGRES_EPOCH_MS


async def _keep(connection: asyncpg.Connection) -> Any:
    """Leaves the session as it is."""
