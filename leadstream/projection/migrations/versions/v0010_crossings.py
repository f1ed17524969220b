"""What follows from a crossing, found by an index."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without it a question what came of a few crossings reads both logs from end to end.
    for table in ("action_log", "decision_log"):
        op.execute(f"CREATE INDEX {table}_by_crossing ON {table} (crossing_id) WHERE crossing_id IS NOT NULL")
        op.execute(f"COMMENT ON INDEX {table}_by_crossing IS 'For what came of a crossing'")
