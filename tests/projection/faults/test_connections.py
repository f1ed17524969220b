"""No connection left for the projector: it says so and waits, at its start and later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from leadstream.devstack import Postgres
from leadstream.projection.database import LOST, translated
from leadstream.projection.errors import StoreUnavailable
from leadstream.projection.migrate import migrate
from tests.projection.made import Database, run, snapshot

from .running import Stage
from .written import Writer, sent

END = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'leadstream' AND pid <> pg_backend_pid()
"""


@asynccontextmanager
async def all_taken(dsn: str) -> AsyncIterator[None]:
    """Others have every connection that the server gives."""
    others = []
    try:
        while True:
            try:
                others.append(await asyncpg.connect(dsn))
            except asyncpg.TooManyConnectionsError:
                break
        yield
    finally:
        for other in others:
            await other.close()


@pytest.fixture
def few(breakable: Postgres) -> Postgres:
    """The server with ten connections."""
    set_connections(breakable, "10")
    try:
        yield breakable
    finally:
        set_connections(breakable, "100")


def set_connections(server: Postgres, most: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute(f"ALTER SYSTEM SET max_connections = {most}")
        await connection.close()

    run(execute())
    server.stop()
    server.start()


def test_no_connection_at_the_start_and_later_is_waited_for(few: Postgres, stage: Stage) -> None:
    async def scenario() -> None:
        written = Writer(4)
        async with all_taken(few.dsn), stage.run() as role:
            assert "raise max_connections" in await role.says("(53300)")
        async with stage.run() as role:
            await stage.send(sent(written.fold(30)))
            await role.ready()
            await stage.projected()
            other = await asyncpg.connect(few.dsn)
            async with all_taken(few.dsn):
                # Whoever ends a session takes its place, until none is the projector's.
                while await other.fetch(END):
                    async with all_taken(few.dsn):
                        pass
                async with all_taken(few.dsn):
                    await stage.send(sent(written.fold(30)))
                    await role.says("(53300)")
            await other.close()
            await stage.projected()
            await role.ready()

    run(scenario())


def test_a_role_with_a_limit_of_connections_is_told_so(database: Database) -> None:
    """SQLSTATE 53300 as well, and not the server's limit."""
    role = f"few_{database.schema[-8:]}"

    async def scenario() -> None:
        admin = await asyncpg.connect(database.dsn)
        await admin.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
        limited = Database(database.dsn.replace("postgres@", f"{role}@"), database.schema)
        await admin.execute(f"ALTER ROLE {role} NOSUPERUSER CONNECTION LIMIT 0")
        with pytest.raises(StoreUnavailable, match=r"53300.*too many connections for role"):
            await migrate(limited.dsn, limited.schema)
        with pytest.raises(StoreUnavailable, match=r"53300.*too many connections for role"):
            await limited.store().open()
        await database.fill("t.scores", [snapshot(0)])
        await admin.execute(f"DROP ROLE {role}")
        await admin.close()

    run(scenario())


@pytest.mark.parametrize("kind", LOST)
def test_however_a_connection_breaks_off_it_is_tried_again(kind: type[Exception]) -> None:
    """asyncpg has an error of another kind for an end within an answer: "cannot switch to state 12; ..."."""
    with pytest.raises(StoreUnavailable, match="can't be reached"), translated("postgresql://127.0.0.1/x"):
        raise kind("broken off")
    assert asyncpg.InternalClientError in LOST
