-- The funnel by week, month, ... of the first signal, in UTC: rates in per cent, medians in hours. Read by
-- `leadstream report cohorts`.
CREATE FUNCTION report_cohorts(
    tenant text, period text, since timestamptz, until timestamptz, qualified text[], converted text[]
)
RETURNS TABLE (
    cohort timestamptz, leads bigint, qualified_leads bigint, converted_leads bigint,
    converted_otherwise bigint, lead_to_qualified double precision, qualified_to_converted double precision,
    lead_to_converted double precision, hours_to_qualified double precision,
    hours_to_converted double precision
)
LANGUAGE sql STABLE ROWS 12
BEGIN ATOMIC
    SELECT cohort, leads, qualified_leads, converted_leads, any_converted - converted_leads,
        100.0 * qualified_leads / leads, 100.0 * converted_leads / nullif(qualified_leads, 0),
        100.0 * any_converted / leads, to_qualified, to_converted
    FROM (
        SELECT date_trunc(period, first_on, 'UTC') AS cohort, count(*) AS leads,
            count(qualified_on) AS qualified_leads,
            count(converted_on) FILTER (WHERE qualified_on IS NOT NULL) AS converted_leads,
            count(converted_on) AS any_converted,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM qualified_on - first_on)::double precision / 3600
        ) AS to_qualified,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM converted_on - first_on)::double precision / 3600
        ) AS to_converted
        FROM lead_journeys(tenant, since, until, qualified, converted) GROUP BY 1
    ) AS counted ORDER BY cohort;
END;

COMMENT ON FUNCTION report_cohorts(text, text, timestamptz, timestamptz, text[], text[]) IS
    'lead_journeys counted by the week, month, ... of the first signal, in UTC; rates in per cent, hours are'
    ' medians from the first signal on';
