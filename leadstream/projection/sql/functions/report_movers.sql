-- The leads whose totals changed most since an instant, in points. Read by `leadstream report movers`.
CREATE FUNCTION report_movers(tenant text, since timestamptz, most integer DEFAULT 20)
RETURNS TABLE (
    lead_id text, score_before integer, score_now integer, change double precision, signals bigint,
    score_band text, last_activity_on timestamptz
)
LANGUAGE sql STABLE ROWS 20
BEGIN ATOMIC
    WITH first AS (
        SELECT DISTINCT ON (event.lead_id) event.lead_id, event.total_before,
            count(*) OVER (PARTITION BY event.lead_id) AS signals
        FROM score_events AS event WHERE event.tenant_id = tenant AND event.created_at >= since
        ORDER BY event.lead_id, event.created_at, event.source_offset
    ), moved AS (
        SELECT leads.lead_id,
            coalesce(
                first.total_before, total_of(leads.accumulators, leads.caps, epoch_ms(since))
            ) AS total_before,
            total_of(
                leads.accumulators, leads.caps, epoch_ms(greatest(now(), leads.score_updated_on))
            ) AS total_now,
            coalesce(first.signals, 0) AS signals, leads.score_band, leads.last_activity_on
        FROM leads LEFT JOIN first ON first.lead_id = leads.lead_id WHERE leads.tenant_id = tenant
    )
    SELECT moved.lead_id, shown_score(total_before), shown_score(total_now), total_now - total_before,
        moved.signals, moved.score_band, moved.last_activity_on
    FROM moved WHERE total_now <> total_before
    ORDER BY abs(total_now - total_before) DESC, moved.lead_id LIMIT most;
END;

COMMENT ON FUNCTION report_movers(text, timestamptz, integer) IS
    'The leads whose total differs most from what it was before their first signal since an instant, or at '
    'that instant without one';
