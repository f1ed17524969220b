-- The score shown for a total, 0 to 100 in whole points. Called by the views, top_leads and the reports.
CREATE FUNCTION shown_score(total double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN total <= 0 THEN 0 WHEN total < 100 THEN floor(total + 1e-9)::integer WHEN total >= 100 THEN 100
    END;
END;

COMMENT ON FUNCTION shown_score(double precision) IS
    'The score shown for a total: clamped to 0..100, rounded down';
