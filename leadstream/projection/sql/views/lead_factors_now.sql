-- Why each lead has its total at this moment: its factors in points, each with the last five signals in it, of the
-- lead's last thousand since a reset. Read by `leadstream lead show` and by whoever explains a score.
CREATE VIEW lead_factors_now WITH (security_invoker = true) AS
SELECT leads.tenant_id, leads.lead_id, leads.model || '/' || leads.score_version AS model_version,
    left(made.factor, 100)::varchar(100) AS factor_key, made.category AS factor_category,
    round(least(greatest(nullif(made.points, 'NaN'), -1e9), 1e9))::integer AS points,
    jsonb_build_object(
        'factor', made.factor, 'points', nullif(made.points, 'NaN'), 'count', made.signals,
        'last_at', CASE WHEN made.signals > 0 THEN made.newest_at END,
        'signals', coalesce(evidence.signals -> made.factor, '[]')
    ) AS details,
    CASE
        WHEN evidence.signals ? made.factor
            THEN (evidence.signals -> made.factor -> 0 ->> 'created_at')::timestamptz
        WHEN made.signals > 0 THEN least(made.newest_at, leads.score_updated_on)
        ELSE leads.score_updated_on
    END AS created_on
FROM leads LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(of_factor.factor, of_factor.signals) AS signals FROM (
        SELECT numbered.factor, jsonb_agg(
            jsonb_build_object(
                'signal_id', signal_id, 'event_type', event_type, 'source', source, 'at', at,
                'created_at', created_at, 'points', points, 'source_partition', source_partition,
                'source_offset', source_offset
            ) ORDER BY number
        ) AS signals
        FROM (
            SELECT since.*, part ->> 'factor' AS factor, (part ->> 'points')::double precision AS points,
                row_number() OVER (
                    PARTITION BY part ->> 'factor' ORDER BY created_at DESC, source_offset DESC
                ) AS number
            FROM (
                SELECT latest.*, max(source_offset) FILTER (WHERE outcome = 'reset') OVER () AS reset_offset
                FROM (
                    SELECT signal_id, event_type, source, at, created_at, source_partition, source_offset,
                        contributions, outcome
                    FROM score_events AS event
                    WHERE event.tenant_id = leads.tenant_id AND event.lead_id = leads.lead_id
                    ORDER BY created_at DESC LIMIT 1000
                ) AS latest
            ) AS since, jsonb_array_elements(contributions) AS part
            WHERE reset_offset IS NULL OR source_offset > reset_offset
        ) AS numbered
        WHERE number <= 5 GROUP BY numbered.factor
    ) AS of_factor
) AS evidence ON true, LATERAL (
    SELECT factor, category, points, signals, timestamptz 'epoch'
        + least(greatest(last_at, -62135596800000), 253402300799999) * interval '1 ms' AS newest_at
    FROM factors_at(accumulators, caps, epoch_ms(greatest(now(), score_updated_on)))
) AS made;

COMMENT ON VIEW lead_factors_now IS
    'Why each lead has its total at this moment: its factors and what made them';
COMMENT ON COLUMN lead_factors_now.tenant_id IS 'The workspace';
COMMENT ON COLUMN lead_factors_now.lead_id IS 'The lead';
COMMENT ON COLUMN lead_factors_now.model_version IS 'The model that scored, and its version';
COMMENT ON COLUMN lead_factors_now.factor_key IS 'The factor; cap:<category> for what a cap takes away';
COMMENT ON COLUMN lead_factors_now.factor_category IS 'Its category, empty for none';
COMMENT ON COLUMN lead_factors_now.points IS 'What it contributes now, rounded; exact in details';
COMMENT ON COLUMN lead_factors_now.details IS
    'The evidence: factor, exact points, count of signals, last_at, and signals: of the last five what and '
    'when they were, what they were worth, and their place in score_events';
COMMENT ON COLUMN lead_factors_now.created_on IS
    'When the factor last changed other than by the passing of time: when its newest signal was folded';
