-- The inverse of rank_bound: the lowest rank_key with which a lead may reach a total in points. Called by top_leads.
CREATE FUNCTION rank_floor(
    half_life bigint, base double precision, total double precision, at_ms double precision,
    latest_ms double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN half_life > 0 AND total - base > slack
            THEN at_ms + half_life * (ln(total - base - slack) / ln(2::float8) - 1e-9) - 1
        WHEN half_life < 0 AND base - total + slack > 0
            THEN -latest_ms + half_life * (ln(base - total + slack) / ln(2::float8) + 1e-9) - 1
        WHEN half_life = 0 THEN total - slack
        ELSE '-Infinity'
    END
    FROM (SELECT 2e-9 + (abs(total) + abs(base)) * 1e-11 AS slack) AS allowed;
END;

COMMENT ON FUNCTION rank_floor(
    bigint, double precision, double precision, double precision, double precision
) IS
    'The lowest rank_key with which a lead may have a total at an instant';
