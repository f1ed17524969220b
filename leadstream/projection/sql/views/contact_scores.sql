-- The score of each contact and its dimensions in points, as of last_calculated_at: score and dimensions are of one
-- instant, that of the row, so lists by score follow the index leads_by_score. Read by the CRM.
CREATE VIEW contact_scores WITH (security_invoker = true) AS
SELECT leads.tenant_id || ':' || leads.lead_id || ':' || leads.model AS id, leads.tenant_id,
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
) AS dimensions;

COMMENT ON VIEW contact_scores IS
    'The score of each contact by its model as of last_calculated_at, and its dimensions; one row for each '
    'contact, by the key of leads. At this moment: leads_now, top_leads';
COMMENT ON COLUMN contact_scores.id IS 'Tenant, contact and model: one row each';
COMMENT ON COLUMN contact_scores.tenant_id IS 'The workspace';
COMMENT ON COLUMN contact_scores.contact_id IS 'The lead';
COMMENT ON COLUMN contact_scores.scoring_model_id IS 'The model that scored, and its version';
COMMENT ON COLUMN contact_scores.total_score IS 'The shown score, as in leads.score_total; indexed by tenant';
COMMENT ON COLUMN contact_scores.total IS 'The exact total, unclamped';
COMMENT ON COLUMN contact_scores.engagement_score IS
    'The points of the category engagement under its cap; 0 without such a category';
COMMENT ON COLUMN contact_scores.fit_score IS 'The points of the category fit under its cap; 0 without it';
COMMENT ON COLUMN contact_scores.intent_score IS
    'The points of the category intent under its cap; 0 without it';
COMMENT ON COLUMN contact_scores.last_calculated_at IS
    'The instant of the scores of this row, by the fold''s clock: the last signal, timer or change of the '
    'shown score that was written';
COMMENT ON COLUMN contact_scores.last_activity_at IS 'The last positive behaviour, if any';
COMMENT ON COLUMN contact_scores.previous_score IS
    'The shown score before the last signal; NULL without history';
COMMENT ON COLUMN contact_scores.owner IS
    'Whose the lead is: its fact owner, else whom an action''s assign gave it to; NULL for nobody';
