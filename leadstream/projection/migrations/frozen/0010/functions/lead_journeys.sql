CREATE FUNCTION lead_journeys(
    tenant text, since timestamptz, until timestamptz, qualified text[], converted text[]
)
RETURNS TABLE (lead_id text, first_on timestamptz, qualified_on timestamptz, converted_on timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH met AS (
        SELECT event.lead_id, min(event.created_at) AS first_on, min(event.created_at) FILTER (
                WHERE event.event_type = 'status.changed' AND event.event_data ->> 'to' = ANY (converted)
            ) AS converted_on
        FROM score_events AS event WHERE event.tenant_id = tenant GROUP BY event.lead_id
        HAVING min(event.created_at) >= since AND min(event.created_at) < until
            AND min(event.created_at) FILTER (WHERE event.total_before = 0) = min(event.created_at)
    ), reached AS (
        SELECT log.lead_id, min(log.at) AS qualified_on FROM action_log AS log
        WHERE log.tenant_id = tenant AND log.at >= since AND log.direction = 'up'
            AND log.type IN ('lead.threshold.crossed', 'lead.band.changed', 'lead.stage.changed')
            AND CASE log.type
                WHEN 'lead.threshold.crossed' THEN log.threshold >= (
                    SELECT min(substring(level FROM '^threshold:(.+)$')::double precision)
                    FROM unnest(qualified) AS level
                )
                WHEN 'lead.band.changed' THEN 'band:' || log.band = ANY (qualified)
                ELSE 'stage:' || log.stage = ANY (qualified)
            END
            AND NOT coalesce(
                log.signal_type = 'status.changed' AND log.signal -> 'data' ->> 'to' = ANY (converted), false
            )
        GROUP BY log.lead_id
    )
    SELECT met.lead_id, met.first_on,
        CASE WHEN met.converted_on < reached.qualified_on THEN NULL ELSE reached.qualified_on END,
        met.converted_on
    FROM met LEFT JOIN reached ON reached.lead_id = met.lead_id;
END;

COMMENT ON FUNCTION lead_journeys(text, timestamptz, timestamptz, text[], text[]) IS
    'Of each lead whose first signal came in [since, until): when that was, when it first qualified '
    '(threshold:50 or higher, band:hot, stage:mql, whichever came first) before it converted, and when its '
    'status first changed to one of those named; as far as history is kept';
