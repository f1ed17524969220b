"""What a schema consists of, from PostgreSQL's own catalog, and how two schemas differ."""

import re

import asyncpg

QUERIES = {
    "table or view": """
        SELECT relname::text, concat_ws('; ', relkind, array_to_string(reloptions, ','),
            pg_get_partkeydef(oid), pg_get_expr(relpartbound, oid), 'row security ' || relrowsecurity,
            (SELECT 'part of ' || inhparent::regclass FROM pg_inherits WHERE inhrelid = oid))
        FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind NOT IN ('i', 'I')
    """,
    "column": """
        SELECT relname || '.' || attname, concat_ws('; ', 'place ' || row_number() OVER (
                PARTITION BY attrelid ORDER BY attnum
            ), format_type(atttypid, atttypmod), attcollation::regcollation,
            CASE WHEN attnotnull THEN 'not null' END, attgenerated, attidentity,
            'default ' || pg_get_expr(adbin, adrelid))
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = current_schema()::regnamespace AND relkind NOT IN ('i', 'I')
            AND attnum > 0 AND NOT attisdropped
    """,
    # That a column is not null is told with the column.
    "constraint": """
        SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'
    """,
    "index": """
        SELECT indexname::text, indexdef FROM pg_indexes WHERE schemaname = current_schema()
    """,
    "definition of view": """
        SELECT viewname::text, definition FROM pg_views WHERE schemaname = current_schema()
    """,
    "function": """
        SELECT oid::regprocedure::text, pg_get_functiondef(oid)
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
    """,
    "comment": """
        SELECT concat_ws('.', pg_describe_object(classoid, objoid, objsubid)), description
        FROM pg_description WHERE (classoid, objoid) IN (
            SELECT 'pg_class'::regclass::oid, oid FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace
            UNION ALL
            SELECT 'pg_proc'::regclass::oid, oid FROM pg_proc
            WHERE pronamespace = current_schema()::regnamespace
        )
    """,
    "policy": """
        SELECT tablename || '.' || policyname, concat_ws('; ', cmd, permissive, roles, qual, with_check)
        FROM pg_policies WHERE schemaname = current_schema()
    """,
    "rights on": """
        SELECT relname::text, string_agg(
            concat_ws(' ', coalesce(role.rolname, 'public'), privilege_type), ', '
            ORDER BY role.rolname, privilege_type
        )
        FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner))) AS given
        LEFT JOIN pg_roles AS role ON role.oid = given.grantee
        WHERE relnamespace = current_schema()::regnamespace AND grantee <> relowner GROUP BY 1
    """,
    "rights on function": """
        SELECT pg_proc.oid::regprocedure::text, string_agg(
            concat_ws(' ', coalesce(role.rolname, 'public'), privilege_type), ', '
            ORDER BY role.rolname, privilege_type
        )
        FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS given
        LEFT JOIN pg_roles AS role ON role.oid = given.grantee
        WHERE pronamespace = current_schema()::regnamespace AND grantee <> proowner GROUP BY 1
    """,
    "rights on schema": """
        SELECT 'of all', string_agg(
            concat_ws(' ', role.rolname, privilege_type), ', ' ORDER BY role.rolname, privilege_type
        )
        FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS given
        LEFT JOIN pg_roles AS role ON role.oid = given.grantee
        WHERE nspname = current_schema() AND grantee <> nspowner GROUP BY 1
    """,
    "row of": "SELECT 'alembic_version', version_num::text FROM alembic_version",
}
"""Rows of a name and its description, by the kind of thing."""


async def catalog(dsn: str, schema: str) -> dict[str, str]:
    """The description of each thing in the schema, by kind and name; the schema's own name is `here`."""
    connection = await asyncpg.connect(dsn, server_settings={"search_path": schema})
    try:
        found = {
            f"{kind} {name}": what or ""
            for kind, query in QUERIES.items()
            for name, what in await connection.fetch(query)
        }
    finally:
        await connection.close()
    own = re.compile(rf"\b{schema}\b")
    return {own.sub("here", name): own.sub("here", what) for name, what in found.items()}


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """What the schema found lacks, has beside or has otherwise than the one expected, a sentence each."""
    return [
        *(f"{name} is missing" for name in expected if name not in found),
        *(f"{name} is not expected" for name in found if name not in expected),
        *(
            f"{name} is {found[name]!r}, expected {what!r}"
            for name, what in expected.items()
            if found.get(name, what) != what
        ),
    ]
