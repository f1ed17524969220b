"""The projector as a process, with a PostgreSQL that is away."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from leadstream.cli.diagnosis.tables import check_projection
from leadstream.devstack import Postgres
from tests.support.log import Log, Sent
from tests.support.processes import Role, projector, worker
from tests.support.signals import many
from tests.support.waiting import until

from .conftest import Install

SCHEMA = "late"


def away(role: Role) -> bool:
    """Whether it is not ready, and says that this is because of PostgreSQL."""
    status, text = role.get("/readyz")
    return status == 503 and text.startswith("PostgreSQL at 127.0.0.1")


def projected(dsn: str) -> Counter[str]:
    """How many entries of the history are in the tables, by lead."""

    async def read() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(dsn)
        try:
            found: list[asyncpg.Record] = await connection.fetch(f"SELECT lead_id FROM {SCHEMA}.score_events")
            return found
        finally:
            await connection.close()

    return Counter(row["lead_id"] for row in asyncio.run(read()))


def test_postgresql_away_at_the_start_and_later_is_waited_for(
    install_embedded: Install, tmp_path: Path
) -> None:
    installation = install_embedded()
    server = Postgres(tmp_path / "postgres")
    with (
        worker(tmp_path, installation) as folding,
        projector(tmp_path, installation, server.dsn, SCHEMA) as role,
    ):
        Log(installation.bootstrap).send(installation.names.signals, many(0, 50))
        until(lambda: role.log.count("postgresql is away") >= 2, "it tries again")
        assert away(role)
        assert role.get("/healthz")[0] == 200
        assert role.metric("leadstream_store_up") == 0
        until(lambda: folding.metric("leadstream_signals_total") == 50, "the worker goes on meanwhile")
        first = role.pid
        with server:
            role.ready()
            assert role.metric("leadstream_store_up") == 1
            until(lambda: projected(server.dsn).total() == 50, "all is projected")
            assert projected(server.dsn) == {f"l{number}": 5 for number in range(10)}
            server.kill()
            Log(installation.bootstrap).send(installation.names.signals, many(50, 60))
            until(lambda: away(role), "it is not ready")
            server.start()
            role.ready()
            until(lambda: projected(server.dsn).total() == 60, "all is projected")
            assert role.pid == first
            role.terminate()
            assert role.ended(10) == 0


def test_waiting_for_postgresql_ends_on_sigterm(install_embedded: Install, tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres")
    with projector(tmp_path, install_embedded(), server.dsn, SCHEMA) as role:
        until(lambda: "postgresql is away" in role.log, "it says that PostgreSQL is away")
        role.terminate()
        assert role.ended(10) == 0


@pytest.mark.kafka
def test_a_topic_that_was_made_anew_is_not_projected_over_the_old_rows(
    install_apache: Install, apache_log: Log, postgres_dsn: str, tmp_path: Path
) -> None:
    installation = install_apache()
    schema = installation.name
    options = {"postgres_dsn": postgres_dsn, "postgres_schema": schema}
    history = installation.names.history
    apache_log.send(installation.names.signals, many(0, 50))
    with (
        worker(tmp_path, installation) as folding,
        projector(tmp_path, installation, postgres_dsn, schema) as role,
    ):
        until(lambda: role.metric("leadstream_projected_records_total", topic=history) > 0, "it projects")
        # Under a projector that runs: with many more records than it has read.
        apache_log.make_anew(history, 1)
        apache_log.send(history, [Sent(b"acme:l1", b"{}", 0)] * 500)
        assert role.ended(60) in (2, 3)
        role.start()
        assert role.ended(60) == 2
        assert f"{history} has the id" in role.log
        assert "LEADSTREAM_POSTGRES_SCHEMA" in role.log
        folding.terminate()
    settings = replace(installation, options=options).settings
    found = asyncio.run(check_projection(settings))
    [problem] = [finding for finding in found if finding.level == "problem"]
    assert problem.text.startswith(f"{history} has the id")
    assert "LEADSTREAM_POSTGRES_SCHEMA" in problem.remedy
