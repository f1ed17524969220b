"""Everything that the first release had from the start, as text in `frozen/0010`."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0010"
down_revision = None
branch_labels = None
depends_on = None

FROZEN = Path(__file__).parents[1] / "frozen" / revision
FILES = (
    "tables/action_log",
    "tables/crm_destinations",
    "tables/decision_log",
    "tables/lead_scoring_models",
    "tables/leads",
    "tables/projection_dead_letters",
    "tables/projection_positions",
    "tables/projection_timeline",
    "tables/removed_leads",
    "tables/score_events",
    "functions/clamped",
    "functions/crm_changes",
    "functions/detailed_contribution_of",
    "functions/contribution_of",
    "functions/capped_total_of",
    "functions/epoch_ms",
    "functions/factors_at",
    "functions/lead_journeys",
    "functions/make_month",
    "functions/rank_bound",
    "functions/rank_floor",
    "functions/rank_of",
    "functions/report_cohorts",
    "functions/report_funnel",
    "functions/report_top_actions",
    "functions/shown_score",
    "functions/total_of",
    "functions/report_movers",
    "functions/score_at",
    "functions/top_leads",
    "views/action_outcomes",
    "functions/report_outcomes",
    "views/contact_scores",
    "views/crm_handoffs",
    "views/lead_owners",
    "views/lead_score_factors",
    "views/leads_now",
    "views/report_distribution",
    "views/report_owners",
    "views/report_stages",
)
"""Each after what it needs."""


def upgrade() -> None:
    schema = str(op.get_context().version_table_schema)
    # As asyncpg runs many statements at once, and takes colons and percent signs as they are.
    connection: Any = op.get_bind().connection.dbapi_connection
    # Functions that keep a search_path keep this one.
    statements = [f"SET LOCAL search_path TO {schema}, pg_temp"]
    statements += [(FROZEN / f"{name}.sql").read_text() for name in FILES]
    statements.append(f"SET LOCAL search_path TO {schema}")
    for statement in statements:
        connection.run_async(lambda raw, text=statement: raw.execute(text))
