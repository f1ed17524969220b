-- What each factor contributed when its lead crossed a threshold, changed its band or stage or set off a trigger:
-- the audit trail, in whole points (exact in details). A partition a month (UTC) by created_on, made by
-- make_factor_month. Written by the projector through factor_trail_of. Read by whoever has to explain a score.
CREATE TABLE lead_score_factors (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    model_version text NOT NULL,
    factor_key varchar(100) NOT NULL,
    factor_category text NOT NULL,
    points integer NOT NULL,
    details jsonb NOT NULL,
    created_on timestamptz NOT NULL,
    evaluation text COLLATE "C" NOT NULL,
    item integer NOT NULL,
    PRIMARY KEY (evaluation, item, created_on)
) PARTITION BY RANGE (created_on);

COMMENT ON TABLE lead_score_factors IS
    'What each factor contributed when a lead crossed a threshold, changed its band or stage, or a trigger '
    'fired; once an evaluation; a partition a month by created_on';
COMMENT ON COLUMN lead_score_factors.tenant_id IS 'The workspace';
COMMENT ON COLUMN lead_score_factors.lead_id IS 'The lead';
COMMENT ON COLUMN lead_score_factors.model_version IS 'The model that scored, and its version: name/version';
COMMENT ON COLUMN lead_score_factors.factor_key IS
    'The factor; cap:<category> for what a cap takes away, rest:smallest for the sum of those beyond the 63 '
    'weightiest. One of more than 100 characters is cut to 83, # and 16 digits of its SHA-256';
COMMENT ON COLUMN lead_score_factors.factor_category IS 'Its category, empty for none';
COMMENT ON COLUMN lead_score_factors.points IS
    'What it contributed then, rounded (a half to the even); exact in details';
COMMENT ON COLUMN lead_score_factors.details IS
    'The evidence: factor, exact points, count of its signals, last_at (ms since 1970) of the newest and '
    'offset of the last folded; record_id, type and cause of the record in action_log that says so, the '
    'totals before and after, the causing signal''s id and type';
COMMENT ON COLUMN lead_score_factors.created_on IS
    'When the crossing, change or trigger was, by the fold''s clock';
COMMENT ON COLUMN lead_score_factors.evaluation IS
    'The evaluation of the lead: its factors have it in common';
COMMENT ON COLUMN lead_score_factors.item IS 'The place among them by weight, from 1';

CREATE INDEX lead_score_factors_by_lead ON lead_score_factors (tenant_id, lead_id, created_on DESC);
COMMENT ON INDEX lead_score_factors_by_lead IS 'The factors of a lead, the newest first';

CREATE TABLE lead_score_factors_other (LIKE lead_score_factors INCLUDING DEFAULTS INCLUDING COMMENTS);
ALTER TABLE lead_score_factors ATTACH PARTITION lead_score_factors_other DEFAULT;
-- Whatever rights a role has by default: rows are read through the table and its policies.
ALTER TABLE lead_score_factors_other ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE lead_score_factors_other IS 'Rows of lead_score_factors whose month has no partition';
