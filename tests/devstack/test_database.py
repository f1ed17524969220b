"""The embedded PostgreSQL answers on 127.0.0.1 alone, and comes back after stop and kill."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from leadstream.devstack import LocalStackError, Postgres
from leadstream.devstack.processes import listens


def query(dsn: str, sql: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.mark.usefixtures("processes")
def test_data_survives_a_stop_and_a_kill_at_the_same_address(tmp_path: Path) -> None:
    with Postgres(tmp_path) as server:
        dsn = server.dsn
        query(dsn, "CREATE TABLE kept (n int)")
        query(dsn, "INSERT INTO kept VALUES (1)")
        server.stop()
        assert server.pid is None
        assert not listens(server.port)
        server.start()
        query(dsn, "INSERT INTO kept VALUES (2)")
        server.kill()
        assert server.pid is None
        server.start()
        assert server.dsn == dsn
        assert query(dsn, "SELECT sum(n) FROM kept") == 3
    assert not listens(server.port)


def test_it_is_postgresql_18_on_the_loopback_address_alone(postgres_dsn: str) -> None:
    assert query(postgres_dsn, "SHOW server_version_num") >= "180000"
    assert query(postgres_dsn, "SHOW listen_addresses") == "127.0.0.1"
    assert query(postgres_dsn, "SHOW unix_socket_directories") == ""


@pytest.mark.usefixtures("processes")
def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    with Postgres(tmp_path) as server:
        server.stop()
        (tmp_path / "data" / "PG_VERSION").write_text("9\n")
        with pytest.raises(
            LocalStackError, match=r"(?s)PostgreSQL ended with code 1.*postgres\.log.*version 9"
        ):
            server.start()
        assert server.pid is None
