"""The models that score, and whose each lead is."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from leadstream.projection.migrations.versions.v0004_outbox import COMMENT as CRM_COMMENT
from leadstream.projection.migrations.versions.v0006_scoring_model import BEST, CHANGES, LEADS_NOW, changed
from leadstream.projection.migrations.versions.v0007_explanations import CONTACT_SCORES

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.Text(collation="C")
INSTANT = sa.TIMESTAMP(timezone=True)

# What a function returns can't be replaced; more columns of a view come last.
OWNED_BEST = changed(
    BEST,
    ("score_updated_on timestamptz\n)", "score_updated_on timestamptz, owner text\n)"),
    (
        "            leads.score_updated_on\n        FROM (",
        "            leads.score_updated_on, leads.owner\n        FROM (",
    ),
)
OWNED_CHANGES = changed(
    CHANGES,
    ("stage text, caps jsonb\n)", "stage text, caps jsonb, owner text\n)"),
    ("leads.stage, leads.caps\n", "leads.stage, leads.caps, leads.owner\n"),
)
OWNED_NOW = changed(LEADS_NOW, ("score_updated_on, stage\n", "score_updated_on, stage, owner\n"))
OWNED_CONTACTS = changed(
    CONTACT_SCORES,
    ("CREATE VIEW", "CREATE OR REPLACE VIEW"),
    ("previous.score_before AS previous_score\n", "previous.score_before AS previous_score, leads.owner\n"),
)
LEAD_OWNERS = """
CREATE VIEW lead_owners WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, owner FROM leads WHERE owner IS NOT NULL
"""
REPORT_OWNERS = """
CREATE VIEW report_owners WITH (security_invoker = true) AS
SELECT tenant_id, owner, sum(leads)::bigint AS leads, jsonb_object_agg(score_band, leads) AS bands,
    sum(total_score)::double precision / sum(leads)::double precision AS mean, max(highest) AS highest
FROM (
    SELECT tenant_id, owner, score_band, count(*) AS leads, sum(score_now) AS total_score,
        max(score_now) AS highest
    FROM leads_now GROUP BY tenant_id, owner, score_band
) AS bands
GROUP BY tenant_id, owner
"""
OWNER = "Whose the lead is: its fact owner, else whom an action's assign gave it to; NULL for nobody"
TENANT = "The workspace"
COMMENTS = {
    "TABLE removed_leads": "Leads that were removed and have not come back, for those who keep copies",
    "FUNCTION top_leads(text, integer, timestamptz)": "The leads of a tenant with the highest totals at an "
    "instant, by total, then by lead_id; right to the last place",
    "COLUMN leads_now.owner": OWNER,
    "COLUMN contact_scores.owner": OWNER,
    "VIEW lead_owners": "Whose each lead is, of those that are anybody's",
    "COLUMN lead_owners.tenant_id": TENANT,
    "COLUMN lead_owners.lead_id": "The lead",
    "COLUMN lead_owners.owner": OWNER,
    "VIEW report_owners": "The leads of each owner and how they stand now",
    "COLUMN report_owners.tenant_id": TENANT,
    "COLUMN report_owners.owner": "The owner; NULL for leads of nobody",
    "COLUMN report_owners.leads": "How many leads",
    "COLUMN report_owners.bands": "How many in each band",
    "COLUMN report_owners.mean": "The mean of their shown scores now",
    "COLUMN report_owners.highest": "The highest shown score now",
}


def column(name: str, kind: Any, comment: str, *, key: bool = False, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, primary_key=key, nullable=null, autoincrement=False)


def create_models() -> None:
    op.create_table(
        "lead_scoring_models",
        column("tenant_id", ID, "The workspace; empty for a model of all workspaces", key=True),
        column("fingerprint", ID, "Two models share it only if they score alike", key=True),
        column("scoring_model_id", sa.Text, "name/version, as contact_scores and the logs name a model"),
        column("name", sa.Text, "The name of the model"),
        column("version", sa.String(50), "Its version"),
        column("is_active", sa.Boolean, "Whether it scores the leads of the workspace; one at most does"),
        column("rules", JSONB, "The rule file, with its includes and the workspace's own half-life"),
        column(
            "decay_settings",
            JSONB,
            "How factors fade, the first by default: kernel, half_life (ms; of linear the period, of "
            "inactivity_step the interval), the factors that fade so, percent, linear, floor, ages",
        ),
        column("bands", JSONB, "By rising total: name, and start, without which it is the lowest"),
        column("thresholds", JSONB, "By rising total: at, and the hysteresis below it"),
        column("stages", JSONB, "As bands; without start, those that rules speak for"),
        column("caps", JSONB, "By category an array of low and high, between which its sum counts"),
        column("timezone", sa.Text, "The time zone of the workspace, if it has one of its own", null=True),
        column("created_at", INSTANT, "When a worker first told of it: the broker's time"),
        column("updated_at", INSTANT, "When a worker last told of it"),
        column("withdrawn", sa.Boolean, "Whether its last record says that it scores the workspace no more"),
        column("log_offset", sa.BigInteger, "The offset of its last record in the topic of models"),
        column("altered", sa.Boolean, "Whether text held what PostgreSQL can't: U+FFFD then"),
        comment="The models that score or have scored leads, as workers tell of them when they start",
    )
    op.create_index(
        "lead_scoring_models_active",
        "lead_scoring_models",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("is_active"),
    )


def upgrade() -> None:
    schema = str(op.get_context().version_table_schema)
    create_models()
    op.add_column("leads", column("owner", sa.Text, OWNER, null=True))
    op.create_index(
        "leads_by_owner", "leads", ["tenant_id", "owner"], postgresql_where=sa.text("owner IS NOT NULL")
    )
    op.execute("DROP VIEW report_owners, lead_owners")
    op.execute("DROP FUNCTION crm_changes(text, text, integer)")
    op.execute("DROP FUNCTION top_leads(text, integer, timestamptz)")
    for statement in (
        OWNED_NOW,
        OWNED_CONTACTS,
        LEAD_OWNERS,
        REPORT_OWNERS,
        OWNED_BEST.format(schema=schema),
        OWNED_CHANGES.format(schema=schema),
        CRM_COMMENT,
    ):
        op.execute(statement)
    for target, comment in COMMENTS.items():
        text = comment.replace("'", "''")
        op.execute(f"COMMENT ON {target} IS '{text}'")
