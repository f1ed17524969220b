"""Who may do what: the least that a projector needs, and readers of all tenants or of one at a time.

The owner is whoever migrates; it passes by every policy. What others may is in PostgreSQL's own catalog and
nowhere else: the policies on `leads` name the roles of each kind.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import asyncpg

Access = Literal["writer", "reader", "tenant_reader"]
"""The projector; a reader of all tenants; a reader of the tenant in its setting `leadstream.tenant`."""

TENANT_TABLES = (
    "leads", "score_events", "action_log", "decision_log", "removed_leads", "crm_destinations",
    "lead_scoring_models", "lead_score_factors",
)  # fmt: skip
"""The tables whose rows are a tenant's."""
POLICIES: dict[Access, str] = {
    "writer": "FOR ALL TO {roles} USING (true)",
    "reader": "FOR SELECT TO {roles} USING (true)",
    "tenant_reader": "FOR SELECT TO {roles} USING (tenant_id = current_setting('leadstream.tenant', true))",
}
SHARED = {
    "lead_scoring_models": "FOR SELECT TO {roles} USING "
    "(tenant_id IN ('', current_setting('leadstream.tenant', true)))"
}
"""What a tenant's reader may see of tables that have rows for all tenants."""
READ = (
    "SELECT ON leads, score_events, action_log, decision_log, removed_leads, crm_destinations",
    "SELECT ON lead_scoring_models, lead_score_factors",
    "SELECT ON projection_positions, projection_timeline, alembic_version",
    "SELECT ON {views}",
)
GRANTS: dict[Access, tuple[str, ...]] = {
    "writer": (
        "SELECT, INSERT, UPDATE, DELETE ON leads, removed_leads, lead_scoring_models",
        "SELECT, INSERT ON score_events, lead_score_factors, action_log, decision_log",
        "SELECT, INSERT ON projection_dead_letters",
        "SELECT, INSERT, UPDATE ON projection_positions",
        "SELECT ON alembic_version",
        "EXECUTE ON FUNCTION make_month(date), make_factor_month(date)",
    ),
    "reader": READ,
    "tenant_reader": READ,
}
ROLES_OF = """
SELECT roles::text[] FROM pg_policies
WHERE schemaname = current_schema() AND tablename = 'leads' AND policyname = $1
"""
VIEWS = "SELECT string_agg(quote_ident(viewname), ', ') FROM pg_views WHERE schemaname = current_schema()"


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
                statements += [f"GRANT {what.format(views=views)} TO {names[role]}" for what in GRANTS[kind]]
    for table in TENANT_TABLES:
        for kind, roles in members.items():
            statements.append(f"DROP POLICY IF EXISTS {kind} ON {table}")
            if roles:
                to = ", ".join(names[role] for role in sorted(roles))
                rule = SHARED.get(table, POLICIES[kind]) if kind == "tenant_reader" else POLICIES[kind]
                statements.append(f"CREATE POLICY {kind} ON {table} {rule.format(roles=to)}")
        if members["tenant_reader"]:
            statements.append(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    await connection.execute("; ".join(statements))


async def _quoted(connection: asyncpg.Connection, role: str) -> str:
    name: str = await connection.fetchval("SELECT quote_ident($1)", role)
    return name
