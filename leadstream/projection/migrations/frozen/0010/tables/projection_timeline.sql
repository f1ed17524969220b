CREATE TABLE projection_timeline (
    id text NOT NULL,
    PRIMARY KEY (id)
);

COMMENT ON TABLE projection_timeline IS 'One row: which offsets the tables count by';
COMMENT ON COLUMN projection_timeline.id IS 'Part of every token, so that a token of other topics is refused';

INSERT INTO projection_timeline SELECT left(md5(gen_random_uuid()::text), 12);
