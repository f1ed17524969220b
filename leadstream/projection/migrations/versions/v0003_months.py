"""score_events by month, so that old months can go at once."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COPY_GRANTS = """
DO $$
DECLARE
    grants text;
BEGIN
    FOR grants IN
        SELECT format(
            'GRANT %s ON score_events TO %s%s', privilege_type,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        )
        FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'score_events_before'::regclass AND grantee <> relowner
    LOOP
        EXECUTE grants;
    END LOOP;
END
$$
"""
# Rows of the month that the default partition took come along; its lock keeps others out meanwhile. A reader
# that holds it is not waited for: the caller tries again.
MAKE_MONTH = """
CREATE FUNCTION make_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp SET lock_timeout = '2s'
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
$$
"""
MOVE = """
DO $$
BEGIN
    PERFORM make_month(month) FROM (
        SELECT DISTINCT date_trunc('month', created_at AT TIME ZONE 'UTC')::date AS month
        FROM score_events_before WHERE created_at >= '2000-01-01Z' AND created_at < '2100-01-01Z'
    ) AS months;
    INSERT INTO score_events SELECT * FROM score_events_before;
END
$$
"""
STATEMENTS = (
    "ALTER TABLE score_events RENAME TO score_events_before",
    "ALTER TABLE score_events_before DROP CONSTRAINT score_events_pkey",
    "DROP INDEX score_events_by_lead, score_events_by_type",
    # The time of the fold is a function of the place in the log, so the key is as unique as the place.
    "CREATE TABLE score_events (LIKE score_events_before INCLUDING DEFAULTS INCLUDING COMMENTS, "
    "PRIMARY KEY (source_partition, source_offset, created_at)) PARTITION BY RANGE (created_at)",
    "COMMENT ON TABLE score_events IS 'What each signal did to its lead; one row a place in the log, so "
    "never twice; a partition a month by created_at'",
    "CREATE INDEX score_events_by_lead ON score_events (tenant_id, lead_id, created_at DESC)",
    "CREATE INDEX score_events_by_type ON score_events (event_type, source, created_at DESC)",
    "CREATE TABLE score_events_other (LIKE score_events INCLUDING DEFAULTS INCLUDING COMMENTS)",
    "ALTER TABLE score_events ATTACH PARTITION score_events_other DEFAULT",
    "ALTER TABLE score_events_other ENABLE ROW LEVEL SECURITY",
    "COMMENT ON TABLE score_events_other IS 'Rows of score_events whose month has no partition'",
    COPY_GRANTS,
    MAKE_MONTH,
    "COMMENT ON FUNCTION make_month(date) IS 'Makes the partition of score_events for the month of a day, "
    "with the rights of the owner; says whether it was absent'",
    "REVOKE EXECUTE ON FUNCTION make_month(date) FROM PUBLIC",
    MOVE,
    "DROP TABLE score_events_before",
)


def upgrade() -> None:
    schema = str(op.get_context().version_table_schema)
    for statement in STATEMENTS:
        op.execute(statement.replace("{schema}", schema))
