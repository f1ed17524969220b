CREATE FUNCTION factors_at(accumulators jsonb, caps jsonb, at_ms double precision)
RETURNS TABLE (factor text, category text, points double precision, signals integer, last_at double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH part AS MATERIALIZED (
        SELECT one ->> 0 AS factor, one ->> 1 AS category, contribution_of(one, at_ms) AS points,
            (one ->> 7)::integer AS signals, (one ->> 8)::double precision AS last_at
        FROM jsonb_array_elements(accumulators) AS one
    )
    SELECT part.factor, part.category, part.points, part.signals, part.last_at FROM part
    UNION ALL
    SELECT 'cap:' || capped.category, capped.category, capped.beyond, 0, NULL FROM (
        SELECT part.category, clamped(sum(part.points), caps -> part.category) - sum(part.points) AS beyond
        FROM part WHERE caps ? part.category GROUP BY part.category
    ) AS capped WHERE beyond NOT IN (0, 'NaN');
END;

COMMENT ON FUNCTION factors_at(jsonb, jsonb, double precision) IS
    'What each factor contributes at an instant (ms since 1970), and what each category is over its cap as a'
    ' factor cap:<category>; the points add up to the total';
