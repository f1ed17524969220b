"""Each role may do what it has to, and nothing else."""

import re
from collections.abc import Callable, Iterator

import asyncpg
import pytest

from leadstream.projection.access import UnknownRole, grant
from leadstream.projection.destinations import Destination, put_destination
from leadstream.projection.migrate import migrate
from leadstream.projection.policies import Access
from leadstream.projection.queries import reading

from .made import DAY, NOW, Database, Record, crossed, entry, history, model, run, skipped, snapshot

AsRole = Callable[[Access], Database]


@pytest.fixture
def as_role(database: Database, unique: str) -> Iterator[AsRole]:
    """Makes a role of a kind; gives the same tables as it sees them."""
    made: list[str] = []

    def make(access: Access) -> Database:
        name = f"{unique}_{access}"
        run(database.rows(f"CREATE ROLE {name} LOGIN"))
        made.append(name)
        run(grant(database.dsn, database.schema, name, access))
        return Database(re.sub(r"//[^@/]*@", f"//{name}@", database.dsn), database.schema)

    yield make
    for name in made:
        run(database.rows(f"DROP OWNED BY {name}"))
        run(database.rows(f"DROP ROLE {name}"))


def refused(database: Database, statement: str) -> bool:
    try:
        run(database.rows(statement))
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


def project(database: Database, first: int = 0) -> None:
    """A step of every topic, with two tenants, a row that can't be stored and a tombstone."""
    at = NOW + DAY * 31 * first
    run(database.fill("t.scores", [snapshot(0, place=first), snapshot(1, "x", tenant="other", place=first)]))
    run(database.fill("t.scores", [Record(2, b"acme:gone", None), Record(3, b"acme:bad", b"{")]))
    entries = [entry(first, now=at), entry(first + 1, tenant="other", now=at)]
    run(database.fill("t.history", [history(0, *entries)]))
    run(database.fill("t.actions", [crossed(0, f"c{first}"), crossed(1, f"o{first}", tenant="other")]))
    run(database.fill("t.models", [model(0), model(1, tenant="other"), model(2, tenant="")]))
    run(database.fill("t.decisions", [skipped(0, f"d{first}"), skipped(1, f"e{first}", tenant="other")]))


TENANTS = [f"SELECT DISTINCT tenant_id FROM {name}" for name in (
    "leads", "score_events", "action_log", "decision_log", "leads_now", "lead_score_factors",
    "lead_factors_now", "contact_scores",
)]  # fmt: skip


def tenants(database: Database, setting: str | None = None) -> list[set[str]]:
    async def scenario() -> list[set[str]]:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        try:
            if setting is not None:
                await connection.execute("SELECT set_config('leadstream.tenant', $1, false)", setting)
            return [{row[0] for row in await connection.fetch(query)} for query in TENANTS]
        finally:
            await connection.close()

    return run(scenario())


@pytest.mark.parametrize("secured", [False, True])
def test_a_writer_projects_and_can_do_no_more(database: Database, as_role: AsRole, secured: bool) -> None:
    writer = as_role("writer")
    if secured:
        as_role("tenant_reader")
    project(writer)
    # A month that has no partition yet.
    project(writer, first=4)
    # As every projector does at its start.
    run(migrate(writer.dsn, writer.schema))
    for table in ("leads", "score_events", "action_log", "decision_log", "projection_dead_letters"):
        assert run(database.rows(f"SELECT count(*) FROM {table}"))[0]["count"] > 0
    months = run(database.rows("SELECT count(*) FROM pg_class WHERE relname ~ '^score_events_\\d{4}_\\d\\d$'"
                               " AND relnamespace = to_regnamespace($1)", database.schema))  # fmt: skip
    assert months[0]["count"] == 2
    for statement in (
        "DELETE FROM score_events", "UPDATE score_events SET points_added = 0", "DELETE FROM action_log",
        "TRUNCATE leads", "DROP TABLE leads", "DROP VIEW leads_now", "CREATE TABLE mine (a int)",
        "DELETE FROM projection_positions", "UPDATE alembic_version SET version_num = 'x'",
    ):  # fmt: skip
        assert refused(writer, statement), statement


def test_a_reader_sees_all_tenants_and_writes_nothing(database: Database, as_role: AsRole) -> None:
    reader = as_role("reader")
    as_role("tenant_reader")
    project(database)
    assert tenants(reader) == [{"acme", "other"}] * len(TENANTS)
    for statement in (
        "DELETE FROM leads", "UPDATE leads SET score_total = 1", "INSERT INTO leads SELECT * FROM leads",
        "SELECT * FROM projection_dead_letters", "SELECT make_month('2026-01-01')",
        "SELECT * FROM score_events_other", "CREATE TABLE mine (a int)",
    ):  # fmt: skip
        assert refused(reader, statement), statement

    async def scenario() -> None:
        # What the commands of the CRM's user need.
        async with reading(reader.dsn, reader.schema) as tables:
            assert len(await tables.top("acme")) == 1

    run(scenario())


