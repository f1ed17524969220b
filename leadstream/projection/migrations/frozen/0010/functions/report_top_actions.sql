CREATE FUNCTION report_top_actions(tenant text, since timestamptz, most integer DEFAULT 20)
RETURNS TABLE (
    event_type text, signals bigint, leads bigint, points double precision, points_each double precision
)
LANGUAGE sql STABLE ROWS 20
BEGIN ATOMIC
    SELECT event.event_type, count(*), count(DISTINCT event.lead_id), sum(event.points_added),
        avg(event.points_added)
    FROM score_events AS event WHERE event.tenant_id = tenant AND event.created_at >= since
    GROUP BY event.event_type ORDER BY sum(event.points_added) DESC, event.event_type LIMIT most;
END;

COMMENT ON FUNCTION report_top_actions(text, timestamptz, integer) IS
    'What added most points since an instant, by type of signal';
