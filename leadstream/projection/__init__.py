"""PostgreSQL: the projector, its store, migrations and queries."""
