-- What one factor of leads.accumulators contributes at an instant (ms since 1970), in points, by its kernel.
-- Called by total_of, capped_total_of, factors_at, rank_of. The exponent ends at 300 and masses at 1e-100, as
-- PostgreSQL raises an error where a product underflows.
CREATE FUNCTION contribution_of(factor jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN (factor ->> 9) IS NOT NULL THEN detailed_contribution_of(factor, at_ms)
        WHEN (factor ->> 3) = 'exponential' THEN CASE
            WHEN abs((factor ->> 5)::float8) < 1e-100 THEN 0
            ELSE (factor ->> 2)::float8 * ((factor ->> 5)::float8 * 2 ^ (
                -least(greatest(0, at_ms - (factor ->> 6)::float8) / (factor ->> 4)::float8, 300)
            ))
        END
        WHEN (factor ->> 3) = 'none' THEN (factor ->> 2)::float8 * (factor ->> 5)::float8
        WHEN (factor ->> 3) = 'inactive' THEN CASE
            WHEN at_ms - (factor ->> 6)::float8 >= (factor ->> 4)::float8
                THEN (factor ->> 2)::float8 * (factor ->> 5)::float8
            ELSE 0
        END
        ELSE 'NaN'
    END;
END;

COMMENT ON FUNCTION contribution_of(jsonb, double precision) IS
    'What a factor of accumulators contributes to its category at an instant (ms since 1970); NaN for a '
    'kernel that is not known here';
