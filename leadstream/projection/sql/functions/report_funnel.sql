-- From lead to customer: counts, rates in per cent, medians in hours. Read by `leadstream report funnel`.
CREATE FUNCTION report_funnel(
    tenant text, since timestamptz, until timestamptz, qualified text[], converted text[]
)
RETURNS TABLE (
    step text, leads bigint, percent_of_leads double precision, rate text,
    percent_of_step_before double precision, median_hours double precision,
    median_hours_of_step double precision
)
LANGUAGE sql STABLE ROWS 4
BEGIN ATOMIC
    WITH totals AS (
        SELECT count(*) AS leads, count(qualified_on) AS qualified,
            count(*) FILTER (WHERE qualified_on IS NOT NULL AND converted_on IS NOT NULL) AS converted,
            count(*) FILTER (WHERE qualified_on IS NULL AND converted_on IS NOT NULL) AS unqualified,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM qualified_on - first_on)::double precision / 3600
        ) AS to_qualified,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM converted_on - first_on)::double precision / 3600
        )
                FILTER (WHERE qualified_on IS NOT NULL) AS to_converted,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM converted_on - qualified_on)::double precision / 3600
        ) AS from_qualified,
            percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM converted_on - first_on)::double precision / 3600
        )
                FILTER (WHERE qualified_on IS NULL) AS to_unqualified
        FROM lead_journeys(tenant, since, until, qualified, converted)
    ), named AS (
        SELECT coalesce(substring(qualified[1] FROM '^(?:stage|band):(.+)$'), 'qualified') AS goal
    )
    SELECT row.step, row.leads, 100.0 * row.leads / nullif(totals.leads, 0), row.rate,
        100.0 * row.leads / nullif(row.before, 0), row.hours, row.of_step
    FROM totals, named, LATERAL (
        VALUES (1, 'lead', totals.leads, NULL::bigint, NULL, NULL::double precision, NULL::double precision),
            (2, goal, totals.qualified, totals.leads, 'lead-to-' || goal, to_qualified, to_qualified),
            (3, 'converted', totals.converted, totals.qualified, goal || '-to-converted', to_converted,
                from_qualified),
            (4, 'converted otherwise', totals.unqualified, totals.leads - totals.qualified,
                'other-to-converted', to_unqualified, to_unqualified)
    ) AS row (number, step, leads, before, rate, hours, of_step)
    ORDER BY row.number;
END;

COMMENT ON FUNCTION report_funnel(text, timestamptz, timestamptz, text[], text[]) IS
    'lead_journeys counted: leads, qualified, converted after that or otherwise, with the rates and the '
    'median hours';
