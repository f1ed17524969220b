"""Hand-offs to a CRM, the journey of each lead, funnel and cohorts, stages, outcomes of actions."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

HANDOFFS = """
CREATE VIEW crm_handoffs WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, id AS action_id, action, channel, nullif(priority, '') AS priority,
    payload ->> 'owner' AS owner, payload ->> 'queue' AS queue, payload ->> 'phone' AS phone,
    payload ->> 'email' AS email, score, band, nullif(stage, '') AS stage, trigger, threshold, crossing_id,
    signal_type, signal_id, at AS requested_on, payload, factors, log_partition, log_offset
FROM action_log WHERE type = 'lead.action.requested'
"""
HANDOFFS_IN_ORDER = """
CREATE INDEX action_log_requested ON action_log (tenant_id, log_partition, log_offset)
WHERE type = 'lead.action.requested'
"""
STAGES = """
CREATE VIEW report_stages WITH (security_invoker = true) AS
SELECT tenant_id, nullif(stage, '') AS stage, sum(leads)::bigint AS leads,
    100.0 * sum(leads) / sum(sum(leads)) OVER (PARTITION BY tenant_id) AS percent,
    jsonb_object_agg(score_band, leads) AS bands, min(mean) AS mean, min(median) AS median,
    max(highest) AS highest
FROM (
    SELECT tenant_id, stage, score_band, count(*) AS leads
    FROM leads GROUP BY tenant_id, stage, score_band
) AS banded JOIN (
    SELECT tenant_id, stage, avg(score_now)::double precision AS mean,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY score_now) AS median, max(score_now) AS highest
    FROM leads_now GROUP BY tenant_id, stage
) AS scored USING (tenant_id, stage)
GROUP BY tenant_id, stage
"""
# A conversion that itself brings the points says nothing about the score before it. Crossings are looked for
# from the cohort's begin on, as no lead of it was there before.
JOURNEYS = """
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
END
"""
HOURS = """percentile_cont(0.5) WITHIN GROUP (
            ORDER BY extract(epoch FROM {later} - {earlier})::double precision / 3600
        )"""
FUNNEL = f"""
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
            {HOURS.format(later="qualified_on", earlier="first_on")} AS to_qualified,
            {HOURS.format(later="converted_on", earlier="first_on")}
                FILTER (WHERE qualified_on IS NOT NULL) AS to_converted,
            {HOURS.format(later="converted_on", earlier="qualified_on")} AS from_qualified,
            {HOURS.format(later="converted_on", earlier="first_on")}
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
END
"""
COHORTS = f"""
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
            {HOURS.format(later="qualified_on", earlier="first_on")} AS to_qualified,
            {HOURS.format(later="converted_on", earlier="first_on")} AS to_converted
        FROM lead_journeys(tenant, since, until, qualified, converted) GROUP BY 1
    ) AS counted ORDER BY cohort;
END
"""
# What changes a record in the CRM, or is sent to the lead, is no answer of the lead.
OUTCOMES = """
CREATE VIEW action_outcomes WITH (security_invoker = true) AS
SELECT asked.tenant_id, asked.lead_id, asked.id AS action_id, asked.action, asked.channel,
    asked.at AS decided_on, asked.reason AS withheld, asked.trigger, asked.threshold, asked.cause,
    asked.signal_type AS trigger_type, asked.signal_id AS trigger_id,
    extract(epoch FROM asked.at - (asked.signal ->> 'at')::timestamptz)::double precision AS delay_seconds,
    extract(epoch FROM asked.at - crossing.at)::double precision AS waited_seconds, asked.until,
    asked.priority, following.event_type AS outcome_type, following.signal_id AS outcome_id,
    following.points_added AS outcome_points,
    extract(epoch FROM following.created_at - asked.at)::double precision / 3600 AS outcome_hours,
    status.event_data ->> 'to' AS status,
    extract(epoch FROM status.created_at - asked.at)::double precision / 3600 AS status_hours
