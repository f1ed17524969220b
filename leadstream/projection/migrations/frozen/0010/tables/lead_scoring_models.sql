CREATE TABLE lead_scoring_models (
    tenant_id text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    scoring_model_id text NOT NULL,
    name text NOT NULL,
    version varchar(50) NOT NULL,
    is_active boolean NOT NULL,
    rules jsonb NOT NULL,
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
COMMENT ON COLUMN lead_scoring_models.rules IS
    'The rule file, with its includes and the workspace''s own half-life';
COMMENT ON COLUMN lead_scoring_models.decay_settings IS
    'How factors fade, the first by default: kernel, half_life (ms; of linear the period, of inactivity_step'
    ' the interval), the factors that fade so, percent, linear, floor, ages';
COMMENT ON COLUMN lead_scoring_models.bands IS
    'By rising total: name, and start, without which it is the lowest';
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

CREATE UNIQUE INDEX lead_scoring_models_active ON lead_scoring_models (tenant_id) WHERE is_active;
