-- Actions that a model wanted and a policy withheld, with the reason, once per id.
-- Written by the projector. Read by action_outcomes and `leadstream lead show`.
CREATE TABLE decision_log (
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
    reason text,
    stage text NOT NULL,
    trigger text,
    priority text,
    until timestamptz,
    PRIMARY KEY (id)
);

COMMENT ON TABLE decision_log IS 'Actions that the model wanted and a policy withheld, with the reason';
COMMENT ON COLUMN decision_log.id IS 'A function of the cause: the same in every replay';
COMMENT ON COLUMN decision_log.type IS
    'The record''s type: lead.threshold.crossed, lead.action.requested, ...';
COMMENT ON COLUMN decision_log.tenant_id IS 'The workspace';
COMMENT ON COLUMN decision_log.lead_id IS 'The lead';
COMMENT ON COLUMN decision_log.at IS
    'The fold''s now (the highest broker time met in the partition, never the wall clock), or the exact '
    'instant of a change by itself';
COMMENT ON COLUMN decision_log.cause IS
    'signal, timer (inactivity, absence, deferred), decay, reset, merge, recovery or model';
COMMENT ON COLUMN decision_log.direction IS 'up or down';
COMMENT ON COLUMN decision_log.threshold IS 'The threshold that was crossed';
COMMENT ON COLUMN decision_log.total_before IS 'The exact total before';
COMMENT ON COLUMN decision_log.total_after IS 'The exact total after';
COMMENT ON COLUMN decision_log.score IS 'The shown score after';
COMMENT ON COLUMN decision_log.band IS 'The band after';
COMMENT ON COLUMN decision_log.model IS 'The model that decided';
COMMENT ON COLUMN decision_log.action IS 'What the model wants done';
COMMENT ON COLUMN decision_log.channel IS 'The channel of the action: email, phone, ...';
COMMENT ON COLUMN decision_log.crossing_id IS 'The crossing that the action follows from';
COMMENT ON COLUMN decision_log.signal_id IS 'The causing signal''s id';
COMMENT ON COLUMN decision_log.signal_type IS 'The causing signal''s type';
COMMENT ON COLUMN decision_log.signal IS 'The causing signal';
COMMENT ON COLUMN decision_log.log_partition IS 'Where the record stands: the partition of its topic';
COMMENT ON COLUMN decision_log.log_offset IS 'Where the record stands: the offset';
COMMENT ON COLUMN decision_log.altered IS
    'Whether text was shortened or held what PostgreSQL can''t (NUL, half a surrogate pair): U+FFFD then';
COMMENT ON COLUMN decision_log.reason IS
    'Why it was withheld: cooldown, suppressed, no_phone, no_email, no_consent, no_owner, repeated, '
    'outside_hours, deferred (judged again at until), no_longer, ...';
COMMENT ON COLUMN decision_log.stage IS 'The stage after, empty for none';
COMMENT ON COLUMN decision_log.trigger IS
    'What of the model triggered it: threshold:80.0, band:hot, stage:mql, spike:busy, timer:idle, rule:ad';
COMMENT ON COLUMN decision_log.priority IS 'The priority of the action, if the model gives one';
COMMENT ON COLUMN decision_log.until IS 'When an action that was deferred is judged again';

CREATE INDEX decision_log_by_crossing ON decision_log (crossing_id) WHERE crossing_id IS NOT NULL;
COMMENT ON INDEX decision_log_by_crossing IS 'For what came of a crossing';
CREATE INDEX decision_log_by_lead ON decision_log (tenant_id, lead_id, at DESC);
CREATE INDEX decision_log_by_time ON decision_log (type, at DESC);
