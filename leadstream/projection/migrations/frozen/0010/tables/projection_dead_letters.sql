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
