"""The schema as text: `schemas/postgresql.sql` is what the migrations make, and what was released stays."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import asyncpg
import pytest

from leadstream.projection import migrations
from leadstream.projection.access import grant
from leadstream.projection.migrate import migrate
from leadstream.projection.policies import Access
from leadstream.projection.schema import in_order, schema_text

from .catalog import catalog, differences
from .made import Database, run

FILE = Path(__file__).parents[2] / "schemas" / "postgresql.sql"
FROZEN = Path(migrations.__file__).parent / "frozen"
HASHES = Path(__file__).parent / "frozen.sha256"


@pytest.fixture
def roles(database: Database, unique: str) -> Iterator[dict[Access, str]]:
    """A role of each kind, without rights."""
    made: dict[Access, str] = {kind: f"{unique}_{kind}" for kind in get_args(Access)}
    for role in made.values():
        run(database.rows(f"CREATE ROLE {role}"))
    yield made
    for role in made.values():
        run(database.rows(f"DROP OWNED BY {role}"))
        run(database.rows(f"DROP ROLE {role}"))


async def execute(database: Database, text: str) -> None:
    connection = await asyncpg.connect(database.dsn)
    await connection.execute(text)
    await connection.close()


def from_file(database: Database, schema: str, roles: dict[Access, str]) -> Database:
    """The schema that the file makes, under another name and with these roles."""
    text = re.sub(r"\b(SCHEMA|search_path TO) leadstream\b", rf"\1 {schema}", FILE.read_text())
    for kind, role in roles.items():
        text = text.replace(f"leadstream_{kind}", role)
    run(execute(database, text))
    return Database(database.dsn, schema)


def test_the_file_is_what_its_sources_give() -> None:
    """Else: `python -m leadstream.projection.schema`."""
    assert FILE.read_text() == schema_text()


def test_migrations_and_the_file_make_the_same(
    database: Database, unique: str, roles: dict[Access, str]
) -> None:
    # Under a name that stands in no text of the schema, as comparing takes it out of them.
    migrated = Database(database.dsn, f"{unique[:30]}_made")
    run(migrate(migrated.dsn, migrated.schema))
    for kind, role in roles.items():
        run(grant(migrated.dsn, migrated.schema, role, kind))
    written = from_file(database, f"{unique[:30]}_file", roles)
    expected = run(catalog(migrated.dsn, migrated.schema))
    assert differences(expected, run(catalog(written.dsn, written.schema))) == []
    kinds = {name.split(" ", 1)[0] for name in expected}
    assert kinds >= {"table", "column", "constraint", "index", "definition", "function", "policy", "rights"}


CHANGES = {
    "DROP INDEX leads_by_owner": "index leads_by_owner is missing",
    "CREATE TABLE more (a int)": "table or view more is not expected",
    "ALTER TABLE projection_timeline ALTER id TYPE varchar(12)": "column projection_timeline.id is ",
    "ALTER TABLE leads ALTER stage SET DEFAULT 'x'": "column leads.stage is ",
    "ALTER TABLE crm_destinations DROP CONSTRAINT crm_destinations_writes": (
        "constraint crm_destinations.crm_destinations_writes is missing"
    ),
    "CREATE OR REPLACE VIEW lead_owners WITH (security_invoker = true) AS "
    "SELECT tenant_id, lead_id, owner FROM leads": "definition of view lead_owners is ",
    "ALTER VIEW lead_owners SET (security_invoker = false)": "table or view lead_owners is ",
    "ALTER FUNCTION make_month(date) SECURITY INVOKER": "function make_month(date) is ",
    "GRANT DELETE ON leads TO PUBLIC": "rights on leads is ",
    "GRANT EXECUTE ON FUNCTION make_month(date) TO PUBLIC": "rights on function make_month(date) is ",
    "CREATE POLICY open ON leads USING (true)": "policy leads.open is not expected",
    "ALTER TABLE leads ENABLE ROW LEVEL SECURITY": "table or view leads is ",
    "COMMENT ON TABLE leads IS 'x'": "comment table leads is 'x'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_difference_is_named(database: Database, change: str) -> None:
    """A change of what the migrations made."""
    before = run(catalog(database.dsn, database.schema))
    run(execute(database, f"SET search_path TO {database.schema}; {change}"))
    found = differences(before, run(catalog(database.dsn, database.schema)))
    assert any(CHANGES[change] in sentence for sentence in found), found


def test_what_files_need_comes_first() -> None:
    files = {
        "a": "CREATE VIEW a AS SELECT c(1);\nCOMMENT ON VIEW a IS 'see b\nand d';",
        "b": "-- a\nCREATE VIEW b AS SELECT * FROM a",
        "c": "CREATE FUNCTION c()",
    }
    assert in_order(files) == ["c", "a", "b"]
    with pytest.raises(ValueError, match="name each other: a, b"):
        in_order({"a": "b", "b": "a"})


def test_frozen_text_stays_as_it_was_released() -> None:
    """A change of the schema is a new migration. Only new files get a line in frozen.sha256."""
    lines = (line.split("  ") for line in HASHES.read_text().splitlines())
    released = {name: digest for digest, name in lines}
    found = {
        path.relative_to(FROZEN).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in FROZEN.rglob("*.sql")
    }
    assert found == released
