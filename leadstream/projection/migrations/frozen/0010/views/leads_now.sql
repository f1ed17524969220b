CREATE VIEW leads_now WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, shown_score(total_now) AS score_now, total_now, score_band, model, score_version,
    last_activity_on, next_change_on, suppressed, score_updated_on, stage, owner
FROM leads, LATERAL (
    SELECT total_of(accumulators, caps, epoch_ms(greatest(now(), score_updated_on))) AS total_now
) AS present;

COMMENT ON VIEW leads_now IS 'Every lead with its total and score at this moment';
COMMENT ON COLUMN leads_now.tenant_id IS 'The workspace';
COMMENT ON COLUMN leads_now.lead_id IS 'The lead';
COMMENT ON COLUMN leads_now.score_now IS 'The shown score now';
COMMENT ON COLUMN leads_now.total_now IS 'The exact total now, unclamped; lists sort by it';
COMMENT ON COLUMN leads_now.score_band IS
    'The band, exact: it is written at the very instant at which it changes';
COMMENT ON COLUMN leads_now.model IS 'The name of the model that scored';
COMMENT ON COLUMN leads_now.score_version IS 'Its version';
COMMENT ON COLUMN leads_now.last_activity_on IS 'The lead''s last positive behaviour, if any';
COMMENT ON COLUMN leads_now.next_change_on IS 'When the lead next changes by itself, if ever';
COMMENT ON COLUMN leads_now.suppressed IS 'Channels that may not be used; `all` stands for every one';
COMMENT ON COLUMN leads_now.score_updated_on IS 'When a signal or a timer last changed the lead';
COMMENT ON COLUMN leads_now.stage IS 'The stage, empty for none';
COMMENT ON COLUMN leads_now.owner IS
    'Whose the lead is: its fact owner, else whom an action''s assign gave it to; NULL for nobody';
