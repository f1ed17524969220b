CREATE FUNCTION capped_total_of(accumulators jsonb, caps jsonb, at_ms double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(coalesce(sum(clamped(points, caps -> category)), 0), 'NaN') FROM (
        SELECT factor ->> 1 AS category, sum(contribution_of(factor, at_ms)) AS points
        FROM jsonb_array_elements(accumulators) AS factor GROUP BY 1
    ) AS part;
END;

COMMENT ON FUNCTION capped_total_of(jsonb, jsonb, double precision) IS 'total_of where there are caps';
