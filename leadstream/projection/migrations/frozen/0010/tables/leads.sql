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
