"""Scores explained: lead_score_factors and contact_scores, as views."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FACTORS_AT = """
CREATE FUNCTION factors_at(accumulators jsonb, caps jsonb, at_ms double precision)
RETURNS TABLE (factor text, category text, points double precision, signals integer, last_at double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH part AS MATERIALIZED (
        SELECT one ->> 0 AS factor, one ->> 1 AS category, contribution_of(one, at_ms) AS points,
            (one ->> 7)::integer AS signals, (one ->> 8)::double precision AS last_at
        FROM jsonb_array_elements(accumulators) AS one
    )
    SELECT part.factor, part.category, part.points, part.signals, part.last_at FROM part
    UNION ALL
    SELECT 'cap:' || capped.category, capped.category, capped.beyond, 0, NULL FROM (
        SELECT part.category, clamped(sum(part.points), caps -> part.category) - sum(part.points) AS beyond
        FROM part WHERE caps ? part.category GROUP BY part.category
    ) AS capped WHERE beyond NOT IN (0, 'NaN');
END
"""
# Each factor of a lead with the last five signals in it, of the lead's last thousand since a reset.
LEAD_SCORE_FACTORS = """
CREATE VIEW lead_score_factors WITH (security_invoker = true) AS
SELECT leads.tenant_id, leads.lead_id, leads.model || '/' || leads.score_version AS model_version,
    left(made.factor, 100)::varchar(100) AS factor_key, made.category AS factor_category,
    round(least(greatest(nullif(made.points, 'NaN'), -1e9), 1e9))::integer AS points,
    jsonb_build_object(
        'factor', made.factor, 'points', nullif(made.points, 'NaN'), 'count', made.signals,
        'last_at', CASE WHEN made.signals > 0 THEN made.newest_at END,
        'signals', coalesce(evidence.signals -> made.factor, '[]')
    ) AS details,
    CASE
        WHEN evidence.signals ? made.factor
            THEN (evidence.signals -> made.factor -> 0 ->> 'created_at')::timestamptz
        WHEN made.signals > 0 THEN least(made.newest_at, leads.score_updated_on)
        ELSE leads.score_updated_on
    END AS created_on
FROM leads LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(of_factor.factor, of_factor.signals) AS signals FROM (
        SELECT numbered.factor, jsonb_agg(
            jsonb_build_object(
                'signal_id', signal_id, 'event_type', event_type, 'source', source, 'at', at,
                'created_at', created_at, 'points', points, 'source_partition', source_partition,
                'source_offset', source_offset
            ) ORDER BY number
        ) AS signals
        FROM (
            SELECT since.*, part ->> 'factor' AS factor, (part ->> 'points')::double precision AS points,
                row_number() OVER (
                    PARTITION BY part ->> 'factor' ORDER BY created_at DESC, source_offset DESC
                ) AS number
            FROM (
                SELECT latest.*, max(source_offset) FILTER (WHERE outcome = 'reset') OVER () AS reset_offset
                FROM (
                    SELECT signal_id, event_type, source, at, created_at, source_partition, source_offset,
                        contributions, outcome
                    FROM score_events AS event
                    WHERE event.tenant_id = leads.tenant_id AND event.lead_id = leads.lead_id
                    ORDER BY created_at DESC LIMIT 1000
                ) AS latest
            ) AS since, jsonb_array_elements(contributions) AS part
            WHERE reset_offset IS NULL OR source_offset > reset_offset
        ) AS numbered
        WHERE number <= 5 GROUP BY numbered.factor
    ) AS of_factor
) AS evidence ON true, LATERAL (
    SELECT factor, category, points, signals, timestamptz 'epoch'
        + least(greatest(last_at, -62135596800000), 253402300799999) * interval '1 ms' AS newest_at
    FROM factors_at(accumulators, caps, epoch_ms(greatest(now(), score_updated_on)))
) AS made
"""
CONTACT_SCORES = """
CREATE VIEW contact_scores WITH (security_invoker = true) AS
SELECT leads.tenant_id || ':' || leads.lead_id || ':' || leads.model AS id, leads.tenant_id,
    leads.lead_id AS contact_id, leads.model || '/' || leads.score_version AS scoring_model_id,
    shown_score(nullif(present.total, 'NaN')) AS total_score,
    nullif(present.engagement, 'NaN') AS engagement_score, nullif(present.fit, 'NaN') AS fit_score,
    nullif(present.intent, 'NaN') AS intent_score, leads.score_updated_on AS last_calculated_at,
    leads.last_activity_on AS last_activity_at, previous.score_before AS previous_score
