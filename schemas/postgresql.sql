-- The tables of LeadStream in PostgreSQL as `leadstream db migrate` leaves them, and the rights that
-- `leadstream db grant` gives to roles named leadstream_writer, leadstream_reader and
-- leadstream_tenant_reader, which have to be there. For reading, comparing and trying out.
--
-- Written by `python -m leadstream.projection.schema` from leadstream/projection/sql: change the files there.

CREATE SCHEMA leadstream;
-- Functions that keep a search_path keep this one.
SET search_path TO leadstream, pg_temp;

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

-- The revision that the schema is at: one row, written by the migrations.
-- Read by every command and the projector, which refuse another revision than theirs.
CREATE TABLE alembic_version (
    version_num varchar(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO alembic_version VALUES ('0016');

-- Where changes of leads are handed to. Written by `leadstream db destination`. Read by crm_changes.
CREATE TABLE crm_destinations (
    name text COLLATE "C" NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    writes text NOT NULL,
    PRIMARY KEY (name),
    CONSTRAINT crm_destinations_writes CHECK (writes IN ('every_update', 'band_change'))
);

COMMENT ON TABLE crm_destinations IS 'Where changes of leads are handed to';
COMMENT ON COLUMN crm_destinations.name IS 'What it is called in crm_changes';
COMMENT ON COLUMN crm_destinations.tenant_id IS 'The workspace whose leads it gets';
COMMENT ON COLUMN crm_destinations.writes IS
    'every_update, or band_change for only those that entered another band';

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

-- The models that score leads or did, as workers tell of them at their start. Half-lives in milliseconds,
-- decay_interval_days in days. The columns from id on follow from the others, for those who know other names.
-- Written by the projector. Read by band_at, `leadstream lead list` and `lead show`.
CREATE TABLE lead_scoring_models (
    tenant_id text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    scoring_model_id text NOT NULL,
    name text NOT NULL,
    version varchar(50) NOT NULL,
    is_active boolean NOT NULL,
    scoring_rules jsonb NOT NULL,
    decay_settings jsonb NOT NULL,
    bands jsonb NOT NULL,
    thresholds jsonb NOT NULL,
    stages jsonb NOT NULL,
    caps jsonb NOT NULL,
    timezone text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    withdrawn boolean NOT NULL,
    log_offset bigint NOT NULL,
    altered boolean NOT NULL,
    id text GENERATED ALWAYS AS (tenant_id || ':' || fingerprint) STORED,
    description text GENERATED ALWAYS AS (coalesce(scoring_rules ->> 'description', '')) STORED,
    decay_enabled boolean GENERATED ALWAYS AS (
        jsonb_path_exists(
            decay_settings,
            '$[*] ? (@.kernel == "exponential" || @.kernel == "linear" || @.kernel == "inactivity_step"'
            ' || exists(@.ages[*]))'
        )
    ) STORED,
    decay_rate double precision GENERATED ALWAYS AS (
        CASE jsonb_path_query_first(
            decay_settings,
            '$[*] ? (@.kernel == "exponential" || @.kernel == "linear" || @.kernel == "inactivity_step")'
        ) ->> 'kernel'
            WHEN 'exponential' THEN 0.5
            WHEN 'linear' THEN 1
            WHEN 'inactivity_step' THEN (jsonb_path_query_first(
            decay_settings,
            '$[*] ? (@.kernel == "exponential" || @.kernel == "linear" || @.kernel == "inactivity_step")'
        ) ->> 'percent')::double precision / 100
        END
    ) STORED,
    decay_interval_days double precision GENERATED ALWAYS AS (
        (jsonb_path_query_first(
            decay_settings,
            '$[*] ? (@.kernel == "exponential" || @.kernel == "linear" || @.kernel == "inactivity_step")'
        ) ->> 'half_life')::double precision / 86400000
    ) STORED,
    PRIMARY KEY (tenant_id, fingerprint)
);

COMMENT ON TABLE lead_scoring_models IS
    'The models that score or have scored leads, as workers tell of them when they start';
COMMENT ON COLUMN lead_scoring_models.tenant_id IS 'The workspace; empty for a model of all workspaces';
COMMENT ON COLUMN lead_scoring_models.fingerprint IS 'Two models share it only if they score alike';
COMMENT ON COLUMN lead_scoring_models.scoring_model_id IS
    'name/version, as contact_scores and the logs name a model';
COMMENT ON COLUMN lead_scoring_models.name IS 'The name of the model';
COMMENT ON COLUMN lead_scoring_models.version IS 'Its version';
COMMENT ON COLUMN lead_scoring_models.is_active IS
    'Whether it scores the leads of the workspace; one at most does';
COMMENT ON COLUMN lead_scoring_models.scoring_rules IS
    'The rule file, with its includes and the workspace''s own half-life';
COMMENT ON COLUMN lead_scoring_models.decay_settings IS
    'How factors fade, the first by default: kernel, half_life (ms; of linear the period, of inactivity_step'
    ' the interval), the factors that fade so, percent, linear, floor, ages';
COMMENT ON COLUMN lead_scoring_models.bands IS
    'By rising total: name, start, without which it is the lowest, and the hysteresis below it';
COMMENT ON COLUMN lead_scoring_models.thresholds IS 'By rising total: at, and the hysteresis below it';
COMMENT ON COLUMN lead_scoring_models.stages IS 'As bands; without start, those that rules speak for';
COMMENT ON COLUMN lead_scoring_models.caps IS
    'By category an array of low and high, between which its sum counts';
COMMENT ON COLUMN lead_scoring_models.timezone IS 'The time zone of the workspace, if it has one of its own';
COMMENT ON COLUMN lead_scoring_models.created_at IS 'When a worker first told of it: the broker''s time';
COMMENT ON COLUMN lead_scoring_models.updated_at IS 'When a worker last told of it';
COMMENT ON COLUMN lead_scoring_models.withdrawn IS
    'Whether its last record says that it scores the workspace no more';
COMMENT ON COLUMN lead_scoring_models.log_offset IS 'The offset of its last record in the topic of models';
COMMENT ON COLUMN lead_scoring_models.altered IS 'Whether text held what PostgreSQL can''t: U+FFFD then';
COMMENT ON COLUMN lead_scoring_models.id IS 'Tenant and fingerprint: one model of one workspace';
COMMENT ON COLUMN lead_scoring_models.description IS 'What the rule file says of itself, empty for nothing';
COMMENT ON COLUMN lead_scoring_models.decay_enabled IS
    'Whether any factor fades, by a kernel or by an age table';
COMMENT ON COLUMN lead_scoring_models.decay_rate IS
    'Of the first decay that fades, the part of a contribution that is lost in decay_interval_days, 0 to 1: '
    'half in a half-life, all in the period of a linear one, the step of an inactivity_step for each '
    'interval without activity; NULL where no kernel fades. All of them are in decay_settings';
COMMENT ON COLUMN lead_scoring_models.decay_interval_days IS
    'In how many days of 86,400 s decay_rate is lost; NULL where no kernel fades';

CREATE UNIQUE INDEX lead_scoring_models_active ON lead_scoring_models (tenant_id) WHERE is_active;
CREATE UNIQUE INDEX lead_scoring_models_id ON lead_scoring_models (id);

-- A lead's state as of score_updated_on: scores in points, half-lives in milliseconds.
-- Written by the projector over the row before, never over a newer one. Read by the CRM, by score_at, leads_now,
-- top_leads, contact_scores, crm_changes and the reports. Indexes leads_by_log and leads_by_band are made by
-- `leadstream db destination` when they are first wanted.
CREATE TABLE leads (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    score_total integer NOT NULL,
    score_band text NOT NULL,
    score_version varchar(50) NOT NULL,
    score_updated_on timestamptz NOT NULL,
    total double precision NOT NULL,
    model text NOT NULL,
    next_change_on timestamptz,
    last_activity_on timestamptz,
    suppressed text[] NOT NULL,
    accumulators jsonb NOT NULL,
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    altered boolean NOT NULL,
    rank_half_life bigint NOT NULL,
    rank_base double precision NOT NULL,
    rank_key double precision NOT NULL,
    log_offset bigint NOT NULL,
    band_offset bigint NOT NULL,
    stage text NOT NULL,
    caps jsonb NOT NULL,
    owner text,
    PRIMARY KEY (tenant_id, lead_id)
);

COMMENT ON TABLE leads IS 'The state of each lead as of score_updated_on, written exactly once from the log';
COMMENT ON COLUMN leads.tenant_id IS 'The workspace';
COMMENT ON COLUMN leads.lead_id IS 'The lead''s id within its tenant';
COMMENT ON COLUMN leads.score_total IS 'The shown score: floor of total, clamped to 0..100';
COMMENT ON COLUMN leads.score_band IS 'The band that total lies in, by its lower bound';
COMMENT ON COLUMN leads.score_version IS 'The version of the model that scored';
COMMENT ON COLUMN leads.score_updated_on IS
    'The fold''s now at which this row is exact: the highest broker time met in the partition, never the '
    'wall clock';
COMMENT ON COLUMN leads.total IS 'The exact total at score_updated_on, unclamped; lists sort by it';
COMMENT ON COLUMN leads.model IS 'The name of the model that scored';
COMMENT ON COLUMN leads.next_change_on IS 'When the lead next changes by itself, if ever';
COMMENT ON COLUMN leads.last_activity_on IS 'The lead''s last positive behaviour, if any';
COMMENT ON COLUMN leads.suppressed IS 'Channels that may not be used; `all` stands for every one';
COMMENT ON COLUMN leads.accumulators IS
    'The factors, each an array: factor, category, points, kernel, half_life, mass, t_ref, count, last_at, '
    'detail; times in ms since 1970. Without detail it contributes at t >= t_ref points * mass, times 2 ^ '
    '(-(t - t_ref) / half_life) if exponential; an inactive one only from t_ref + half_life on. What detail '
    'adds: docs/postgresql.md';
COMMENT ON COLUMN leads.source_partition IS 'The partition of the signals topic';
COMMENT ON COLUMN leads.source_offset IS 'The offset of the last record that changed the lead';
COMMENT ON COLUMN leads.altered IS
    'Whether text was shortened or held what PostgreSQL can''t (NUL, half a surrogate pair): U+FFFD then';
COMMENT ON COLUMN leads.rank_half_life IS
    'The half-life (ms) of what fades in a bound of the total that is never too low; negative if that part '
    'is, 0 if nothing fades';
COMMENT ON COLUMN leads.rank_base IS
    'The part of the bound that does not fade, rounded up; 0 if nothing fades';
COMMENT ON COLUMN leads.rank_key IS
    'Orders leads of the same half-life and base at any time: the instant (ms) at which what fades is worth '
    'one point, negated where it is negative; the total where nothing fades';
COMMENT ON COLUMN leads.log_offset IS
    'The offset of the row''s snapshot in its partition of the topic of scores';
COMMENT ON COLUMN leads.band_offset IS 'The offset of the snapshot that last changed the band';
COMMENT ON COLUMN leads.stage IS 'The stage of the lead, empty for none';
COMMENT ON COLUMN leads.caps IS 'By category an array of low and high, between which its sum counts';
COMMENT ON COLUMN leads.owner IS
    'Whose the lead is: its fact owner, else whom an action''s assign gave it to; NULL for nobody';

CREATE INDEX leads_by_owner ON leads (tenant_id, owner) WHERE owner IS NOT NULL;
CREATE INDEX leads_by_rank ON leads (tenant_id, rank_half_life, rank_base, rank_key DESC, lead_id);
CREATE INDEX leads_by_score ON leads (tenant_id, score_total DESC, total DESC, lead_id);
COMMENT ON INDEX leads_by_score IS 'Lists of contact_scores by score, equals by their exact total';

-- Rows that PostgreSQL can't store, with the reason; lengths in bytes. Written by the projector in the transaction
-- of the other rows. Read by operators alone, as it holds raw bytes.
CREATE TABLE projection_dead_letters (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    item integer NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    logged_at timestamptz NOT NULL,
    key bytea,
    value bytea,
    value_bytes bigint NOT NULL,
    value_sha256 bytea NOT NULL,
    PRIMARY KEY (topic, partition, log_offset, item)
);

COMMENT ON TABLE projection_dead_letters IS
    'Rows that PostgreSQL can''t store, with the reason; the rest of their step went in';
COMMENT ON COLUMN projection_dead_letters.topic IS 'The projected topic';
COMMENT ON COLUMN projection_dead_letters.partition IS 'Its partition';
COMMENT ON COLUMN projection_dead_letters.log_offset IS 'The record''s offset';
COMMENT ON COLUMN projection_dead_letters.item IS 'The number within a record of many rows, else 0';
COMMENT ON COLUMN projection_dead_letters.reason IS
    'not_json, bad_field, bad_time, bad_text, key_mismatch, or refused';
COMMENT ON COLUMN projection_dead_letters.detail IS 'What is wrong';
COMMENT ON COLUMN projection_dead_letters.logged_at IS 'The broker''s time of the record';
COMMENT ON COLUMN projection_dead_letters.key IS 'The record''s key';
COMMENT ON COLUMN projection_dead_letters.value IS 'The bytes that can''t be stored, at most 524,288 of them';
COMMENT ON COLUMN projection_dead_letters.value_bytes IS 'The length of all bytes';
COMMENT ON COLUMN projection_dead_letters.value_sha256 IS 'SHA-256 of all bytes';

-- How far the tables follow each partition of the topics. Moved by the projector in the transaction of the rows,
-- which is what makes them exactly once. Read by the projector at its start, top_leads and crm_changes.
CREATE TABLE projection_positions (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    newest_on timestamptz,
    topic_id text,
    PRIMARY KEY (topic, partition)
);

COMMENT ON TABLE projection_positions IS
    'How far the tables follow the log; moved in the transaction that writes the rows';
COMMENT ON COLUMN projection_positions.topic IS 'The projected topic';
COMMENT ON COLUMN projection_positions.partition IS 'Its partition';
COMMENT ON COLUMN projection_positions.position IS
    'All before this offset is in the tables, nothing behind it';
COMMENT ON COLUMN projection_positions.newest_on IS
    'The highest time of the fold among the rows so far: no row of these partitions is newer';
COMMENT ON COLUMN projection_positions.topic_id IS
    'The id of the topic, a position means something in it only; null if the broker has none';

-- Which offsets the tables count by: one row, made with the schema. Part of every token of crm_changes, so that a
-- token of other topics is refused.
CREATE TABLE projection_timeline (
    id text NOT NULL,
    PRIMARY KEY (id)
);

COMMENT ON TABLE projection_timeline IS 'One row: which offsets the tables count by';
COMMENT ON COLUMN projection_timeline.id IS 'Part of every token, so that a token of other topics is refused';

INSERT INTO projection_timeline SELECT left(md5(gen_random_uuid()::text), 12);

-- Leads that were removed and have not come back, so that copies elsewhere can follow.
-- Written by the projector. Read by crm_changes.
CREATE TABLE removed_leads (
    tenant_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    source_partition integer NOT NULL,
    log_offset bigint NOT NULL,
    PRIMARY KEY (tenant_id, lead_id)
);

COMMENT ON TABLE removed_leads IS 'Leads that were removed and have not come back, for those who keep copies';
COMMENT ON COLUMN removed_leads.tenant_id IS 'The workspace';
COMMENT ON COLUMN removed_leads.lead_id IS 'The lead that was removed';
COMMENT ON COLUMN removed_leads.source_partition IS 'The partition of the topic of scores';
COMMENT ON COLUMN removed_leads.log_offset IS 'The offset of the emptied record that removed it';

CREATE INDEX removed_leads_by_log ON removed_leads (tenant_id, source_partition, log_offset);

-- What one signal did to its lead, once per place in the log, in points. A partition a month (UTC) by created_at,
-- made by make_month, dropped by `leadstream db retain`; the key holds created_at, a function of the place, as
-- PostgreSQL wants the partition's column in it. Written by the projector. Read by `leadstream lead show`, by
-- lead_factors_now, lead_journeys, action_outcomes and the reports.
CREATE TABLE score_events (
    source_partition integer NOT NULL,
    source_offset bigint NOT NULL,
    tenant_id text COLLATE "C" NOT NULL,
    lead_id text COLLATE "C" NOT NULL,
    signal_id text NOT NULL,
    event_type text NOT NULL,
    event_data jsonb NOT NULL,
    data_bytes integer NOT NULL,
    source text NOT NULL,
    at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    points_added double precision NOT NULL,
    score_before integer NOT NULL,
    score_after integer NOT NULL,
    total_before double precision NOT NULL,
    total_after double precision NOT NULL,
    contributions jsonb NOT NULL,
    outcome text NOT NULL,
    future boolean NOT NULL,
    altered boolean NOT NULL,
    flags text[] NOT NULL,
    past boolean DEFAULT false NOT NULL,
    PRIMARY KEY (source_partition, source_offset, created_at)
) PARTITION BY RANGE (created_at);

COMMENT ON TABLE score_events IS
    'What each signal did to its lead; one row a place in the log, so never twice; a partition a month by '
    'created_at';
COMMENT ON COLUMN score_events.source_partition IS 'The partition of the signals topic';
COMMENT ON COLUMN score_events.source_offset IS 'The signal''s offset in it';
COMMENT ON COLUMN score_events.tenant_id IS 'The workspace';
COMMENT ON COLUMN score_events.lead_id IS 'The lead';
COMMENT ON COLUMN score_events.signal_id IS 'The signal''s id, as its source gave it';
COMMENT ON COLUMN score_events.event_type IS 'The signal''s type';
COMMENT ON COLUMN score_events.event_data IS
    'The signal''s data; empty if it was too long to keep, see data_bytes';
COMMENT ON COLUMN score_events.data_bytes IS 'The length of data that was too long to keep, else 0';
COMMENT ON COLUMN score_events.source IS 'What sent the signal';
COMMENT ON COLUMN score_events.at IS 'When it happened: the signal''s time, at most created_at';
COMMENT ON COLUMN score_events.created_at IS
    'When it was folded: the highest broker time met in the partition, never the wall clock';
COMMENT ON COLUMN score_events.points_added IS 'What it added to the total at created_at';
COMMENT ON COLUMN score_events.score_before IS 'The shown score before it';
COMMENT ON COLUMN score_events.score_after IS 'The shown score after it';
COMMENT ON COLUMN score_events.total_before IS 'The exact total before it';
COMMENT ON COLUMN score_events.total_after IS 'The exact total after it';
COMMENT ON COLUMN score_events.contributions IS 'Factor by factor, the points it was worth at its own time';
COMMENT ON COLUMN score_events.outcome IS
    'scored, noted (no points), unmatched (no rule), reset, before_reset, flagged (by a guard, and not '
    'counted), no_consent';
COMMENT ON COLUMN score_events.future IS 'Whether it claimed to happen more than 5 minutes after created_at';
COMMENT ON COLUMN score_events.altered IS
    'Whether text was shortened or held what PostgreSQL can''t (NUL, half a surrogate pair): U+FFFD then';
COMMENT ON COLUMN score_events.flags IS 'The guards of the model that hold of the signal';
COMMENT ON COLUMN score_events.past IS 'Whether it happened more than 5 years (1,826 days) before created_at';

CREATE INDEX score_events_by_lead ON score_events (tenant_id, lead_id, created_at DESC);
CREATE INDEX score_events_by_type ON score_events (event_type, source, created_at DESC);

CREATE TABLE score_events_other (LIKE score_events INCLUDING DEFAULTS INCLUDING COMMENTS);
ALTER TABLE score_events ATTACH PARTITION score_events_other DEFAULT;
-- Whatever rights a role has by default: rows are read through the table and its policies.
ALTER TABLE score_events_other ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE score_events_other IS 'Rows of score_events whose month has no partition';

-- The band that a total in points leads to from the present one. Called by band_at. Upwards a band begins at its
-- start; downwards each is left only below its start less its hysteresis.
CREATE FUNCTION band_from(bands jsonb, present text, total double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH band AS (
        SELECT number, level ->> 'name' AS name, coalesce((level ->> 'start')::float8, 0) AS start,
            coalesce((level ->> 'hysteresis')::float8, 0) AS hysteresis
        FROM jsonb_array_elements(bands) WITH ORDINALITY AS one (level, number)
    ), held AS (
        SELECT coalesce(max(number) FILTER (WHERE name = present), 1) AS number FROM band
    )
    SELECT band.name FROM band, held
    WHERE total IS NOT NULL AND (
        band.number = 1 OR total >= band.start - 1e-9
        OR band.number <= held.number AND total >= band.start - band.hysteresis - 1e-9
    )
    ORDER BY band.number DESC LIMIT 1;
END;

COMMENT ON FUNCTION band_from(jsonb, text, double precision) IS
    'The band that a total leads to from the present one, by the bands of a model, each with its hysteresis;'
    ' NULL without a total';

-- A category's sum under its cap, in points. Called by capped_total_of and factors_at.
CREATE FUNCTION clamped(value double precision, cap jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN cap IS NULL OR value = 'NaN' THEN value
        ELSE least(greatest(value, (cap ->> 0)::float8), (cap ->> 1)::float8)
    END;
END;

COMMENT ON FUNCTION clamped(double precision, jsonb) IS
    'The sum of a category under its cap: an array of low and high';

-- The leads of a destination that changed since a token, at most so many. Read by the CRM's own job. Steps of a
-- partition are written one after the other: what can be seen of it ends at its position, whatever other partitions
-- have under way. So a token is one offset a partition, and needs no waiting for anybody.
CREATE FUNCTION crm_changes(destination text, since text DEFAULT NULL, most integer DEFAULT 1000)
RETURNS TABLE (
    token text, change text, lead_id text, score_total integer, score_band text, total double precision,
    score_version text, score_updated_on timestamptz, last_activity_on timestamptz,
    next_change_on timestamptz, suppressed text[], accumulators jsonb, source_partition integer,
    log_offset bigint, stage text, caps jsonb, owner text
)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted crm_destinations;
    timeline text := (SELECT id FROM projection_timeline);
    reached jsonb := '{}';
    ahead text;
BEGIN
    SELECT * INTO wanted FROM crm_destinations WHERE name = destination;
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'there is no destination %', destination
            USING ERRCODE = 'undefined_object', HINT = 'Make it with `leadstream db destination`.';
    END IF;
    IF since <> '' THEN
        IF split_part(since, '/', 1) <> timeline THEN
            RAISE EXCEPTION 'the token % is of other tables than these, which are %', since, timeline
                USING ERRCODE = 'invalid_parameter_value',
                HINT = 'The topics were made anew: read all leads again, without a token.';
        END IF;
        SELECT coalesce(jsonb_object_agg(split_part(part, '=', 1), split_part(part, '=', 2)::bigint), '{}')
        INTO reached
        FROM unnest(string_to_array(nullif(split_part(since, '/', 2), ''), ',')) AS part;
    END IF;
    SELECT string_agg(format('partition %s: %s of %s', key, coalesce(position, 0), value), ', ') INTO ahead
    FROM jsonb_each_text(reached)
    LEFT JOIN projection_positions AS stored
        ON stored.topic LIKE '%.scores' AND stored.partition = key::integer
    WHERE value::bigint >= coalesce(position, 0);
    IF ahead IS NOT NULL THEN
        RAISE EXCEPTION 'the tables are behind the token (%)', ahead
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'A failover lost their end, which the projector writes again: ask again with this token.';
    END IF;
    RETURN QUERY
        WITH start AS (
            SELECT stored.partition AS number,
                coalesce((reached ->> stored.partition::text)::bigint, -1) AS since
            FROM projection_positions AS stored WHERE stored.topic LIKE '%.scores'
        ), changed AS (
            SELECT start.number, place.*,
                row_number() OVER (PARTITION BY number ORDER BY place.log_offset) AS turn
            FROM start, LATERAL (
                (
                    SELECT 'removed' AS change, gone.log_offset, gone.lead_id FROM removed_leads AS gone
                    WHERE gone.tenant_id = wanted.tenant_id AND gone.source_partition = start.number
                        AND gone.log_offset > start.since
                    ORDER BY gone.log_offset LIMIT most
                )
                UNION ALL
                (
                    SELECT 'updated', leads.log_offset, leads.lead_id FROM leads
                    WHERE wanted.writes = 'every_update' AND leads.tenant_id = wanted.tenant_id
                        AND leads.source_partition = start.number AND leads.log_offset > start.since
                    ORDER BY leads.log_offset LIMIT most
                )
                UNION ALL
                (
                    SELECT 'updated', leads.band_offset, leads.lead_id FROM leads
                    WHERE wanted.writes = 'band_change' AND leads.tenant_id = wanted.tenant_id
                        AND leads.source_partition = start.number AND leads.band_offset > start.since
                    ORDER BY leads.band_offset LIMIT most
                )
            ) AS place
        ), batch AS (
            SELECT * FROM changed ORDER BY turn, number LIMIT most
        ), token AS (
            SELECT timeline || '/' || string_agg(number || '=' || last, ',' ORDER BY number) AS text FROM (
                SELECT number, max(last) AS last FROM (
                    SELECT number, batch.log_offset AS last FROM batch
                    UNION ALL
                    SELECT key::integer, value::bigint FROM jsonb_each_text(reached)
                ) AS place GROUP BY number
            ) AS places
        )
        SELECT token.text, batch.change, batch.lead_id, leads.score_total, leads.score_band, leads.total,
            leads.score_version::text, leads.score_updated_on, leads.last_activity_on, leads.next_change_on,
            leads.suppressed, leads.accumulators, batch.number, batch.log_offset,
            leads.stage, leads.caps, leads.owner
        FROM token, batch
        LEFT JOIN LATERAL (
            SELECT * FROM leads
            WHERE batch.change = 'updated' AND tenant_id = wanted.tenant_id AND lead_id = batch.lead_id
            LIMIT 1
        ) AS leads ON true
        ORDER BY batch.turn, batch.number;
END
$$;

COMMENT ON FUNCTION crm_changes(text, text, integer) IS
    'The leads of the destination that changed since a token, each once and as it is now, in the order of '
    'the log within a partition, at most so many; every row has the token of the end of the batch';

-- contribution_of of a factor with detail: signals that fade each by its own age, age tables, lost intervals.
-- In points; times and ages in milliseconds. Called by contribution_of alone. Buckets and ages are read as arrays, as
-- a look into jsonb costs more with each element. A sum below 1e-100 is nothing, as a product of it would underflow.
-- One function for all kernels: it is called under any search_path, so it can call nothing of the schema without
-- one of its own, and a call for each bucket made age tables a tenth slower.
CREATE FUNCTION detailed_contribution_of(factor jsonb, at_ms double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    kernel text := factor ->> 3;
    period float8 := (factor ->> 4)::float8;
    worth float8 := (factor ->> 5)::float8;
    reference float8 := (factor ->> 6)::float8;
    detail jsonb := factor -> 9;
    ages float8[] := translate(detail ->> 'ages', '[]', '{}')::float8[];
    buckets float8[] := translate(detail ->> 'buckets', '[]', '{}')::float8[];
    steps integer := coalesce(array_length(ages, 1), 0);
    step integer;
    age float8;
    mass float8;
    anchor float8;
    loss float8;
    taken float8;
    idle float8;
    remains float8;
BEGIN
    IF kernel NOT IN ('none', 'exponential', 'linear', 'inactivity_step', 'inactive') THEN
        RETURN 'NaN';
    ELSIF kernel = 'inactive' THEN
        RETURN CASE WHEN at_ms - reference >= period THEN worth * (factor ->> 2)::float8 ELSE 0 END;
    END IF;
    IF abs(worth) < 1e-100 THEN
        worth := 0;
    ELSE
        age := greatest(0, at_ms - reference);
        worth := CASE WHEN steps > 0 THEN worth * ages[steps][2] ELSE worth END * CASE kernel
            WHEN 'exponential' THEN 2 ^ -least(age / period, 300)
            WHEN 'linear' THEN greatest(0, 1 - age / period)
            ELSE 1
        END;
    END IF;
    FOR i IN 1 .. coalesce(array_length(buckets, 1), 0) LOOP
        mass := buckets[i][2];
        CONTINUE WHEN abs(mass) < 1e-100;
        age := greatest(0, at_ms - buckets[i][1]);
        IF steps > 0 THEN
            step := 1;
            WHILE step < steps AND age >= ages[step][1] LOOP
                step := step + 1;
            END LOOP;
            mass := mass * ages[step][2];
        END IF;
        IF kernel = 'exponential' THEN
            mass := mass * 2 ^ -least(age / period, 300);
        ELSIF kernel = 'linear' THEN
            mass := mass * greatest(0, 1 - age / period);
        END IF;
        worth := worth + mass;
    END LOOP;
    IF abs(worth) < 1e-100 THEN
        RETURN 0;
    END IF;
    worth := worth * (factor ->> 2)::float8;
    IF kernel <> 'inactivity_step' THEN
        RETURN worth;
    END IF;
    anchor := coalesce((detail ->> 'active_at')::float8, reference);
    loss := (detail ->> 'percent')::float8 / 100;
    taken := greatest(0, floor((reference - anchor) / period));
    idle := greatest(0, floor((greatest(at_ms, reference) - anchor) / period));
    IF (detail ->> 'linear')::boolean THEN
        remains := 1 - loss * taken;
        remains := CASE WHEN remains > 1e-9 THEN greatest(0, 1 - loss * idle) / remains ELSE 0 END;
    ELSIF loss < 1 THEN
        remains := exp(greatest((idle - taken) * ln(1 - loss), -200));
    ELSE
        remains := CASE WHEN idle > taken THEN 0 ELSE 1 END;
    END IF;
    remains := worth * remains;
    -- Without a floor a negative one would be kept whole.
    RETURN CASE
        WHEN (detail ->> 'floor')::float8 > 0
            THEN greatest(remains, least((detail ->> 'floor')::float8, worth))
        ELSE remains
    END;
END
$$;

COMMENT ON FUNCTION detailed_contribution_of(jsonb, double precision) IS
    'contribution_of of a factor with detail';

-- What one factor of leads.accumulators contributes at an instant (ms since 1970), in points, by its kernel.
-- Called by total_of, capped_total_of, factors_at, rank_of. The exponent ends at 300 and masses at 1e-100, as
-- PostgreSQL raises an error where a product underflows.
CREATE FUNCTION contribution_of(factor jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN (factor ->> 9) IS NOT NULL THEN detailed_contribution_of(factor, at_ms)
        WHEN (factor ->> 3) = 'exponential' THEN CASE
            WHEN abs((factor ->> 5)::float8) < 1e-100 THEN 0
            ELSE (factor ->> 2)::float8 * ((factor ->> 5)::float8 * 2 ^ (
                -least(greatest(0, at_ms - (factor ->> 6)::float8) / (factor ->> 4)::float8, 300)
            ))
        END
        WHEN (factor ->> 3) = 'none' THEN (factor ->> 2)::float8 * (factor ->> 5)::float8
        WHEN (factor ->> 3) = 'inactive' THEN CASE
            WHEN at_ms - (factor ->> 6)::float8 >= (factor ->> 4)::float8
                THEN (factor ->> 2)::float8 * (factor ->> 5)::float8
            ELSE 0
        END
        ELSE 'NaN'
    END;
END;

COMMENT ON FUNCTION contribution_of(jsonb, double precision) IS
    'What a factor of accumulators contributes to its category at an instant (ms since 1970); NaN for a '
    'kernel that is not known here';

-- A lead's total in points at an instant (ms since 1970), each category held in its cap. Called by total_of.
CREATE FUNCTION capped_total_of(accumulators jsonb, caps jsonb, at_ms double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(coalesce(sum(clamped(points, caps -> category)), 0), 'NaN') FROM (
        SELECT factor ->> 1 AS category, sum(contribution_of(factor, at_ms)) AS points
        FROM jsonb_array_elements(accumulators) AS factor GROUP BY 1
    ) AS part;
END;

COMMENT ON FUNCTION capped_total_of(jsonb, jsonb, double precision) IS 'total_of where there are caps';

-- An instant in milliseconds since 1970. Called by most of the others.
-- Of a timestamp without zone extract is immutable, so the body is put in place of the call.
CREATE FUNCTION epoch_ms(at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (extract(epoch FROM at AT TIME ZONE 'UTC') * 1000)::double precision;
END;

COMMENT ON FUNCTION epoch_ms(timestamptz) IS 'Milliseconds since 1970';

-- The rows of lead_score_factors that a record of action_log gives. Called by the projector for each step. One
-- evaluation of a lead says why in each of its records and is kept once; of two evaluations with the same lead,
-- instant, signal and totals the factors are the same.
CREATE FUNCTION factor_trail_of(
    id text, type text, tenant text, lead text, at timestamptz, cause text, total_before double precision,
    total_after double precision, model text, signal_id text, signal_type text, factors jsonb
)
RETURNS TABLE (
    tenant_id text, lead_id text, model_version text, factor_key varchar, factor_category text,
    points integer, details jsonb, created_on timestamptz, evaluation text, item integer
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    SELECT tenant, lead, model,
        CASE
            WHEN char_length(part ->> 'factor') <= 100 THEN part ->> 'factor'
            ELSE left(part ->> 'factor', 83) || '#'
                || left(encode(sha256(convert_to(part ->> 'factor', 'UTF8')), 'hex'), 16)
        END,
        coalesce(part ->> 'category', ''),
        round(least(greatest((part ->> 'points')::double precision, -1e9), 1e9))::integer,
        part - 'category' || jsonb_build_object(
            'record_id', id, 'type', type, 'cause', cause, 'total_before', total_before,
            'total_after', total_after, 'signal_id', signal_id, 'signal_type', signal_type
        ),
        at,
        left(encode(sha256(convert_to(jsonb_build_array(
            tenant, lead, epoch_ms(at), signal_id, total_before, total_after
        )::text, 'UTF8')), 'hex'), 32),
        number::integer
    FROM jsonb_array_elements(coalesce(factors, '[]')) WITH ORDINALITY AS one (part, number)
    WHERE type IN (
        'lead.threshold.crossed', 'lead.band.changed', 'lead.stage.changed', 'lead.trigger.fired'
    );
END;

COMMENT ON FUNCTION factor_trail_of(
    text, text, text, text, timestamptz, text, double precision, double precision, text, text, text, jsonb
) IS
    'The rows of lead_score_factors that a record of action_log gives';

-- What each factor of a lead contributes at an instant (ms since 1970), in points, and what caps take away.
-- Called by lead_factors_now and contact_scores.
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
END;

COMMENT ON FUNCTION factors_at(jsonb, jsonb, double precision) IS
    'What each factor contributes at an instant (ms since 1970), and what each category is over its cap as a'
    ' factor cap:<category>; the points add up to the total';

-- When each lead of a cohort came, qualified and converted. Called by report_funnel and report_cohorts. A conversion
-- that itself brings the points says nothing about the score before it. Crossings are looked for from the cohort's
-- begin on, as no lead of it was there before.
CREATE FUNCTION lead_journeys(
    tenant text, since timestamptz, until timestamptz, qualified text[], converted text[]
)
RETURNS TABLE (lead_id text, first_on timestamptz, qualified_on timestamptz, converted_on timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH met AS (
        SELECT event.lead_id, min(event.created_at) AS first_on, min(event.created_at) FILTER (
                WHERE event.event_type = 'status.changed' AND event.event_data ->> 'to' = ANY (converted)
            ) AS converted_on
        FROM score_events AS event WHERE event.tenant_id = tenant GROUP BY event.lead_id
        HAVING min(event.created_at) >= since AND min(event.created_at) < until
            AND min(event.created_at) FILTER (WHERE event.total_before = 0) = min(event.created_at)
    ), reached AS (
        SELECT log.lead_id, min(log.at) AS qualified_on FROM action_log AS log
        WHERE log.tenant_id = tenant AND log.at >= since AND log.direction = 'up'
            AND log.type IN ('lead.threshold.crossed', 'lead.band.changed', 'lead.stage.changed')
            AND CASE log.type
                WHEN 'lead.threshold.crossed' THEN log.threshold >= (
                    SELECT min(substring(level FROM '^threshold:(.+)$')::double precision)
                    FROM unnest(qualified) AS level
                )
                WHEN 'lead.band.changed' THEN 'band:' || log.band = ANY (qualified)
                ELSE 'stage:' || log.stage = ANY (qualified)
            END
            AND NOT coalesce(
                log.signal_type = 'status.changed' AND log.signal -> 'data' ->> 'to' = ANY (converted), false
            )
        GROUP BY log.lead_id
    )
    SELECT met.lead_id, met.first_on,
        CASE WHEN met.converted_on < reached.qualified_on THEN NULL ELSE reached.qualified_on END,
        met.converted_on
    FROM met LEFT JOIN reached ON reached.lead_id = met.lead_id;
END;

COMMENT ON FUNCTION lead_journeys(text, timestamptz, timestamptz, text[], text[]) IS
    'Of each lead whose first signal came in [since, until): when that was, when it first qualified '
    '(threshold:50 or higher, band:hot, stage:mql, whichever came first) before it converted, and when its '
    'status first changed to one of those named; as far as history is kept';

-- Makes the partition of lead_score_factors for the month (UTC) of a day: as make_month.
CREATE FUNCTION make_factor_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s'
AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    made text := 'lead_score_factors_' || to_char(first, 'YYYY_MM');
    lower timestamptz := first::timestamp AT TIME ZONE 'UTC';
    upper timestamptz := (first + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    IF first < '2000-01-01' OR first >= '2100-01-01' OR to_regclass(made) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE lead_score_factors_other IN ACCESS EXCLUSIVE MODE;
    IF to_regclass(made) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE lead_score_factors INCLUDING DEFAULTS INCLUDING COMMENTS)', made);
    EXECUTE format(
        'WITH moved AS ('
        'DELETE FROM lead_score_factors_other WHERE created_on >= $1 AND created_on < $2 RETURNING *'
        ') INSERT INTO %I SELECT * FROM moved', made
    ) USING lower, upper;
    EXECUTE format(
        'ALTER TABLE lead_score_factors ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', made, lower, upper
    );
    -- Whatever rights a role has by default: rows are read through lead_score_factors and its policies.
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', made);
    EXECUTE format('COMMENT ON TABLE %I IS %L', made, 'A month of lead_score_factors by created_on, in UTC');
    RETURN true;
END
$$;

COMMENT ON FUNCTION make_factor_month(date) IS
    'Makes the partition of lead_score_factors for the month of a day, with the rights of the owner; says '
    'whether it was absent';
REVOKE EXECUTE ON FUNCTION make_factor_month(date) FROM PUBLIC;

-- Makes the partition of score_events for the month (UTC) of a day. Called by the projector, with the rights of the
-- owner. Rows of the month that the default partition took come along; its lock keeps others out meanwhile. A reader
-- that holds it is not waited for: the caller tries again.
CREATE FUNCTION make_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '2s'
AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    made text := 'score_events_' || to_char(first, 'YYYY_MM');
    lower timestamptz := first::timestamp AT TIME ZONE 'UTC';
    upper timestamptz := (first + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    IF first < '2000-01-01' OR first >= '2100-01-01' OR to_regclass(made) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE score_events_other IN ACCESS EXCLUSIVE MODE;
    IF to_regclass(made) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE score_events INCLUDING DEFAULTS INCLUDING COMMENTS)', made);
    EXECUTE format(
        'WITH moved AS ('
        'DELETE FROM score_events_other WHERE created_at >= $1 AND created_at < $2 RETURNING *'
        ') INSERT INTO %I SELECT * FROM moved', made
    ) USING lower, upper;
    EXECUTE format(
        'ALTER TABLE score_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', made, lower, upper
    );
    -- Whatever rights a role has by default: rows are read through score_events and its policies.
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', made);
    EXECUTE format('COMMENT ON TABLE %I IS %L', made, 'A month of score_events by created_at, in UTC');
    RETURN true;
END
$$;

COMMENT ON FUNCTION make_month(date) IS
    'Makes the partition of score_events for the month of a day, with the rights of the owner; says whether '
    'it was absent';
REVOKE EXECUTE ON FUNCTION make_month(date) FROM PUBLIC;

-- The highest total in points that a lead with these rank columns can have at an instant (ms since 1970). Called by
-- top_leads. The key is an instant in double precision: the bound allows for its rounding. Of a negative part the
-- bound is taken at latest_ms, as a row that is newer than at_ms counts as of its own instant.
CREATE FUNCTION rank_bound(
    half_life bigint, base double precision, key double precision, at_ms double precision,
    latest_ms double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 1e-9 + CASE
        WHEN half_life > 0 THEN base + abs(base) * 1e-12 + (1.000000000001 + 0.001 / half_life)
            * 2 ^ least(greatest((key - at_ms) / half_life, -300), 300)
        WHEN half_life < 0 THEN base + abs(base) * 1e-12 - (0.999999999999 + 0.001 / half_life)
            * 2 ^ least(greatest((key + latest_ms) / half_life, -300), 300)
        ELSE key + abs(key) * 1e-12
    END;
END;

COMMENT ON FUNCTION rank_bound(
    bigint, double precision, double precision, double precision, double precision
) IS
    'The highest total that a lead with these rank columns can have at an instant';

-- The inverse of rank_bound: the lowest rank_key with which a lead may reach a total in points. Called by top_leads.
CREATE FUNCTION rank_floor(
    half_life bigint, base double precision, total double precision, at_ms double precision,
    latest_ms double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN half_life > 0 AND total - base > slack
            THEN at_ms + half_life * (ln(total - base - slack) / ln(2::float8) - 1e-9) - 1
        WHEN half_life < 0 AND base - total + slack > 0
            THEN -latest_ms + half_life * (ln(base - total + slack) / ln(2::float8) + 1e-9) - 1
        WHEN half_life = 0 THEN total - slack
        ELSE '-Infinity'
    END
    FROM (SELECT 2e-9 + (abs(total) + abs(base)) * 1e-11 AS slack) AS allowed;
END;

COMMENT ON FUNCTION rank_floor(
    bigint, double precision, double precision, double precision, double precision
) IS
    'The lowest rank_key with which a lead may have a total at an instant';

-- The columns rank_* of a lead: half-lives in milliseconds, base in points, key in ms or points. For rows
-- that are made in SQL: the projector computes the same by itself.
CREATE FUNCTION rank_of(
    accumulators jsonb, at_ms double precision, OUT half_life bigint, OUT base double precision,
    OUT key double precision
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH sums AS (
        SELECT (factor ->> 4)::bigint AS half_life, sum(contribution_of(factor, at_ms)) AS part
        FROM jsonb_array_elements(accumulators) AS factor GROUP BY 1
    ), slowest AS (
        SELECT coalesce(max(sums.half_life) FILTER (WHERE part > 0), min(sums.half_life)) AS half_life
        FROM sums WHERE sums.half_life > 0 AND part <> 0
    ), bound AS (
        SELECT max(slowest.half_life) AS half_life,
            coalesce(sum(part) FILTER (WHERE sums.half_life = 0), 0) AS constant,
            coalesce(sum(part) FILTER (
                WHERE sums.half_life > 0 AND (part > 0 OR sums.half_life >= slowest.half_life)
            ), 0) AS part
        FROM sums, slowest
    )
    SELECT CASE WHEN part = 0 THEN 0 ELSE bound.half_life * sign(part)::bigint END,
        CASE WHEN part = 0 THEN 0 ELSE ceil(constant) END,
        CASE
            WHEN part = 0 THEN constant
            ELSE sign(part) * (at_ms + bound.half_life * ln(abs(part)) / ln(2::float8))
        END
    FROM bound;
END;

COMMENT ON FUNCTION rank_of(jsonb, double precision) IS
    'The columns rank_* of a lead without caps, all of whose factors are exponential or none without detail,'
    ' from its accumulators at score_updated_on (ms since 1970)';

-- The funnel by week, month, ... of the first signal, in UTC: rates in per cent, medians in hours. Read by
-- `leadstream report cohorts`.
CREATE FUNCTION report_cohorts(
    tenant text, period text, since timestamptz, until timestamptz, qualified text[], converted text[]
)
RETURNS TABLE (
    cohort timestamptz, leads bigint, qualified_leads bigint, converted_leads bigint,
    converted_otherwise bigint, lead_to_qualified double precision, qualified_to_converted double precision,
    lead_to_converted double precision, hours_to_qualified double precision,
    hours_to_converted double precision
)
LANGUAGE sql STABLE ROWS 12
BEGIN ATOMIC
    SELECT cohort, leads, qualified_leads, converted_leads, any_converted - converted_leads,
        100.0 * qualified_leads / leads, 100.0 * converted_leads / nullif(qualified_leads, 0),
        100.0 * any_converted / leads, to_qualified, to_converted
    FROM (
        SELECT date_trunc(period, first_on, 'UTC') AS cohort, count(*) AS leads,
            count(qualified_on) AS qualified_leads,
            count(converted_on) FILTER (WHERE qualified_on IS NOT NULL) AS converted_leads,
            count(converted_on) AS any_converted,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM qualified_on - first_on)::double precision / 3600
        ) AS to_qualified,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM converted_on - first_on)::double precision / 3600
        ) AS to_converted
        FROM lead_journeys(tenant, since, until, qualified, converted) GROUP BY 1
    ) AS counted ORDER BY cohort;
END;

COMMENT ON FUNCTION report_cohorts(text, text, timestamptz, timestamptz, text[], text[]) IS
    'lead_journeys counted by the week, month, ... of the first signal, in UTC; rates in per cent, hours are'
    ' medians from the first signal on';

-- From lead to customer: counts, rates in per cent, medians in hours. Read by `leadstream report funnel`.
CREATE FUNCTION report_funnel(
    tenant text, since timestamptz, until timestamptz, qualified text[], converted text[]
)
RETURNS TABLE (
    step text, leads bigint, percent_of_leads double precision, rate text,
    percent_of_step_before double precision, median_hours double precision,
    median_hours_of_step double precision
)
LANGUAGE sql STABLE ROWS 4
BEGIN ATOMIC
    WITH totals AS (
        SELECT count(*) AS leads, count(qualified_on) AS qualified,
            count(*) FILTER (WHERE qualified_on IS NOT NULL AND converted_on IS NOT NULL) AS converted,
            count(*) FILTER (WHERE qualified_on IS NULL AND converted_on IS NOT NULL) AS unqualified,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM qualified_on - first_on)::double precision / 3600
        ) AS to_qualified,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM converted_on - first_on)::double precision / 3600
        )
                FILTER (WHERE qualified_on IS NOT NULL) AS to_converted,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM converted_on - qualified_on)::double precision / 3600
        ) AS from_qualified,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM converted_on - first_on)::double precision / 3600
        )
                FILTER (WHERE qualified_on IS NULL) AS to_unqualified
        FROM lead_journeys(tenant, since, until, qualified, converted)
    ), named AS (
        SELECT coalesce(substring(qualified[1] FROM '^(?:stage|band):(.+)$'), 'qualified') AS goal
    )
    SELECT row.step, row.leads, 100.0 * row.leads / nullif(totals.leads, 0), row.rate,
        100.0 * row.leads / nullif(row.before, 0), row.hours, row.of_step
    FROM totals, named, LATERAL (
        VALUES (1, 'lead', totals.leads, NULL::bigint, NULL, NULL::double precision, NULL::double precision),
            (2, goal, totals.qualified, totals.leads, 'lead-to-' || goal, to_qualified, to_qualified),
            (3, 'converted', totals.converted, totals.qualified, goal || '-to-converted', to_converted,
                from_qualified),
            (4, 'converted otherwise', totals.unqualified, totals.leads - totals.qualified,
                'other-to-converted', to_unqualified, to_unqualified)
    ) AS row (number, step, leads, before, rate, hours, of_step)
    ORDER BY row.number;
END;

COMMENT ON FUNCTION report_funnel(text, timestamptz, timestamptz, text[], text[]) IS
    'lead_journeys counted: leads, qualified, converted after that or otherwise, with the rates and the '
    'median hours';

-- The types of signals that brought the most points since an instant. Read by `leadstream report top-actions`.
CREATE FUNCTION report_top_actions(tenant text, since timestamptz, most integer DEFAULT 20)
RETURNS TABLE (
    event_type text, signals bigint, leads bigint, points double precision, points_each double precision
)
LANGUAGE sql STABLE ROWS 20
BEGIN ATOMIC
    SELECT event.event_type, count(*), count(DISTINCT event.lead_id), sum(event.points_added),
        avg(event.points_added)
    FROM score_events AS event WHERE event.tenant_id = tenant AND event.created_at >= since
    GROUP BY event.event_type ORDER BY sum(event.points_added) DESC, event.event_type LIMIT most;
END;

COMMENT ON FUNCTION report_top_actions(text, timestamptz, integer) IS
    'What added most points since an instant, by type of signal';

-- The score shown for a total, 0 to 100 in whole points. Called by the views, top_leads and the reports.
CREATE FUNCTION shown_score(total double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN total <= 0 THEN 0 WHEN total < 100 THEN floor(total + 1e-9)::integer WHEN total >= 100 THEN 100
    END;
END;

COMMENT ON FUNCTION shown_score(double precision) IS
    'The score shown for a total: clamped to 0..100, rounded down';

-- A lead's unclamped total in points at an instant (ms since 1970), without and with caps. Called by score_at, all
-- views and reports, and `leadstream db rebuild`. The second is a plain expression, so that caps cost nothing where
-- there are none.
CREATE FUNCTION total_of(accumulators jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(coalesce(sum(contribution_of(factor, at_ms)), 0), 'NaN')
    FROM jsonb_array_elements(accumulators) AS factor;
END;

COMMENT ON FUNCTION total_of(jsonb, double precision) IS
    'The sum of what accumulators contribute at an instant (ms since 1970), before caps; NULL for a kernel '
    'that is not known here';

CREATE FUNCTION total_of(accumulators jsonb, caps jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN caps = '{}' THEN total_of(accumulators, at_ms) ELSE capped_total_of(accumulators, caps, at_ms)
    END;
END;

COMMENT ON FUNCTION total_of(jsonb, jsonb, double precision) IS
    'The unclamped total that accumulators with these caps give at an instant (ms since 1970); NULL for a '
    'kernel that is not known here';

-- How many shown scores rose, fell and stayed since an instant; shares in per cent. Read by `leadstream report movers`.
-- As in report_movers the total before is that before the lead's first signal in the time.
CREATE FUNCTION report_moved(tenant text, since timestamptz)
RETURNS TABLE (direction text, leads bigint, percent double precision)
LANGUAGE sql STABLE ROWS 3
BEGIN ATOMIC
    WITH first AS (
        SELECT DISTINCT ON (event.lead_id) event.lead_id, event.total_before
        FROM score_events AS event WHERE event.tenant_id = tenant AND event.created_at >= since
        ORDER BY event.lead_id, event.created_at, event.source_offset
    ), scores AS (
        SELECT
            shown_score(coalesce(
                first.total_before, total_of(leads.accumulators, leads.caps, epoch_ms(since)), leads.total
            )) AS before,
            shown_score(coalesce(
                total_of(leads.accumulators, leads.caps, epoch_ms(greatest(now(), leads.score_updated_on))),
                leads.total
            )) AS after
        FROM leads LEFT JOIN first ON first.lead_id = leads.lead_id WHERE leads.tenant_id = tenant
    ), counted AS (
        SELECT sign(scores.after - scores.before) AS sign, count(*) AS leads FROM scores GROUP BY 1
    )
    SELECT named.direction, coalesce(counted.leads, 0),
        (coalesce(100.0 * counted.leads / sum(counted.leads) OVER (), 0))::double precision
    FROM (VALUES ('risen', 1), ('fallen', -1), ('unchanged', 0)) AS named (direction, sign)
    LEFT JOIN counted ON counted.sign = named.sign ORDER BY named.sign = 0, named.sign DESC;
END;

COMMENT ON FUNCTION report_moved(text, timestamptz) IS
    'How many leads have a higher, a lower and the same shown score now as before their first signal since '
    'an instant, or at that instant without one; shares in per cent of all leads of the tenant';

-- The leads whose totals changed most since an instant, in points. Read by `leadstream report movers`.
CREATE FUNCTION report_movers(tenant text, since timestamptz, most integer DEFAULT 20)
RETURNS TABLE (
    lead_id text, score_before integer, score_now integer, change double precision, signals bigint,
    score_band text, last_activity_on timestamptz
)
LANGUAGE sql STABLE ROWS 20
BEGIN ATOMIC
    WITH first AS (
        SELECT DISTINCT ON (event.lead_id) event.lead_id, event.total_before,
            count(*) OVER (PARTITION BY event.lead_id) AS signals
        FROM score_events AS event WHERE event.tenant_id = tenant AND event.created_at >= since
        ORDER BY event.lead_id, event.created_at, event.source_offset
    ), moved AS (
        SELECT leads.lead_id,
            coalesce(
                first.total_before, total_of(leads.accumulators, leads.caps, epoch_ms(since))
            ) AS total_before,
            total_of(
                leads.accumulators, leads.caps, epoch_ms(greatest(now(), leads.score_updated_on))
            ) AS total_now,
            coalesce(first.signals, 0) AS signals, leads.score_band, leads.last_activity_on
        FROM leads LEFT JOIN first ON first.lead_id = leads.lead_id WHERE leads.tenant_id = tenant
    )
    SELECT moved.lead_id, shown_score(total_before), shown_score(total_now), total_now - total_before,
        moved.signals, moved.score_band, moved.last_activity_on
    FROM moved WHERE total_now <> total_before
    ORDER BY abs(total_now - total_before) DESC, moved.lead_id LIMIT most;
END;

COMMENT ON FUNCTION report_movers(text, timestamptz, integer) IS
    'The leads whose total differs most from what it was before their first signal since an instant, or at '
    'that instant without one';

-- A lead's unclamped total in points at any instant from its last change on. For whoever asks; called by band_at.
CREATE FUNCTION score_at(tenant_id text, lead_id text, at timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT total_of(leads.accumulators, leads.caps, epoch_ms(greatest(score_at.at, leads.score_updated_on)))
    FROM leads WHERE leads.tenant_id = score_at.tenant_id AND leads.lead_id = score_at.lead_id;
END;

COMMENT ON FUNCTION score_at(text, text, timestamptz) IS
    'A lead''s unclamped total at an instant, or at its last change if that is later; NULL without the lead';

-- The band of a lead at any instant from its last change on. For whoever asks.
CREATE FUNCTION band_at(tenant_id text, lead_id text, at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN band_at.at <= leads.score_updated_on THEN leads.score_band
        ELSE (
            SELECT band_from(
                scoring.bands, leads.score_band, score_at(band_at.tenant_id, band_at.lead_id, band_at.at)
            )
            FROM lead_scoring_models AS scoring
            WHERE scoring.tenant_id IN (leads.tenant_id, '') AND scoring.name = leads.model
                AND scoring.version = leads.score_version
            ORDER BY scoring.is_active DESC, scoring.tenant_id DESC, scoring.log_offset DESC LIMIT 1
        )
    END
    FROM leads WHERE leads.tenant_id = band_at.tenant_id AND leads.lead_id = band_at.lead_id;
END;

COMMENT ON FUNCTION band_at(text, text, timestamptz) IS
    'The band of a lead at an instant, from the one that it was in at its last change; NULL without the lead'
    ' or its model';

-- The leads of a tenant with the highest totals at an instant, right to the last place. Read by
-- `leadstream lead list` and by whoever calls first. Sections of the index are taken by the best total that they can
-- have, and left as soon as no lead of them can reach the last place.
CREATE FUNCTION top_leads(tenant text, most integer DEFAULT 100, at timestamptz DEFAULT now())
RETURNS TABLE (
    place bigint, lead_id text, score_now integer, total_now double precision, score_band text,
    last_activity_on timestamptz, score_updated_on timestamptz, owner text
)
LANGUAGE plpgsql STABLE ROWS 100
-- In the order of the index, whatever the planner thinks of sorting: the loops end early.
SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
SET search_path FROM CURRENT
AS $$
DECLARE
    at_ms double precision := epoch_ms(at);
    latest_ms double precision := greatest(
        at_ms, (SELECT epoch_ms(max(newest_on)) FROM projection_positions)
    );
    section record;
    lead record;
    ids text[] := '{}';
    totals double precision[] := '{}';
    kept integer := 0;
    -- The last place's total; NULL until there are enough.
    last double precision;
BEGIN
    IF most < 1 THEN
        RETURN;
    END IF;
    FOR section IN
        WITH RECURSIVE part AS (
            (
                SELECT rank_half_life AS half_life, rank_base AS base, rank_key AS key FROM leads
                WHERE tenant_id = tenant
                ORDER BY rank_half_life, rank_base, rank_key DESC, leads.lead_id LIMIT 1
            )
            UNION ALL
            SELECT following.* FROM part, LATERAL (
                SELECT rank_half_life, rank_base, rank_key FROM leads
                WHERE tenant_id = tenant AND (rank_half_life, rank_base) > (part.half_life, part.base)
                ORDER BY rank_half_life, rank_base, rank_key DESC, leads.lead_id LIMIT 1
            ) AS following
        )
        SELECT *, rank_bound(part.half_life, part.base, part.key, at_ms, latest_ms) AS best
        FROM (SELECT * FROM part OFFSET 0) AS part ORDER BY best DESC
    LOOP
        EXIT WHEN section.best < last;
        FOR lead IN
            SELECT leads.lead_id, rank_key, coalesce(
                total_of(accumulators, caps, greatest(at_ms, epoch_ms(leads.score_updated_on))), total
            ) AS total
            FROM leads
            WHERE tenant_id = tenant AND rank_half_life = section.half_life AND rank_base = section.base
                AND rank_key >= coalesce(
                    rank_floor(section.half_life, section.base, last, at_ms, latest_ms), '-Infinity'
                )
            ORDER BY rank_key DESC, leads.lead_id
        LOOP
            EXIT WHEN rank_bound(section.half_life, section.base, lead.rank_key, at_ms, latest_ms) < last;
            CONTINUE WHEN lead.total < last;
            ids := ids || lead.lead_id;
            totals := totals || lead.total;
            kept := kept + 1;
            IF kept = 2 * most::bigint OR kept = most AND last IS NULL THEN
                SELECT array_agg(best.id), array_agg(best.total) INTO ids, totals FROM (
                    SELECT id, total FROM unnest(ids, totals) AS candidate (id, total)
                    ORDER BY total DESC, id COLLATE "C" LIMIT most
                ) AS best;
                kept := most;
                last := totals[most];
            END IF;
        END LOOP;
    END LOOP;
    RETURN QUERY
        SELECT row_number() OVER (ORDER BY best.total DESC, best.id COLLATE "C"), best.id,
            shown_score(best.total), best.total, leads.score_band, leads.last_activity_on,
            leads.score_updated_on, leads.owner
        FROM (
            SELECT id, total FROM unnest(ids, totals) AS candidate (id, total)
            ORDER BY total DESC, id COLLATE "C" LIMIT most
        ) AS best
        JOIN leads ON leads.tenant_id = tenant AND leads.lead_id = best.id
        ORDER BY 1;
END
$$;

COMMENT ON FUNCTION top_leads(text, integer, timestamptz) IS
    'The leads of a tenant with the highest totals at an instant, by total, then by lead_id; right to the '
    'last place';

-- What came of each action that was requested or withheld; times in seconds or hours, as the names say. Read by
-- report_outcomes. What changes a record in the CRM, or is sent to the lead, is no answer of the lead.
CREATE VIEW action_outcomes WITH (security_invoker = true) AS
SELECT asked.tenant_id, asked.lead_id, asked.id AS action_id, asked.action, asked.channel,
    asked.at AS decided_on, asked.reason AS withheld, asked.trigger, asked.threshold, asked.cause,
    asked.signal_type AS trigger_type, asked.signal_id AS trigger_id,
    extract(epoch FROM asked.at - (asked.signal ->> 'at')::timestamptz)::double precision AS delay_seconds,
    extract(epoch FROM asked.at - crossing.at)::double precision AS waited_seconds, asked.until,
    asked.priority, following.event_type AS outcome_type, following.signal_id AS outcome_id,
    following.points_added AS outcome_points,
    extract(epoch FROM following.created_at - asked.at)::double precision / 3600 AS outcome_hours,
    status.event_data ->> 'to' AS status,
    extract(epoch FROM status.created_at - asked.at)::double precision / 3600 AS status_hours
FROM (
    SELECT id, tenant_id, lead_id, at, cause, threshold, action, channel, signal_id, signal_type, signal,
        crossing_id, NULL AS reason, trigger, priority, NULL::timestamptz AS until
    FROM action_log WHERE type = 'lead.action.requested'
    UNION ALL
    SELECT id, tenant_id, lead_id, at, cause, threshold, action, channel, signal_id, signal_type, signal,
        crossing_id, reason, trigger, NULL, until
    FROM decision_log WHERE type = 'lead.action.skipped'
) AS asked
LEFT JOIN action_log AS crossing ON crossing.id = asked.crossing_id
LEFT JOIN LATERAL (
    SELECT event_type, signal_id, points_added, created_at FROM score_events AS event
    WHERE event.tenant_id = asked.tenant_id AND event.lead_id = asked.lead_id AND event.created_at > asked.at
        AND event.event_type NOT IN (
            'lead.created', 'lead.updated', 'lead.enriched', 'status.changed', 'score.bumped', 'email.sent'
        )
        AND event.outcome <> 'flagged'
    ORDER BY event.created_at, event.source_offset LIMIT 1
) AS following ON true
LEFT JOIN LATERAL (
    SELECT event_data, created_at FROM score_events AS event
    WHERE event.tenant_id = asked.tenant_id AND event.lead_id = asked.lead_id AND event.created_at > asked.at
        AND event.event_type = 'status.changed'
    ORDER BY event.created_at, event.source_offset LIMIT 1
) AS status ON true;

COMMENT ON VIEW action_outcomes IS
    'Each action that was requested or withheld: what triggered it, after how long, and what the lead did '
    'next';
COMMENT ON COLUMN action_outcomes.tenant_id IS 'The workspace';
COMMENT ON COLUMN action_outcomes.lead_id IS 'The lead';
COMMENT ON COLUMN action_outcomes.action_id IS 'The id in action_log or decision_log';
COMMENT ON COLUMN action_outcomes.action IS 'What the model wants done';
COMMENT ON COLUMN action_outcomes.channel IS 'Its channel: email, phone, ...';
COMMENT ON COLUMN action_outcomes.decided_on IS 'When it was requested or withheld';
COMMENT ON COLUMN action_outcomes.withheld IS 'Why it was withheld; NULL if it was requested';
COMMENT ON COLUMN action_outcomes.trigger IS
    'What of the model triggered it: threshold:80.0, band:hot, timer:silent, ...';
COMMENT ON COLUMN action_outcomes.threshold IS 'The threshold that was crossed';
COMMENT ON COLUMN action_outcomes.cause IS
    'signal, timer (inactivity, absence, deferred), decay, reset, merge, recovery or model';
COMMENT ON COLUMN action_outcomes.trigger_type IS 'The type of the signal that caused it, if one did';
COMMENT ON COLUMN action_outcomes.trigger_id IS 'The id of that signal';
COMMENT ON COLUMN action_outcomes.delay_seconds IS 'From that signal''s own time to the decision';
COMMENT ON COLUMN action_outcomes.waited_seconds IS
    'From the crossing, change or trigger to the decision: more than 0 for one that was deferred';
COMMENT ON COLUMN action_outcomes.until IS 'When a deferred one is judged again';
COMMENT ON COLUMN action_outcomes.priority IS 'Its priority, if the model gives one';
COMMENT ON COLUMN action_outcomes.outcome_type IS
    'The type of the next signal that the lead itself gave, if there is one yet: no change of its record or '
    'status, no sending, nothing that a guard flagged';
COMMENT ON COLUMN action_outcomes.outcome_id IS 'The id of that signal';
COMMENT ON COLUMN action_outcomes.outcome_points IS 'What it added to the total';
COMMENT ON COLUMN action_outcomes.outcome_hours IS 'How long after the decision it came';
COMMENT ON COLUMN action_outcomes.status IS 'The status that the lead had next, if it changed since';
COMMENT ON COLUMN action_outcomes.status_hours IS 'How long after the decision it changed';

-- What came of the actions of each kind since an instant; medians in seconds and hours. Read by
-- `leadstream report outcomes`.
CREATE FUNCTION report_outcomes(tenant text, since timestamptz, converted text[])
RETURNS TABLE (
    action text, requested bigint, withheld bigint, reasons jsonb, median_delay_seconds double precision,
    answered bigint, percent_answered double precision, median_hours_to_answer double precision,
    converted_leads bigint
)
LANGUAGE sql STABLE ROWS 20
BEGIN ATOMIC
    WITH decided AS (
        SELECT outcome.*, EXISTS (
            SELECT FROM score_events AS event
            WHERE event.tenant_id = tenant AND event.lead_id = outcome.lead_id
                AND event.created_at > outcome.decided_on AND event.event_type = 'status.changed'
                AND event.event_data ->> 'to' = ANY (converted)
        ) AS won
        FROM action_outcomes AS outcome
        WHERE outcome.tenant_id = tenant AND outcome.decided_on >= since
    ), withheld AS (
        SELECT counted.action, sum(times)::bigint AS times, jsonb_object_agg(reason, times) AS reasons FROM (
            SELECT decided.action, decided.withheld AS reason, count(*) AS times FROM decided
            WHERE decided.withheld IS NOT NULL GROUP BY 1, 2
        ) AS counted GROUP BY counted.action
    )
    SELECT made.action, made.requested, coalesce(withheld.times, 0), coalesce(withheld.reasons, '{}'),
        made.delay, made.answered, 100.0 * made.answered / nullif(made.requested, 0), made.hours, made.won
    FROM (
        SELECT decided.action, count(*) FILTER (WHERE decided.withheld IS NULL) AS requested,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(delay_seconds, waited_seconds))
                FILTER (WHERE decided.withheld IS NULL) AS delay,
            count(outcome_type) FILTER (WHERE decided.withheld IS NULL) AS answered,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY outcome_hours)
                FILTER (WHERE decided.withheld IS NULL) AS hours,
            count(DISTINCT decided.lead_id) FILTER (WHERE decided.withheld IS NULL AND decided.won) AS won
        FROM decided GROUP BY decided.action
    ) AS made LEFT JOIN withheld ON withheld.action = made.action
    ORDER BY made.requested DESC, made.action;
END;

COMMENT ON FUNCTION report_outcomes(text, timestamptz, text[]) IS
    'action_outcomes since an instant by action: how many were requested and withheld, and why; the median '
    'delay from signal (or trigger) to request; after how many the lead gave a signal, and the median hours '
    'to it; how many leads converted later';

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

-- The requested actions of action_log, as a CRM takes them over: in the order of log_offset within a partition.
CREATE VIEW crm_handoffs WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, id AS action_id, action, channel, nullif(priority, '') AS priority,
    payload ->> 'owner' AS owner, payload ->> 'queue' AS queue, payload ->> 'phone' AS phone,
    payload ->> 'email' AS email, score, band, nullif(stage, '') AS stage, trigger, threshold, crossing_id,
    signal_type, signal_id, at AS requested_on, payload, factors, log_partition, log_offset
FROM action_log WHERE type = 'lead.action.requested';

COMMENT ON VIEW crm_handoffs IS 'What a CRM is to do: one row for each requested action';
COMMENT ON COLUMN crm_handoffs.tenant_id IS 'The workspace';
COMMENT ON COLUMN crm_handoffs.lead_id IS 'The lead';
COMMENT ON COLUMN crm_handoffs.action_id IS
    'The action''s id, the same in every replay: drop what is done already';
COMMENT ON COLUMN crm_handoffs.action IS 'What the model wants done';
COMMENT ON COLUMN crm_handoffs.channel IS 'Its channel: crm, sales, email, phone, segments, ...';
COMMENT ON COLUMN crm_handoffs.priority IS 'Its priority, if the model gives one';
COMMENT ON COLUMN crm_handoffs.owner IS 'Whom it is assigned to, if the action assigns or requires an owner';
COMMENT ON COLUMN crm_handoffs.queue IS 'The queue that its payload names';
COMMENT ON COLUMN crm_handoffs.phone IS 'The phone number in E.164, if the action requires or names one';
COMMENT ON COLUMN crm_handoffs.email IS 'The e-mail address, if the action requires or names one';
COMMENT ON COLUMN crm_handoffs.score IS 'The shown score then';
COMMENT ON COLUMN crm_handoffs.band IS 'The band then';
COMMENT ON COLUMN crm_handoffs.stage IS 'The stage then, if the lead was in one';
COMMENT ON COLUMN crm_handoffs.trigger IS 'What of the model asked for it: threshold:75.0, stage:sql, ...';
COMMENT ON COLUMN crm_handoffs.threshold IS 'The threshold that was crossed';
COMMENT ON COLUMN crm_handoffs.crossing_id IS
    'The id in action_log of the crossing, change or trigger behind it';
COMMENT ON COLUMN crm_handoffs.signal_type IS 'The type of the signal that caused it, if one did';
COMMENT ON COLUMN crm_handoffs.signal_id IS 'The id of that signal';
COMMENT ON COLUMN crm_handoffs.requested_on IS 'When it was requested';
COMMENT ON COLUMN crm_handoffs.payload IS 'All that the model says the action is to carry';
COMMENT ON COLUMN crm_handoffs.factors IS 'What each factor contributed then';
COMMENT ON COLUMN crm_handoffs.log_partition IS 'The partition of its record in the topic of actions';
COMMENT ON COLUMN crm_handoffs.log_offset IS
    'The offset of its record: rows of a partition come in this order';

-- Why each lead has its total at this moment: its factors in points, each with the last five signals in it, of the
-- lead's last thousand since a reset. Read by `leadstream lead show` and by whoever explains a score.
CREATE VIEW lead_factors_now WITH (security_invoker = true) AS
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
) AS made;

COMMENT ON VIEW lead_factors_now IS
    'Why each lead has its total at this moment: its factors and what made them';
COMMENT ON COLUMN lead_factors_now.tenant_id IS 'The workspace';
COMMENT ON COLUMN lead_factors_now.lead_id IS 'The lead';
COMMENT ON COLUMN lead_factors_now.model_version IS 'The model that scored, and its version';
COMMENT ON COLUMN lead_factors_now.factor_key IS 'The factor; cap:<category> for what a cap takes away';
COMMENT ON COLUMN lead_factors_now.factor_category IS 'Its category, empty for none';
COMMENT ON COLUMN lead_factors_now.points IS 'What it contributes now, rounded; exact in details';
COMMENT ON COLUMN lead_factors_now.details IS
    'The evidence: factor, exact points, count of signals, last_at, and signals: of the last five what and '
    'when they were, what they were worth, and their place in score_events';
COMMENT ON COLUMN lead_factors_now.created_on IS
    'When the factor last changed other than by the passing of time: when its newest signal was folded';

-- Whose each lead is, of those that are anybody's. Read by the CRM.
CREATE VIEW lead_owners WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, owner FROM leads WHERE owner IS NOT NULL;

COMMENT ON VIEW lead_owners IS 'Whose each lead is, of those that are anybody''s';
COMMENT ON COLUMN lead_owners.tenant_id IS 'The workspace';
COMMENT ON COLUMN lead_owners.lead_id IS 'The lead';
COMMENT ON COLUMN lead_owners.owner IS
    'Whose the lead is: its fact owner, else whom an action''s assign gave it to; NULL for nobody';

-- Every lead with its total and shown score at this moment, in points. Read by the CRM, `leadstream lead list` and
-- the reports.
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

-- The spread of shown scores now by band, and over all (band NULL). Shares in per cent. Read by
-- `leadstream report distribution`.
CREATE VIEW report_distribution WITH (security_invoker = true) AS
SELECT tenant_id, score_band, count(*) AS leads,
    -- The largest count is that of the row of all.
    100.0 * count(*) / max(count(*)) OVER (PARTITION BY tenant_id) AS percent,
    avg(score_now)::double precision AS mean,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY score_now) AS median,
    min(score_now) AS lowest, max(score_now) AS highest
FROM leads_now GROUP BY GROUPING SETS ((tenant_id, score_band), (tenant_id));

COMMENT ON VIEW report_distribution IS 'How the present scores of a tenant spread over bands';
COMMENT ON COLUMN report_distribution.tenant_id IS 'The workspace';
COMMENT ON COLUMN report_distribution.score_band IS 'The band; NULL for all leads of the tenant';
COMMENT ON COLUMN report_distribution.leads IS 'How many leads';
COMMENT ON COLUMN report_distribution.percent IS 'Their share of the tenant''s leads';
COMMENT ON COLUMN report_distribution.mean IS 'The mean of their shown scores now';
COMMENT ON COLUMN report_distribution.median IS 'The median of their shown scores now';
COMMENT ON COLUMN report_distribution.lowest IS 'The lowest shown score now';
COMMENT ON COLUMN report_distribution.highest IS 'The highest shown score now';

-- The leads of each owner by band, and their shown scores now. Read by `leadstream report owners`.
CREATE VIEW report_owners WITH (security_invoker = true) AS
SELECT tenant_id, owner, sum(leads)::bigint AS leads, jsonb_object_agg(score_band, leads) AS bands,
    sum(total_score)::double precision / sum(leads)::double precision AS mean, max(highest) AS highest
FROM (
    SELECT tenant_id, owner, score_band, count(*) AS leads, sum(score_now) AS total_score,
        max(score_now) AS highest
    FROM leads_now GROUP BY tenant_id, owner, score_band
) AS bands
GROUP BY tenant_id, owner;

COMMENT ON VIEW report_owners IS 'The leads of each owner and how they stand now';
COMMENT ON COLUMN report_owners.tenant_id IS 'The workspace';
COMMENT ON COLUMN report_owners.owner IS 'The owner; NULL for leads of nobody';
COMMENT ON COLUMN report_owners.leads IS 'How many leads';
COMMENT ON COLUMN report_owners.bands IS 'How many in each band';
COMMENT ON COLUMN report_owners.mean IS 'The mean of their shown scores now';
COMMENT ON COLUMN report_owners.highest IS 'The highest shown score now';

-- The leads of a tenant by stage and band, and their shown scores now. Shares in per cent. Read by
-- `leadstream report stages`.
CREATE VIEW report_stages WITH (security_invoker = true) AS
SELECT tenant_id, nullif(stage, '') AS stage, sum(leads)::bigint AS leads,
    100.0 * sum(leads) / sum(sum(leads)) OVER (PARTITION BY tenant_id) AS percent,
    jsonb_object_agg(score_band, leads) AS bands, min(mean) AS mean, min(median) AS median,
    max(highest) AS highest
FROM (
    SELECT tenant_id, stage, score_band, count(*) AS leads
    FROM leads GROUP BY tenant_id, stage, score_band
) AS banded JOIN (
    SELECT tenant_id, stage, avg(score_now)::double precision AS mean,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY score_now) AS median, max(score_now) AS highest
    FROM leads_now GROUP BY tenant_id, stage
) AS scored USING (tenant_id, stage)
GROUP BY tenant_id, stage;

COMMENT ON VIEW report_stages IS 'How the leads of a tenant spread over stages, and over bands in each';
COMMENT ON COLUMN report_stages.tenant_id IS 'The workspace';
COMMENT ON COLUMN report_stages.stage IS 'The stage; NULL for leads in none';
COMMENT ON COLUMN report_stages.leads IS 'How many leads';
COMMENT ON COLUMN report_stages.percent IS 'Their share of the tenant''s leads';
COMMENT ON COLUMN report_stages.bands IS 'How many in each band';
COMMENT ON COLUMN report_stages.mean IS 'The mean of their shown scores now';
COMMENT ON COLUMN report_stages.median IS 'The median of their shown scores now';
COMMENT ON COLUMN report_stages.highest IS 'The highest shown score now';

GRANT USAGE ON SCHEMA leadstream TO leadstream_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON leads, removed_leads, lead_scoring_models TO leadstream_writer;
GRANT SELECT, INSERT ON score_events, lead_score_factors, action_log, decision_log TO leadstream_writer;
GRANT SELECT, INSERT ON projection_dead_letters TO leadstream_writer;
GRANT SELECT, INSERT, UPDATE ON projection_positions TO leadstream_writer;
GRANT SELECT ON alembic_version TO leadstream_writer;
GRANT EXECUTE ON FUNCTION make_month(date), make_factor_month(date) TO leadstream_writer;
CREATE POLICY writer ON leads FOR ALL TO leadstream_writer USING (true);
CREATE POLICY writer ON score_events FOR ALL TO leadstream_writer USING (true);
CREATE POLICY writer ON action_log FOR ALL TO leadstream_writer USING (true);
CREATE POLICY writer ON decision_log FOR ALL TO leadstream_writer USING (true);
CREATE POLICY writer ON removed_leads FOR ALL TO leadstream_writer USING (true);
CREATE POLICY writer ON crm_destinations FOR ALL TO leadstream_writer USING (true);
CREATE POLICY writer ON lead_scoring_models FOR ALL TO leadstream_writer USING (true);
CREATE POLICY writer ON lead_score_factors FOR ALL TO leadstream_writer USING (true);
GRANT USAGE ON SCHEMA leadstream TO leadstream_reader;
GRANT SELECT ON leads, score_events, action_log, decision_log, removed_leads, crm_destinations TO leadstream_reader;
GRANT SELECT ON lead_scoring_models, lead_score_factors TO leadstream_reader;
GRANT SELECT ON projection_positions, projection_timeline, alembic_version TO leadstream_reader;
GRANT SELECT ON action_outcomes, contact_scores, crm_handoffs, lead_factors_now, lead_owners, leads_now, report_distribution, report_owners, report_stages TO leadstream_reader;
CREATE POLICY reader ON leads FOR SELECT TO leadstream_reader USING (true);
CREATE POLICY reader ON score_events FOR SELECT TO leadstream_reader USING (true);
CREATE POLICY reader ON action_log FOR SELECT TO leadstream_reader USING (true);
CREATE POLICY reader ON decision_log FOR SELECT TO leadstream_reader USING (true);
CREATE POLICY reader ON removed_leads FOR SELECT TO leadstream_reader USING (true);
CREATE POLICY reader ON crm_destinations FOR SELECT TO leadstream_reader USING (true);
CREATE POLICY reader ON lead_scoring_models FOR SELECT TO leadstream_reader USING (true);
CREATE POLICY reader ON lead_score_factors FOR SELECT TO leadstream_reader USING (true);
GRANT USAGE ON SCHEMA leadstream TO leadstream_tenant_reader;
GRANT SELECT ON leads, score_events, action_log, decision_log, removed_leads, crm_destinations TO leadstream_tenant_reader;
GRANT SELECT ON lead_scoring_models, lead_score_factors TO leadstream_tenant_reader;
GRANT SELECT ON projection_positions, projection_timeline, alembic_version TO leadstream_tenant_reader;
GRANT SELECT ON action_outcomes, contact_scores, crm_handoffs, lead_factors_now, lead_owners, leads_now, report_distribution, report_owners, report_stages TO leadstream_tenant_reader;
CREATE POLICY tenant_reader ON leads FOR SELECT TO leadstream_tenant_reader
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON score_events FOR SELECT TO leadstream_tenant_reader
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON action_log FOR SELECT TO leadstream_tenant_reader
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON decision_log FOR SELECT TO leadstream_tenant_reader
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON removed_leads FOR SELECT TO leadstream_tenant_reader
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON crm_destinations FOR SELECT TO leadstream_tenant_reader
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON lead_scoring_models FOR SELECT TO leadstream_tenant_reader
    USING (tenant_id IN ('', current_setting('leadstream.tenant', true)));
CREATE POLICY tenant_reader ON lead_score_factors FOR SELECT TO leadstream_tenant_reader
    USING (tenant_id = current_setting('leadstream.tenant', true));
ALTER TABLE leads ENABLE ROW LEVEL SECURITY;
ALTER TABLE score_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE action_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE decision_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE removed_leads ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm_destinations ENABLE ROW LEVEL SECURITY;
ALTER TABLE lead_scoring_models ENABLE ROW LEVEL SECURITY;
ALTER TABLE lead_score_factors ENABLE ROW LEVEL SECURITY;
