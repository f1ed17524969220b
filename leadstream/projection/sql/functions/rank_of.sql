-- The columns rank_* of a lead: half-lives in milliseconds, base in points, key in ms or points. For rows
-- that are made in SQL: the projector computes the same by itself.
CREATE FUNCTION rank_of(
    accumulators jsonb, at_ms double precision, OUT half_life bigint, OUT base double precision,
    OUT key double precision
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH sums AS (
        SELECT (factor ->> 4)::bigint AS half_life, sum(contribution_of(factor, at_ms)) AS part
        FROM jsonb_array_elements(accumulators) AS factor GROUP BY 1
    ), slowest AS (
        SELECT coalesce(max(sums.half_life) FILTER (WHERE part > 0), min(sums.half_life)) AS half_life
        FROM sums WHERE sums.half_life > 0 AND part <> 0
    ), bound AS (
        SELECT max(slowest.half_life) AS half_life,
            coalesce(sum(part) FILTER (WHERE sums.half_life = 0), 0) AS constant,
            coalesce(sum(part) FILTER (
                WHERE sums.half_life > 0 AND (part > 0 OR sums.half_life >= slowest.half_life)
            ), 0) AS part
        FROM sums, slowest
    )
    SELECT CASE WHEN part = 0 THEN 0 ELSE bound.half_life * sign(part)::bigint END,
        CASE WHEN part = 0 THEN 0 ELSE ceil(constant) END,
        CASE
            WHEN part = 0 THEN constant
            ELSE sign(part) * (at_ms + bound.half_life * ln(abs(part)) / ln(2::float8))
        END
    FROM bound;
END;

COMMENT ON FUNCTION rank_of(jsonb, double precision) IS
    'The columns rank_* of a lead without caps, all of whose factors are exponential or none without detail,'
    ' from its accumulators at score_updated_on (ms since 1970)';
