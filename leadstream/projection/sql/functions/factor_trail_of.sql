-- The rows of lead_score_factors that a record of action_log gives. Called by the projector for each step. One
-- evaluation of a lead says why in each of its records and is kept once; of two evaluations with the same lead,
-- instant, signal and totals the factors are the same.
CREATE FUNCTION factor_trail_of(
    id text, type text, tenant text, lead text, at timestamptz, cause text, total_before double precision,
    total_after double precision, model text, signal_id text, signal_type text, factors jsonb
)
RETURNS TABLE (
    tenant_id text, lead_id text, model_version text, factor_key varchar, factor_category text,
    points integer, details jsonb, created_on timestamptz, evaluation text, item integer
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    SELECT tenant, lead, model,
        CASE
            WHEN char_length(part ->> 'factor') <= 100 THEN part ->> 'factor'
            ELSE left(part ->> 'factor', 83) || '#'
                || left(encode(sha256(convert_to(part ->> 'factor', 'UTF8')), 'hex'), 16)
        END,
        coalesce(part ->> 'category', ''),
        round(least(greatest((part ->> 'points')::double precision, -1e9), 1e9))::integer,
        part - 'category' || jsonb_build_object(
            'record_id', id, 'type', type, 'cause', cause, 'total_before', total_before,
            'total_after', total_after, 'signal_id', signal_id, 'signal_type', signal_type
        ),
        at,
        left(encode(sha256(convert_to(jsonb_build_array(
            tenant, lead, epoch_ms(at), signal_id, total_before, total_after
        )::text, 'UTF8')), 'hex'), 32),
        number::integer
    FROM jsonb_array_elements(coalesce(factors, '[]')) WITH ORDINALITY AS one (part, number)
    WHERE type IN (
        'lead.threshold.crossed', 'lead.band.changed', 'lead.stage.changed', 'lead.trigger.fired'
    );
END;

COMMENT ON FUNCTION factor_trail_of(
    text, text, text, text, timestamptz, text, double precision, double precision, text, text, text, jsonb
) IS
    'The rows of lead_score_factors that a record of action_log gives';
