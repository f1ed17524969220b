"""The schema: made once however many ask, and as the requirements name it."""

import asyncio
import re

import asyncpg
import pytest

from leadstream.projection.database import place
from leadstream.projection.errors import SchemaMismatch, StoreUnavailable
from leadstream.projection.migrate import migrate, schema_state
from leadstream.projection.queries import reading
from leadstream.projection.tables import TARGETS

from .earlier import migrate_to
from .made import Database, run, snapshot

COLUMNS = """
SELECT column_name, CASE WHEN data_type = 'ARRAY' THEN substr(udt_name, 2) || '[]'
    WHEN data_type = 'character varying' THEN 'varchar(' || character_maximum_length || ')'
    WHEN data_type = 'timestamp with time zone' THEN 'timestamptz' ELSE data_type END AS kind, is_nullable
FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position
"""


def columns(database: Database, table: str) -> dict[str, str]:
    rows = run(database.rows(COLUMNS, database.schema, table))
    return {row["column_name"]: row["kind"] for row in rows}


def indexes(database: Database, table: str) -> list[str]:
    query = "SELECT indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename = $2"
    return [row["indexdef"] for row in run(database.rows(query, database.schema, table))]


@pytest.mark.requirement("S2-9")
def test_leads_has_the_columns_of_the_crm(database: Database) -> None:
    found = columns(database, "leads")
    assert found["score_total"] == "integer"
    assert found["score_band"] == "text"
    assert found["score_version"] == "varchar(50)"
    assert found["score_updated_on"] == "timestamptz"


@pytest.mark.requirement("S2-12")
def test_lists_by_score_have_their_index(database: Database) -> None:
    assert any(
        definition.endswith("(tenant_id, rank_half_life, rank_base, rank_key DESC, lead_id)")
        for definition in indexes(database, "leads")
    )


@pytest.mark.requirement("S3-24")
def test_score_events_has_its_columns_and_indexes(database: Database) -> None:
    found = columns(database, "score_events")
    assert {
        "event_type": "text",
        "event_data": "jsonb",
        "points_added": "double precision",
        "score_before": "integer",
        "score_after": "integer",
        "created_at": "timestamptz",
    }.items() <= found.items()
    definitions = indexes(database, "score_events")
    assert any("(tenant_id, lead_id, created_at DESC)" in definition for definition in definitions)
    assert any("(event_type, " in definition for definition in definitions)
    assert any(
        "UNIQUE" in definition and "(source_partition, source_offset, created_at)" in definition
        for definition in definitions
    )


def test_the_projector_and_the_migrations_agree_on_columns(database: Database) -> None:
    """But for the columns that follow from others."""
    generated = """
    SELECT column_name FROM information_schema.columns
    WHERE table_schema = $1 AND table_name = $2 AND is_generated = 'ALWAYS'
    """
    for table in TARGETS.values():
        made = {row["column_name"] for row in run(database.rows(generated, database.schema, table.name))}
        found = columns(database, table.name)
        assert dict(table.columns) == {name: kind for name, kind in found.items() if name not in made}


def test_every_table_and_column_has_a_comment(database: Database) -> None:
    """Views and functions as well."""
    query = """
    SELECT relname AS name, attname AS part FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'v') AND relname <> 'alembic_version'
    AND attnum > 0 AND NOT attisdropped
    AND (col_description(attrelid, attnum) IS NULL OR obj_description(pg_class.oid) IS NULL)
    UNION ALL
    SELECT proname, '' FROM pg_proc
    WHERE pronamespace = to_regnamespace($1) AND obj_description(oid) IS NULL
    """
    assert run(database.rows(query, database.schema)) == []
    assert len(columns(database, "projection_positions")) == 5


def test_migrating_again_changes_nothing(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0)]))
    before = run(migrate(database.dsn, database.schema))
    assert (before.pending, before.current) == ((), before.head)
    assert len(run(database.rows("SELECT * FROM leads"))) == 1


def test_many_at_once_migrate_once(postgres_dsn: str, unique: str) -> None:
    async def scenario() -> list[bool]:
        states = await asyncio.gather(*(migrate(postgres_dsn, unique) for _ in range(6)))
        (await schema_state(postgres_dsn, unique)).check()
        return sorted(bool(state.pending) for state in states)

    assert run(scenario()) == [False] * 5 + [True]


def test_an_owner_of_the_schema_alone_can_migrate_and_write(postgres_dsn: str, unique: str) -> None:
    """The projector needs no right on the database but to connect and to have temporary tables."""

    async def scenario() -> None:
        admin = await asyncpg.connect(postgres_dsn)
        await admin.execute(f"CREATE ROLE {unique} LOGIN; CREATE SCHEMA {unique} AUTHORIZATION {unique}")
        await admin.close()
        limited = Database(re.sub(r"//[^@/]*@", f"//{unique}@", postgres_dsn), unique)
        await migrate(limited.dsn, unique)
        await limited.fill("t.scores", [snapshot(0)])
        assert len(await limited.rows("SELECT * FROM leads")) == 1
        with pytest.raises(StoreUnavailable, match="permission denied"):
            await migrate(limited.dsn, f"{unique[:30]}_other")
        admin = await asyncpg.connect(postgres_dsn)
        await admin.execute(f"DROP OWNED BY {unique}; DROP ROLE {unique}")
        await admin.close()

    run(scenario())


