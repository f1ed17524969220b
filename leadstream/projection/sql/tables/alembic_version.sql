-- The revision that the schema is at: one row, written by the migrations.
-- Read by every command and the projector, which refuse another revision than theirs.
CREATE TABLE alembic_version (
    version_num varchar(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO alembic_version VALUES ('0016');