def test_a_tenant_reader_sees_the_tenant_of_its_setting_alone(database: Database, as_role: AsRole) -> None:
    reader = as_role("tenant_reader")
    project(database)
    for name, tenant in (("crm", "acme"), ("crm of other", "other")):
        run(put_destination(database.dsn, database.schema, Destination(name, tenant, "every_update")))
    assert tenants(reader, "acme") == [{"acme"}] * len(TENANTS)
    assert tenants(reader, "other") == [{"other"}] * len(TENANTS)
    assert tenants(reader, "") == tenants(reader) == [set()] * len(TENANTS)

    async def scenario() -> None:
        connection = await asyncpg.connect(reader.dsn, server_settings={"search_path": reader.schema})
        await connection.execute("SET leadstream.tenant = 'acme'")
        assert await connection.fetchval("SELECT count(*) FROM top_leads('acme')") == 1
        assert await connection.fetchval("SELECT count(*) FROM top_leads('other')") == 0
        assert await connection.fetchval("SELECT score_at('acme', 'l1', now())") is not None
        assert await connection.fetchval("SELECT score_at('other', 'x', now())") is None
        changes = await connection.fetch("SELECT lead_id FROM crm_changes('crm')")
        assert [row["lead_id"] for row in changes] == ["l1", "gone"]
        with pytest.raises(asyncpg.UndefinedObjectError):
            await connection.fetch("SELECT * FROM crm_changes('crm of other')")
        await connection.close()

    run(scenario())


def test_a_tenant_reader_sees_its_models_and_those_of_all(database: Database, as_role: AsRole) -> None:
    project(as_role("writer"))
    reader, all_ = as_role("tenant_reader"), as_role("reader")
    query = "SELECT DISTINCT tenant_id FROM lead_scoring_models"
    assert {row["tenant_id"] for row in run(all_.rows(query))} == {"", "acme", "other"}

    async def scenario() -> list[set[str]]:
        connection = await asyncpg.connect(reader.dsn, server_settings={"search_path": reader.schema})
        without = await connection.fetch(query)
        await connection.execute("SET leadstream.tenant = 'acme'")
        found = await connection.fetch(query)
        await connection.close()
        return [{row[0] for row in rows} for rows in (without, found)]

    assert run(scenario()) == [{""}, {"", "acme"}]


def test_rights_that_tables_get_by_default_open_no_month(
    database: Database, as_role: AsRole, unique: str
) -> None:
    reader = as_role("tenant_reader")
    name = f"{unique}_tenant_reader"
    run(
        database.rows(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {database.schema} GRANT SELECT ON TABLES TO {name}"
        )
    )
    run(database.fill("t.history", [history(0, entry(0))]))
    assert run(reader.rows("SELECT * FROM score_events_2026_01")) == []
    assert len(run(database.rows("SELECT * FROM score_events_2026_01"))) == 1


def test_another_kind_replaces_the_rights_of_a_role(database: Database, as_role: AsRole, unique: str) -> None:
    project(database)
    role = as_role("writer")
    assert not refused(role, "DELETE FROM leads WHERE lead_id = 'nobody'")
    run(grant(database.dsn, database.schema, f"{unique}_writer", "tenant_reader"))
    assert refused(role, "DELETE FROM leads WHERE lead_id = 'nobody'")
    assert tenants(role, "acme") == [{"acme"}] * len(TENANTS)
    run(grant(database.dsn, database.schema, f"{unique}_writer", "reader"))
    assert tenants(role) == [{"acme", "other"}] * len(TENANTS)


def test_a_role_that_is_not_there_is_named_with_the_remedy(database: Database) -> None:
    with pytest.raises(UnknownRole, match="CREATE ROLE nobody LOGIN"):
        run(grant(database.dsn, database.schema, "nobody", "reader"))


def test_a_name_with_quotes_is_a_name(database: Database, unique: str) -> None:
    name = f'{unique}" Ä'
    quoted = '"' + name.replace('"', '""') + '"'
    run(database.rows(f"CREATE ROLE {quoted}"))
    run(grant(database.dsn, database.schema, name, "reader"))
    [row] = run(database.rows("SELECT has_table_privilege($1, 'leads', 'SELECT') AS may", name))
    assert row["may"]
    run(database.rows(f"DROP OWNED BY {quoted}"))
    run(database.rows(f"DROP ROLE {quoted}"))
