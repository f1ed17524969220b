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