FROM leads LEFT JOIN LATERAL (
    SELECT score_before FROM score_events AS event
    WHERE event.tenant_id = leads.tenant_id AND event.lead_id = leads.lead_id
    ORDER BY event.created_at DESC, event.source_offset DESC LIMIT 1
) AS previous ON true, LATERAL (
    SELECT coalesce(sum(points), 0) AS total,
        coalesce(sum(points) FILTER (WHERE category = 'engagement'), 0) AS engagement,
        coalesce(sum(points) FILTER (WHERE category = 'fit'), 0) AS fit,
        coalesce(sum(points) FILTER (WHERE category = 'intent'), 0) AS intent
    FROM factors_at(accumulators, caps, epoch_ms(greatest(now(), score_updated_on)))
) AS present
"""
COMMENTS = {
    "FUNCTION factors_at(jsonb, jsonb, double precision)": "What each factor contributes at an instant (ms "
    "since 1970), and what each category is over its cap as a factor cap:<category>; the points add up to "
    "the total",
    "VIEW lead_score_factors": "Why each lead has its total at this moment: its factors and what made them",
    "COLUMN lead_score_factors.tenant_id": "The workspace",
    "COLUMN lead_score_factors.lead_id": "The lead",
    "COLUMN lead_score_factors.model_version": "The model that scored, and its version",
    "COLUMN lead_score_factors.factor_key": "The factor; cap:<category> for what a cap takes away",
    "COLUMN lead_score_factors.factor_category": "Its category, empty for none",
    "COLUMN lead_score_factors.points": "What it contributes now, rounded; exact in details",
    "COLUMN lead_score_factors.details": "The evidence: factor, exact points, count of signals, last_at, "
    "and signals: of the last five what and when they were, what they were worth, and their place in "
    "score_events",
    "COLUMN lead_score_factors.created_on": "When the factor last changed other than by the passing of "
    "time: when its newest signal was folded",
    "VIEW contact_scores": "The score of each contact by its model at this moment, and its dimensions",
    "COLUMN contact_scores.id": "Tenant, contact and model: one row each",
    "COLUMN contact_scores.tenant_id": "The workspace",
    "COLUMN contact_scores.contact_id": "The lead",
    "COLUMN contact_scores.scoring_model_id": "The model that scored, and its version",
    "COLUMN contact_scores.total_score": "The shown score now",
    "COLUMN contact_scores.engagement_score": "The points of the category engagement now, under its cap; 0 "
    "without such a category",
    "COLUMN contact_scores.fit_score": "The points of the category fit now, under its cap; 0 without it",
    "COLUMN contact_scores.intent_score": "The points of the category intent now, under its cap; 0 without "
    "it",
    "COLUMN contact_scores.last_calculated_at": "When a signal or a timer last changed the score",
    "COLUMN contact_scores.last_activity_at": "The last positive behaviour, if any",
    "COLUMN contact_scores.previous_score": "The shown score before the last signal; NULL without history",
}


def upgrade() -> None:
    for statement in (FACTORS_AT, LEAD_SCORE_FACTORS, CONTACT_SCORES):
        op.execute(statement)
    for target, comment in COMMENTS.items():
        # A colon before a letter would be a parameter.
        text = comment.replace("'", "''").replace(":", r"\:")
        op.execute(f"COMMENT ON {target} IS '{text}'")
