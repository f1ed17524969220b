"""What alembic runs: the revisions, on the connection and in the schema and transaction of `migrate`."""

from alembic import context

schema = context.config.attributes["schema"]
context.configure(connection=context.config.attributes["connection"], version_table_schema=schema)
context.run_migrations()
