CREATE FUNCTION epoch_ms(at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (extract(epoch FROM at AT TIME ZONE 'UTC') * 1000)::double precision;
END;

COMMENT ON FUNCTION epoch_ms(timestamptz) IS 'Milliseconds since 1970';
