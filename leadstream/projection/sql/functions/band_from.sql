-- The band that a total in points leads to from the present one. Called by band_at. Upwards a band begins at its
-- start; downwards each is left only below its start less its hysteresis.
CREATE FUNCTION band_from(bands jsonb, present text, total double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH band AS (
        SELECT number, level ->> 'name' AS name, coalesce((level ->> 'start')::float8, 0) AS start,
            coalesce((level ->> 'hysteresis')::float8, 0) AS hysteresis
        FROM jsonb_array_elements(bands) WITH ORDINALITY AS one (level, number)
    ), held AS (
        SELECT coalesce(max(number) FILTER (WHERE name = present), 1) AS number FROM band
    )
    SELECT band.name FROM band, held
    WHERE total IS NOT NULL AND (
        band.number = 1 OR total >= band.start - 1e-9
        OR band.number <= held.number AND total >= band.start - band.hysteresis - 1e-9
    )
    ORDER BY band.number DESC LIMIT 1;
END;

COMMENT ON FUNCTION band_from(jsonb, text, double precision) IS
    'The band that a total leads to from the present one, by the bands of a model, each with its hysteresis;'
    ' NULL without a total';
