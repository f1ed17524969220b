-- Crossings, changes of band and stage, triggers that fired and requested actions, once per id.
-- Written by the projector. Read by crm_handoffs, action_outcomes, lead_journeys, `leadstream lead show`; the rows of
-- lead_score_factors come from it.
CREATE TABLE action_log (
    id text COLLATE "C" NOT NULL,
    type text NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    cause text NOT NULL,
    direction text NOT NULL,
    threshold double precision,
    total_before double precision NOT NULL,
    total_after double precision NOT NULL,
    score integer NOT NULL,
    band text NOT NULL,
    model text NOT NULL,
    action text,
    channel text,
    crossing_id text COLLATE "C",
    signal_id text,
    signal_type text,
    signal jsonb,
    log_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    altered boolean NOT NULL,
    previous_band text,
    payload jsonb,
    factors jsonb,
    stage text NOT NULL,
    trigger text,
    priority text,
    previous_stage text,
    value double precision,
    PRIMARY KEY (id)
);

COMMENT ON TABLE action_log IS
    'Crossings of thresholds, changes of band and stage, triggers that fired, and requested actions, each '
    'exactly once';
COMMENT ON COLUMN action_log.id IS 'A function of the cause: the same in every replay';
COMMENT ON COLUMN action_log.type IS 'The record''s type: lead.threshold.crossed, lead.action.requested, ...';
COMMENT ON COLUMN action_log.tenant_id IS 'The workspace';
COMMENT ON COLUMN action_log.lead_id IS 'The lead';
COMMENT ON COLUMN action_log.at IS
    'The fold''s now (the highest broker time met in the partition, never the wall clock), or the exact '
    'instant of a change by itself';
COMMENT ON COLUMN action_log.cause IS
    'signal, timer (inactivity, absence, deferred), decay, reset, merge, recovery or model';
COMMENT ON COLUMN action_log.direction IS 'up or down';
COMMENT ON COLUMN action_log.threshold IS 'The threshold that was crossed';
COMMENT ON COLUMN action_log.total_before IS 'The exact total before';
COMMENT ON COLUMN action_log.total_after IS 'The exact total after';
COMMENT ON COLUMN action_log.score IS 'The shown score after';
COMMENT ON COLUMN action_log.band IS 'The band after';
COMMENT ON COLUMN action_log.model IS 'The model that decided';
COMMENT ON COLUMN action_log.action IS 'What the model wants done';
COMMENT ON COLUMN action_log.channel IS 'The channel of the action: email, phone, ...';
COMMENT ON COLUMN action_log.crossing_id IS 'The crossing that the action follows from';
COMMENT ON COLUMN action_log.signal_id IS 'The causing signal''s id';
COMMENT ON COLUMN action_log.signal_type IS 'The causing signal''s type';
COMMENT ON COLUMN action_log.signal IS 'The causing signal';
COMMENT ON COLUMN action_log.log_partition IS 'Where the record stands: the partition of its topic';
COMMENT ON COLUMN action_log.log_offset IS 'Where the record stands: the offset';
COMMENT ON COLUMN action_log.altered IS
    'Whether text was shortened or held what PostgreSQL can''t (NUL, half a surrogate pair): U+FFFD then';
COMMENT ON COLUMN action_log.previous_band IS 'Of a change of band: the band before';
COMMENT ON COLUMN action_log.payload IS 'Of a requested action: what its agent needs';
COMMENT ON COLUMN action_log.factors IS 'What each factor contributed then';
COMMENT ON COLUMN action_log.stage IS 'The stage after, empty for none';
COMMENT ON COLUMN action_log.trigger IS
    'What of the model triggered it: threshold:80.0, band:hot, stage:mql, spike:busy, timer:idle, rule:ad';
COMMENT ON COLUMN action_log.priority IS 'The priority of the action, if the model gives one';
COMMENT ON COLUMN action_log.previous_stage IS 'Of a change of stage: the one before';
COMMENT ON COLUMN action_log.value IS 'What a spike has reached: a count or points';

CREATE INDEX action_log_by_crossing ON action_log (crossing_id) WHERE crossing_id IS NOT NULL;
COMMENT ON INDEX action_log_by_crossing IS 'For what came of a crossing';
CREATE INDEX action_log_by_lead ON action_log (tenant_id, lead_id, at DESC);
CREATE INDEX action_log_by_time ON action_log (type, at DESC);
CREATE INDEX action_log_requested ON action_log (tenant_id, log_partition, log_offset)
WHERE type = 'lead.action.requested';
COMMENT ON INDEX action_log_requested IS 'For crm_handoffs of a tenant since an offset';
CREATE INDEX action_log_thresholds ON action_log (tenant_id, threshold)
WHERE type = 'lead.threshold.crossed';
