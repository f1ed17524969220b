"""Giving a role its rights."""

from leadstream.projection.database import connect, translated
from leadstream.projection.errors import ProjectionError
from leadstream.projection.migrate import LOCK, schema_state_of
from leadstream.projection.policies import Access, give, granted


class UnknownRole(ProjectionError):
    """PostgreSQL has no role of that name."""


async def grant(dsn: str, schema: str, role: str, access: Access) -> None:
    """Gives a role what its kind needs, and takes away what it had in the schema before.

    A `tenant_reader` turns row-level security on: from then on roles that have their rights by other means
    than this see no rows. Needs the schema's owner. Raises `UnknownRole`, `SchemaMismatch`,
    `StoreUnavailable`.
    """
    connection = await connect(dsn)
    try:
        with translated(dsn):
            (await schema_state_of(connection, schema)).check()
            async with connection.transaction():
                await connection.execute(f"SET LOCAL search_path TO {schema}")
                await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
                if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
                    raise UnknownRole(
                        f"PostgreSQL has no role {role}: make it with `CREATE ROLE {role} LOGIN`"
                    )
                members = await granted(connection)
                for roles in members.values():
                    roles.discard(role)
                members[access].add(role)
                await give(connection, members, [role])
    finally:
        await connection.close()
