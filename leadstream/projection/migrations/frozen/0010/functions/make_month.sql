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
