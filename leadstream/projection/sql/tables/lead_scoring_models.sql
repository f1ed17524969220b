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