FROM (
    SELECT id, tenant_id, lead_id, at, cause, threshold, action, channel, signal_id, signal_type, signal,
        crossing_id, NULL AS reason, trigger, priority, NULL::timestamptz AS until
    FROM action_log WHERE type = 'lead.action.requested'
    UNION ALL
    SELECT id, tenant_id, lead_id, at, cause, threshold, action, channel, signal_id, signal_type, signal,
        crossing_id, reason, trigger, NULL, until
    FROM decision_log WHERE type = 'lead.action.skipped'
) AS asked
LEFT JOIN action_log AS crossing ON crossing.id = asked.crossing_id
LEFT JOIN LATERAL (
    SELECT event_type, signal_id, points_added, created_at FROM score_events AS event
    WHERE event.tenant_id = asked.tenant_id AND event.lead_id = asked.lead_id AND event.created_at > asked.at
        AND event.event_type NOT IN (
            'lead.created', 'lead.updated', 'lead.enriched', 'status.changed', 'score.bumped', 'email.sent'
        )
        AND event.outcome <> 'flagged'
    ORDER BY event.created_at, event.source_offset LIMIT 1
) AS following ON true
LEFT JOIN LATERAL (
    SELECT event_data, created_at FROM score_events AS event
    WHERE event.tenant_id = asked.tenant_id AND event.lead_id = asked.lead_id AND event.created_at > asked.at
        AND event.event_type = 'status.changed'
    ORDER BY event.created_at, event.source_offset LIMIT 1
) AS status ON true
"""
REPORT_OUTCOMES = """
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
END
"""
OF_TENANT = "The workspace"
COMMENTS = {
    "VIEW crm_handoffs": "What a CRM is to do: one row for each requested action",
    "COLUMN crm_handoffs.tenant_id": OF_TENANT,
    "COLUMN crm_handoffs.lead_id": "The lead",
    "COLUMN crm_handoffs.action_id": "The action's id, the same in every replay: drop what is done already",
    "COLUMN crm_handoffs.action": "What the model wants done",
    "COLUMN crm_handoffs.channel": "Its channel: crm, sales, email, phone, segments, ...",
    "COLUMN crm_handoffs.priority": "Its priority, if the model gives one",
    "COLUMN crm_handoffs.owner": "Whom it is assigned to, if the action assigns or requires an owner",
    "COLUMN crm_handoffs.queue": "The queue that its payload names",
    "COLUMN crm_handoffs.phone": "The phone number in E.164, if the action requires or names one",
    "COLUMN crm_handoffs.email": "The e-mail address, if the action requires or names one",
    "COLUMN crm_handoffs.score": "The shown score then",
    "COLUMN crm_handoffs.band": "The band then",
    "COLUMN crm_handoffs.stage": "The stage then, if the lead was in one",
    "COLUMN crm_handoffs.trigger": "What of the model asked for it: threshold:75.0, stage:sql, ...",
    "COLUMN crm_handoffs.threshold": "The threshold that was crossed",
    "COLUMN crm_handoffs.crossing_id": "The id in action_log of the crossing, change or trigger behind it",
    "COLUMN crm_handoffs.signal_type": "The type of the signal that caused it, if one did",
    "COLUMN crm_handoffs.signal_id": "The id of that signal",
    "COLUMN crm_handoffs.requested_on": "When it was requested",
    "COLUMN crm_handoffs.payload": "All that the model says the action is to carry",
    "COLUMN crm_handoffs.factors": "What each factor contributed then",
    "COLUMN crm_handoffs.log_partition": "The partition of its record in the topic of actions",
    "COLUMN crm_handoffs.log_offset": "The offset of its record: rows of a partition come in this order",
    "INDEX action_log_requested": "For crm_handoffs of a tenant since an offset",
    "VIEW report_stages": "How the leads of a tenant spread over stages, and over bands in each",
    "COLUMN report_stages.tenant_id": OF_TENANT,
    "COLUMN report_stages.stage": "The stage; NULL for leads in none",
    "COLUMN report_stages.leads": "How many leads",
    "COLUMN report_stages.percent": "Their share of the tenant's leads",
    "COLUMN report_stages.bands": "How many in each band",
    "COLUMN report_stages.mean": "The mean of their shown scores now",
    "COLUMN report_stages.median": "The median of their shown scores now",
    "COLUMN report_stages.highest": "The highest shown score now",
    "FUNCTION lead_journeys(text, timestamptz, timestamptz, text[], text[])": "Of each lead whose first "
    "signal came in [since, until): when that was, when it first qualified (threshold:50 or higher, "
    "band:hot, stage:mql, whichever came first) before it converted, and when its status first changed to "
    "one of those named; as far as history is kept",
    "FUNCTION report_funnel(text, timestamptz, timestamptz, text[], text[])": "lead_journeys counted: "
    "leads, qualified, converted after that or otherwise, with the rates and the median hours",
    "FUNCTION report_cohorts(text, text, timestamptz, timestamptz, text[], text[])": "lead_journeys counted "
    "by the week, month, ... of the first signal, in UTC; rates in per cent, hours are medians from the "
    "first signal on",
    "VIEW action_outcomes": "Each action that was requested or withheld: what triggered it, after how long, "
    "and what the lead did next",
    "COLUMN action_outcomes.tenant_id": OF_TENANT,
    "COLUMN action_outcomes.lead_id": "The lead",
    "COLUMN action_outcomes.action_id": "The id in action_log or decision_log",
    "COLUMN action_outcomes.action": "What the model wants done",
    "COLUMN action_outcomes.channel": "Its channel: email, phone, ...",
    "COLUMN action_outcomes.decided_on": "When it was requested or withheld",
    "COLUMN action_outcomes.withheld": "Why it was withheld; NULL if it was requested",
    "COLUMN action_outcomes.trigger": "What of the model triggered it: threshold:80.0, band:hot, "
    "timer:silent, ...",
    "COLUMN action_outcomes.threshold": "The threshold that was crossed",
    "COLUMN action_outcomes.cause": "signal, timer (inactivity, absence, deferred), decay, reset, merge, "
    "recovery or model",
    "COLUMN action_outcomes.trigger_type": "The type of the signal that caused it, if one did",
    "COLUMN action_outcomes.trigger_id": "The id of that signal",
    "COLUMN action_outcomes.delay_seconds": "From that signal's own time to the decision",
    "COLUMN action_outcomes.waited_seconds": "From the crossing, change or trigger to the decision: more "
    "than 0 for one that was deferred",
    "COLUMN action_outcomes.until": "When a deferred one is judged again",
    "COLUMN action_outcomes.priority": "Its priority, if the model gives one",
    "COLUMN action_outcomes.outcome_type": "The type of the next signal that the lead itself gave, if there "
    "is one yet: no change of its record or status, no sending, nothing that a guard flagged",
    "COLUMN action_outcomes.outcome_id": "The id of that signal",
    "COLUMN action_outcomes.outcome_points": "What it added to the total",
    "COLUMN action_outcomes.outcome_hours": "How long after the decision it came",
    "COLUMN action_outcomes.status": "The status that the lead had next, if it changed since",
    "COLUMN action_outcomes.status_hours": "How long after the decision it changed",
    "FUNCTION report_outcomes(text, timestamptz, text[])": "action_outcomes since an instant by action: how "
    "many were requested and withheld, and why; the median delay from signal (or trigger) to request; after "
    "how many the lead gave a signal, and the median hours to it; how many leads converted later",
}


def upgrade() -> None:
    op.execute("DROP FUNCTION report_funnel(text, timestamptz, double precision, text[])")
    op.execute("DROP VIEW action_outcomes")
    for statement in (
        HANDOFFS,
        HANDOFFS_IN_ORDER,
        STAGES,
        JOURNEYS,
        FUNNEL,
        COHORTS,
        OUTCOMES,
        REPORT_OUTCOMES,
    ):
        # A colon before a letter would be a parameter.
        op.execute(statement.replace(":", r"\:"))
    for target, comment in COMMENTS.items():
        text = comment.replace("'", "''").replace(":", r"\:")
        op.execute(f"COMMENT ON {target} IS '{text}'")
