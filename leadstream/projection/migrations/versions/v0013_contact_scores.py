"""contact_scores as of last_calculated_at, with an index by score."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# The score and its dimensions are of one instant: that of the row. So lists by score can follow an index.
CONTACT_SCORES = """
CREATE VIEW contact_scores WITH (security_invoker = true) AS
SELECT leads.tenant_id || '\\:' || leads.lead_id || '\\:' || leads.model AS id, leads.tenant_id,
    leads.lead_id AS contact_id, leads.model || '/' || leads.score_version AS scoring_model_id,
    leads.score_total AS total_score, leads.total AS total,
    nullif(dimensions.engagement, 'NaN') AS engagement_score, nullif(dimensions.fit, 'NaN') AS fit_score,
    nullif(dimensions.intent, 'NaN') AS intent_score, leads.score_updated_on AS last_calculated_at,
    leads.last_activity_on AS last_activity_at, previous.score_before AS previous_score, leads.owner
FROM leads LEFT JOIN LATERAL (
    SELECT score_before FROM score_events AS event
    WHERE event.tenant_id = leads.tenant_id AND event.lead_id = leads.lead_id
    ORDER BY event.created_at DESC, event.source_offset DESC LIMIT 1
) AS previous ON true, LATERAL (
    SELECT coalesce(sum(points) FILTER (WHERE category = 'engagement'), 0) AS engagement,
        coalesce(sum(points) FILTER (WHERE category = 'fit'), 0) AS fit,
        coalesce(sum(points) FILTER (WHERE category = 'intent'), 0) AS intent
    FROM factors_at(accumulators, caps, epoch_ms(score_updated_on))
) AS dimensions
"""
COMMENTS = {
    "VIEW contact_scores": "The score of each contact by its model as of last_calculated_at, and its "
    "dimensions; one row for each contact, by the key of leads. At this moment: leads_now, top_leads",
    "COLUMN contact_scores.id": "Tenant, contact and model: one row each",
    "COLUMN contact_scores.tenant_id": "The workspace",
    "COLUMN contact_scores.contact_id": "The lead",
    "COLUMN contact_scores.scoring_model_id": "The model that scored, and its version",
    "COLUMN contact_scores.total_score": "The shown score, as in leads.score_total; indexed by tenant",
    "COLUMN contact_scores.total": "The exact total, unclamped",
    "COLUMN contact_scores.engagement_score": "The points of the category engagement under its cap; 0 "
    "without such a category",
    "COLUMN contact_scores.fit_score": "The points of the category fit under its cap; 0 without it",
    "COLUMN contact_scores.intent_score": "The points of the category intent under its cap; 0 without it",
    "COLUMN contact_scores.last_calculated_at": "The instant of the scores of this row, by the fold's clock: "
    "the last signal, timer or change of the shown score that was written",
    "COLUMN contact_scores.last_activity_at": "The last positive behaviour, if any",
    "COLUMN contact_scores.previous_score": "The shown score before the last signal; NULL without history",
    "COLUMN contact_scores.owner": "Whose the lead is: its fact owner, else whom an action's assign gave it "
    "to; NULL for nobody",
    "INDEX leads_by_score": "Lists of contact_scores by score, equals by their exact total",
}


def upgrade() -> None:
    op.execute("DROP VIEW contact_scores")
    op.execute("CREATE INDEX leads_by_score ON leads (tenant_id, score_total DESC, total DESC, lead_id)")
    op.execute(CONTACT_SCORES)
    for target, comment in COMMENTS.items():
        text = comment.replace("'", "''").replace(":", r"\:")
        op.execute(f"COMMENT ON {target} IS '{text}'")