def test_a_failed_migration_leaves_nothing(postgres_dsn: str, unique: str) -> None:
    """Here a table of the same name is in the way."""

    async def scenario() -> None:
        connection = await asyncpg.connect(postgres_dsn)
        await connection.execute(f"CREATE SCHEMA {unique}; CREATE TABLE {unique}.action_log (id text)")
        with pytest.raises(StoreUnavailable, match="action_log"):
            await migrate(postgres_dsn, unique)
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", unique)
        assert [row["tablename"] for row in tables] == ["action_log"]
        assert (await schema_state(postgres_dsn, unique)).current is None
        await connection.close()

    run(scenario())


def test_without_tables_the_store_names_the_remedy(postgres_dsn: str, unique: str) -> None:
    state = run(schema_state(postgres_dsn, unique))
    assert state.current is None
    assert [revision for revision, _ in state.pending][-1] == state.head
    with pytest.raises(SchemaMismatch, match="leadstream db migrate"):
        run(Database(postgres_dsn, unique).store().open())


def test_tables_of_a_later_version_are_left_alone(database: Database) -> None:
    async def scenario() -> None:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await connection.close()
        with pytest.raises(SchemaMismatch, match=r"9999.*newer version"):
            await migrate(database.dsn, database.schema)
        with pytest.raises(SchemaMismatch, match="9999"):
            await database.store().open()
        with pytest.raises(SchemaMismatch, match="9999"):
            async with reading(database.dsn, database.schema):
                pass

    run(scenario())


def test_tables_of_the_first_release_are_migrated(postgres_dsn: str, unique: str) -> None:
    async def scenario() -> None:
        await migrate_to(postgres_dsn, unique, "0010")
        before = await migrate(postgres_dsn, unique)
        assert before.current == "0010"
        assert [revision for revision, _ in before.pending] == [
            f"{n:04}" for n in range(11, int(before.head) + 1)
        ]
        (await schema_state(postgres_dsn, unique)).check()

    run(scenario())


@pytest.mark.parametrize("revision", ["0001", "0009"])
def test_tables_too_old_to_be_migrated_name_the_remedy(database: Database, revision: str) -> None:
    """In one line, and nothing is changed."""
    remedy = f"schema {database.schema} is at revision {revision}, too old to be migrated: " \
        "run `leadstream db rebuild`"  # fmt: skip

    async def scenario() -> None:
        connection = await asyncpg.connect(database.dsn, server_settings={"search_path": database.schema})
        await connection.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
        with pytest.raises(SchemaMismatch) as caught:
            await migrate(database.dsn, database.schema)
        assert str(caught.value) == remedy
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == revision
        await connection.close()
        with pytest.raises(SchemaMismatch, match="leadstream db rebuild"):
            await database.store().open()
        with pytest.raises(SchemaMismatch, match="leadstream db rebuild"):
            async with reading(database.dsn, database.schema):
                pass

    run(scenario())


def test_tables_that_vanish_under_a_running_projector_are_named(database: Database) -> None:
    async def scenario() -> None:
        store = database.store()
        await store.open()
        connection = await asyncpg.connect(database.dsn)
        await connection.execute(f"DROP TABLE {database.schema}.leads CASCADE")
        await connection.close()
        with pytest.raises(SchemaMismatch, match=r"leads.*leadstream db migrate"):
            await store.apply("t.scores", 0, 0, 1, [snapshot(0)])
        await store.close()

    run(scenario())


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:s3cret@127.0.0.1:1/x",
        "postgresql://u:s3cret@h0st@127.0.0.1:1/x",
        "postgresql://u:s3/cret@127.0.0.1:1/x",
        "postgresql://u:s3cret@127.0.0.1:port/x",
        "postgresql://127.0.0.1:1/x?password=s3cret&user=u",
        "postgresql://127.0.0.1:1/x?s3cret",
        "s3cret://127.0.0.1",
        "s3cret",
    ],
)
def test_no_message_holds_the_password(dsn: str) -> None:
    for work in (Database(dsn, "leadstream").store().open, lambda: migrate(dsn, "leadstream")):
        with pytest.raises(StoreUnavailable) as caught:
            run(work())
        error: BaseException | None = caught.value
        while error is not None:
            assert "s3" not in str(error).replace("postgresql://user:password", "")
            assert "cret" not in str(error)
            # What a log with a traceback would show.
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:s3cret@db.example.com:5433/crm?sslmode=require", "db.example.com:5433/crm"),
        ("postgres://u@a:1,b:2/crm", "a:1,b:2/crm"),
        ("postgresql:///crm?host=/run/postgresql", "(local)/crm"),
        ("postgresql://u:s3@cret@db/crm", "the address in LEADSTREAM_POSTGRES_DSN"),
        ("postgresql://u:s3/cret@db/crm", "the address in LEADSTREAM_POSTGRES_DSN"),
        ("postgresql://u:s3?cret@db/crm", "the address in LEADSTREAM_POSTGRES_DSN"),
        ("s3cret", "the address in LEADSTREAM_POSTGRES_DSN"),
    ],
)
def test_messages_name_the_place_alone(dsn: str, shown: str) -> None:
    assert place(dsn) == shown


def test_a_schema_name_that_needs_quotes_is_refused() -> None:
    with pytest.raises(ValueError, match="schema name"):
        run(migrate("postgresql://127.0.0.1:1/x", 'leads"; DROP'))
