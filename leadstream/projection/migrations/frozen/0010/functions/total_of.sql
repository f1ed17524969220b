CREATE FUNCTION total_of(accumulators jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(coalesce(sum(contribution_of(factor, at_ms)), 0), 'NaN')
    FROM jsonb_array_elements(accumulators) AS factor;
END;

COMMENT ON FUNCTION total_of(jsonb, double precision) IS
    'The sum of what accumulators contribute at an instant (ms since 1970), before caps; NULL for a kernel '
    'that is not known here';

CREATE FUNCTION total_of(accumulators jsonb, caps jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN caps = '{}' THEN total_of(accumulators, at_ms) ELSE capped_total_of(accumulators, caps, at_ms)
    END;
END;

COMMENT ON FUNCTION total_of(jsonb, jsonb, double precision) IS
    'The unclamped total that accumulators with these caps give at an instant (ms since 1970); NULL for a '
    'kernel that is not known here';
