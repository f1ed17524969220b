"""Which topic a position is in: one that is made anew under the same name has another id."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE projection_positions ADD COLUMN topic_id text")
    op.execute(
        "COMMENT ON COLUMN projection_positions.topic_id IS "
        "'The id of the topic, a position means something in it only; null if the broker has none'"
    )
