-- The highest total in points that a lead with these rank columns can have at an instant (ms since 1970). Called by
-- top_leads. The key is an instant in double precision: the bound allows for its rounding. Of a negative part the
-- bound is taken at latest_ms, as a row that is newer than at_ms counts as of its own instant.
CREATE FUNCTION rank_bound(
    half_life bigint, base double precision, key double precision, at_ms double precision,
    latest_ms double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 1e-9 + CASE
        WHEN half_life > 0 THEN base + abs(base) * 1e-12 + (1.000000000001 + 0.001 / half_life)
            * 2 ^ least(greatest((key - at_ms) / half_life, -300), 300)
        WHEN half_life < 0 THEN base + abs(base) * 1e-12 - (0.999999999999 + 0.001 / half_life)
            * 2 ^ least(greatest((key + latest_ms) / half_life, -300), 300)
        ELSE key + abs(key) * 1e-12
    END;
END;

COMMENT ON FUNCTION rank_bound(
    bigint, double precision, double precision, double precision, double precision
) IS
    'The highest total that a lead with these rank columns can have at an instant';
