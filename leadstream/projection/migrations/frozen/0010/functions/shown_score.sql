CREATE FUNCTION shown_score(total double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN total <= 0 THEN 0 WHEN total < 100 THEN floor(total + 1e-9)::integer WHEN total >= 100 THEN 100
    END;
END;

COMMENT ON FUNCTION shown_score(double precision) IS
    'The score shown for a total: clamped to 0..100, rounded down';
