"""The schema's history, in alembic's layout. `leadstream.projection.migrate` runs it."""
