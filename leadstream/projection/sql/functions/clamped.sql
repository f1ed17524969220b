-- A category's sum under its cap, in points. Called by capped_total_of and factors_at.
CREATE FUNCTION clamped(value double precision, cap jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN cap IS NULL OR value = 'NaN' THEN value
        ELSE least(greatest(value, (cap ->> 0)::float8), (cap ->> 1)::float8)
    END;
END;

COMMENT ON FUNCTION clamped(double precision, jsonb) IS
    'The sum of a category under its cap: an array of low and high';
