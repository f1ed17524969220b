"""Room for updates, and autovacuum before a twentieth of the leads has old versions."""

from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None

# A lead that only fades is updated without new index entries if its page has room (HOT). Autovacuum without
# pauses: it has to keep up with a projector that catches up. What was measured: docs/postgresql.md.
SETTINGS = (
    "ALTER TABLE leads SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, "
    "autovacuum_vacuum_cost_delay = 0, toast.autovacuum_vacuum_scale_factor = 0.05, "
    "toast.autovacuum_vacuum_cost_delay = 0)"
)


def upgrade() -> None:
    op.execute(SETTINGS)
