-- How many shown scores rose, fell and stayed since an instant; shares in per cent. Read by `leadstream report movers`.
-- As in report_movers the total before is that before the lead's first signal in the time.
CREATE FUNCTION report_moved(tenant text, since timestamptz)
RETURNS TABLE (direction text, leads bigint, percent double precision)
LANGUAGE sql STABLE ROWS 3
BEGIN ATOMIC
    WITH first AS (
        SELECT DISTINCT ON (event.lead_id) event.lead_id, event.total_before
        FROM score_events AS event WHERE event.tenant_id = tenant AND event.created_at >= since
        ORDER BY event.lead_id, event.created_at, event.source_offset
    ), scores AS (
        SELECT
            shown_score(coalesce(
                first.total_before, total_of(leads.accumulators, leads.caps, epoch_ms(since)), leads.total
            )) AS before,
            shown_score(coalesce(
                total_of(leads.accumulators, leads.caps, epoch_ms(greatest(now(), leads.score_updated_on))),
                leads.total
            )) AS after
        FROM leads LEFT JOIN first ON first.lead_id = leads.lead_id WHERE leads.tenant_id = tenant
    ), counted AS (
        SELECT sign(scores.after - scores.before) AS sign, count(*) AS leads FROM scores GROUP BY 1
    )
    SELECT named.direction, coalesce(counted.leads, 0),
        (coalesce(100.0 * counted.leads / sum(counted.leads) OVER (), 0))::double precision
    FROM (VALUES ('risen', 1), ('fallen', -1), ('unchanged', 0)) AS named (direction, sign)
    LEFT JOIN counted ON counted.sign = named.sign ORDER BY named.sign = 0, named.sign DESC;
END;

COMMENT ON FUNCTION report_moved(text, timestamptz) IS
    'How many leads have a higher, a lower and the same shown score now as before their first signal since '
    'an instant, or at that instant without one; shares in per cent of all leads of the tenant';
