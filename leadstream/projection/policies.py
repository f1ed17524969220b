"""Who may do what: the least that a projector needs, and readers of all tenants or of one at a time.

The owner is whoever migrates; it passes by every policy. What each kind may is in `sql/policies`; which roles
are of it is in PostgreSQL's own catalog and nowhere else: the policies on `leads` name them.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, get_args

import asyncpg

Access = Literal["writer", "reader", "tenant_reader"]
"""The projector; a reader of all tenants; a reader of the tenant in its setting `leadstream.tenant`."""

ROLES_OF = """
SELECT roles::text[] FROM pg_policies
WHERE schemaname = current_schema() AND tablename = 'leads' AND policyname = $1
"""
VIEWS = "SELECT string_agg(quote_ident(viewname), ', ') FROM pg_views WHERE schemaname = current_schema()"
POLICY = re.compile(r"CREATE POLICY (\w+) ON (\w+)")


async def granted(connection: asyncpg.Connection) -> dict[Access, set[str]]:
    """The roles of each kind in the connection's schema."""
    return {kind: set(await connection.fetchval(ROLES_OF, kind) or ()) for kind in get_args(Access)}


async def renew(connection: asyncpg.Connection, members: Mapping[Access, set[str]]) -> None:
    """Gives every role what its kind needs, as new tables and views have no rights yet."""
    await give(connection, members, sorted(set().union(*members.values())))


async def give(
    connection: asyncpg.Connection, members: Mapping[Access, set[str]], changed: Iterable[str]
) -> None:
    """Makes the policies for all members, and replaces the rights of those that changed."""
    names = {role: await _quoted(connection, role) for roles in members.values() for role in roles}
    views = await connection.fetchval(VIEWS)
    schema = await connection.fetchval("SELECT quote_ident(current_schema())")
    statements = []
    for role in changed:
        statements += [
            f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {names[role]}",
            f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM {names[role]}",
            f"REVOKE ALL ON SCHEMA {schema} FROM {names[role]}",
            f"GRANT USAGE ON SCHEMA {schema} TO {names[role]}",
        ]
        for kind, roles in members.items():
            if role in roles:
                statements += grants(kind, names[role], views)
    for kind, roles in members.items():
        made = policies(kind, ", ".join(names[role] for role in sorted(roles)))
        for statement in made:
            if found := POLICY.match(statement):
                statements.append(f"DROP POLICY IF EXISTS {found[1]} ON {found[2]}")
        if roles:
            statements += made
    await connection.execute("; ".join(statements))


def grants(kind: Access, role: str, views: str) -> list[str]:
    """The statements that give the role the rights of the kind. Names are quoted where they have to be."""
    found = [statement for statement in _statements(kind) if statement.startswith("GRANT ")]
    return [statement.replace("{views}", views).replace("{role}", role) for statement in found]


def policies(kind: Access, roles: str) -> list[str]:
    """The statements that make the kind's policies for all its roles, separated by commas."""
    found = [statement for statement in _statements(kind) if not statement.startswith("GRANT ")]
    return [statement.replace("{roles}", roles) for statement in found]


def _statements(kind: Access) -> list[str]:
    text = (Path(__file__).parent / "sql" / "policies" / f"{kind}.sql").read_text()
    code = re.sub(r"--[^\n]*", "", text)
    return [part.strip() for part in code.split(";") if part.strip()]


async def _quoted(connection: asyncpg.Connection, role: str) -> str:
    name: str = await connection.fetchval("SELECT quote_ident($1)", role)
    return name
