-- What came of the actions of each kind since an instant; medians in seconds and hours. Read by
-- `leadstream report outcomes`.
CREATE FUNCTION report_outcomes(tenant text, since timestamptz, converted text[])
RETURNS TABLE (
    action text, requested bigint, withheld bigint, reasons jsonb, median_delay_seconds double precision,
    answered bigint, percent_answered double precision, median_hours_to_answer double precision,
    converted_leads bigint
)
LANGUAGE sql STABLE ROWS 20
BEGIN ATOMIC
    WITH decided AS (
        SELECT outcome.*, EXISTS (
            SELECT FROM score_events AS event
            WHERE event.tenant_id = tenant AND event.lead_id = outcome.lead_id
                AND event.created_at > outcome.decided_on AND event.event_type = 'status.changed'
                AND event.event_data ->> 'to' = ANY (converted)
        ) AS won
        FROM action_outcomes AS outcome
        WHERE outcome.tenant_id = tenant AND outcome.decided_on >= since
    ), withheld AS (
        SELECT counted.action, sum(times)::bigint AS times, jsonb_object_agg(reason, times) AS reasons FROM (
            SELECT decided.action, decided.withheld AS reason, count(*) AS times FROM decided
            WHERE decided.withheld IS NOT NULL GROUP BY 1, 2
        ) AS counted GROUP BY counted.action
    )
    SELECT made.action, made.requested, coalesce(withheld.times, 0), coalesce(withheld.reasons, '{}'),
        made.delay, made.answered, 100.0 * made.answered / nullif(made.requested, 0), made.hours, made.won
    FROM (
        SELECT decided.action, count(*) FILTER (WHERE decided.withheld IS NULL) AS requested,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY coalesce(delay_seconds, waited_seconds))
                FILTER (WHERE decided.withheld IS NULL) AS delay,
            count(outcome_type) FILTER (WHERE decided.withheld IS NULL) AS answered,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY outcome_hours)
                FILTER (WHERE decided.withheld IS NULL) AS hours,
            count(DISTINCT decided.lead_id) FILTER (WHERE decided.withheld IS NULL AND decided.won) AS won
        FROM decided GROUP BY decided.action
    ) AS made LEFT JOIN withheld ON withheld.action = made.action
    ORDER BY made.requested DESC, made.action;
END;

COMMENT ON FUNCTION report_outcomes(text, timestamptz, text[]) IS
    'action_outcomes since an instant by action: how many were requested and withheld, and why; the median '
    'delay from signal (or trigger) to request; after how many the lead gave a signal, and the median hours '
    'to it; how many leads converted later';
