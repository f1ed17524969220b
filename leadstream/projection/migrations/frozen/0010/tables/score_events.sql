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

CREATE INDEX score_events_by_lead ON score_events (tenant_id, lead_id, created_at DESC);
CREATE INDEX score_events_by_type ON score_events (event_type, source, created_at DESC);

CREATE TABLE score_events_other (LIKE score_events INCLUDING DEFAULTS INCLUDING COMMENTS);
ALTER TABLE score_events ATTACH PARTITION score_events_other DEFAULT;
-- Whatever rights a role has by default: rows are read through the table and its policies.
ALTER TABLE score_events_other ENABLE ROW LEVEL SECURITY;
COMMENT ON TABLE score_events_other IS 'Rows of score_events whose month has no partition';
