"""Reports: the spread of scores, movers, what scores most, the way to a customer, owners."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OWNERS = """
CREATE VIEW lead_owners WITH (security_invoker = true) AS
SELECT DISTINCT ON (tenant_id, lead_id) tenant_id, lead_id, event_data ->> 'owner' AS owner, at AS since
FROM score_events
WHERE event_type IN ('lead.created', 'lead.updated', 'lead.enriched') AND event_data ? 'owner'
ORDER BY tenant_id, lead_id, at DESC, source_offset DESC
"""
DISTRIBUTION = """
CREATE VIEW report_distribution WITH (security_invoker = true) AS
SELECT tenant_id, score_band, count(*) AS leads,
    -- The largest count is that of the row of all.
    100.0 * count(*) / max(count(*)) OVER (PARTITION BY tenant_id) AS percent,
    avg(score_now)::double precision AS mean,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY score_now) AS median,
    min(score_now) AS lowest, max(score_now) AS highest
FROM leads_now GROUP BY GROUPING SETS ((tenant_id, score_band), (tenant_id))
"""
REPORT_OWNERS = """
CREATE VIEW report_owners WITH (security_invoker = true) AS
SELECT tenant_id, owner, sum(leads)::bigint AS leads, jsonb_object_agg(score_band, leads) AS bands,
    sum(total_score)::double precision / sum(leads)::double precision AS mean, max(highest) AS highest
FROM (
    SELECT leads_now.tenant_id, owner, score_band, count(*) AS leads, sum(score_now) AS total_score,
        max(score_now) AS highest
    FROM leads_now LEFT JOIN lead_owners USING (tenant_id, lead_id)
    GROUP BY leads_now.tenant_id, owner, score_band
) AS bands
GROUP BY tenant_id, owner
"""
MOVERS = """
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
            coalesce(first.total_before, total_of(leads.accumulators, epoch_ms(since))) AS total_before,
            total_of(leads.accumulators, epoch_ms(greatest(now(), leads.score_updated_on))) AS total_now,
            coalesce(first.signals, 0) AS signals, leads.score_band, leads.last_activity_on
        FROM leads LEFT JOIN first ON first.lead_id = leads.lead_id WHERE leads.tenant_id = tenant
    )
    SELECT moved.lead_id, shown_score(total_before), shown_score(total_now), total_now - total_before,
        moved.signals, moved.score_band, moved.last_activity_on
    FROM moved WHERE total_now <> total_before
    ORDER BY abs(total_now - total_before) DESC, moved.lead_id LIMIT most;
END
"""
TOP_SIGNALS = """
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
END
"""
FUNNEL = """
CREATE FUNCTION report_funnel(
    tenant text, since timestamptz, qualified double precision, converted text[]
)
RETURNS TABLE (
    stage text, leads bigint, percent_of_leads double precision, percent_of_stage_before double precision,
    median_hours double precision
)
LANGUAGE sql STABLE ROWS 4
BEGIN ATOMIC
    WITH met AS (
        SELECT event.lead_id, min(event.created_at) AS first_on, min(event.created_at) FILTER (
                WHERE event.event_type = 'status.changed' AND event.event_data ->> 'to' = ANY (converted)
            ) AS converted_on
        FROM score_events AS event WHERE event.tenant_id = tenant GROUP BY event.lead_id
        HAVING min(event.created_at) >= since
    ), crossed AS (
        SELECT log.lead_id, min(log.at) AS qualified_on FROM action_log AS log
        WHERE log.tenant_id = tenant AND log.type = 'lead.threshold.crossed' AND log.direction = 'up'
            AND log.threshold >= qualified
        GROUP BY log.lead_id
    ), leads AS (
        SELECT first_on, qualified_on, converted_on
        FROM met LEFT JOIN crossed ON crossed.lead_id = met.lead_id
    ), stages AS (
        SELECT count(*) AS leads, count(qualified_on) AS qualified,
            count(*) FILTER (WHERE qualified_on IS NOT NULL AND converted_on IS NOT NULL) AS converted,
            count(*) FILTER (WHERE qualified_on IS NULL AND converted_on IS NOT NULL) AS unqualified,
            percentile_cont(0.5) WITHIN GROUP (
                ORDER BY extract(epoch FROM qualified_on - first_on)::double precision / 3600
            ) AS to_qualified,
            percentile_cont(0.5) WITHIN GROUP (
                ORDER BY extract(epoch FROM converted_on - first_on)::double precision / 3600
            ) FILTER (WHERE qualified_on IS NOT NULL) AS to_converted,
            percentile_cont(0.5) WITHIN GROUP (
                ORDER BY extract(epoch FROM converted_on - first_on)::double precision / 3600
            ) FILTER (WHERE qualified_on IS NULL) AS to_unqualified
        FROM leads
    )
    SELECT stage.name, stage.leads, 100.0 * stage.leads / nullif(stages.leads, 0),
        100.0 * stage.leads / nullif(stage.before, 0), stage.hours
    FROM stages, LATERAL (
        VALUES (1, 'lead', stages.leads, NULL::bigint, NULL::double precision),
            (2, 'qualified', stages.qualified, stages.leads, to_qualified),
            (3, 'converted', stages.converted, stages.qualified, to_converted),
            (4, 'converted unqualified', stages.unqualified, stages.leads - stages.qualified, to_unqualified)
    ) AS stage (number, name, leads, before, hours)
    ORDER BY stage.number;
END
"""
OUTCOMES = """
CREATE VIEW action_outcomes WITH (security_invoker = true) AS
SELECT asked.tenant_id, asked.lead_id, asked.id AS action_id, asked.action, asked.channel,
    asked.at AS decided_on, asked.reason AS withheld, asked.threshold, asked.cause,
    asked.signal_type AS trigger_type, asked.signal_id AS trigger_id,
    extract(epoch FROM asked.at - (asked.signal ->> 'at')::timestamptz)::double precision AS delay_seconds,
    following.event_type AS outcome_type, following.signal_id AS outcome_id,
    following.points_added AS outcome_points,
    extract(epoch FROM following.created_at - asked.at)::double precision / 3600 AS outcome_hours
FROM (
    SELECT id, tenant_id, lead_id, at, cause, threshold, action, channel, signal_id, signal_type, signal,
        NULL AS reason
    FROM action_log WHERE type = 'lead.action.requested'
    UNION ALL
    SELECT id, tenant_id, lead_id, at, cause, threshold, action, channel, signal_id, signal_type, signal,
        reason
    FROM decision_log WHERE type = 'lead.action.skipped'
) AS asked
LEFT JOIN LATERAL (
    SELECT event_type, signal_id, points_added, created_at FROM score_events AS event
    WHERE event.tenant_id = asked.tenant_id AND event.lead_id = asked.lead_id AND event.created_at > asked.at
    ORDER BY event.created_at, event.source_offset LIMIT 1
) AS following ON true
"""
OF_TENANT = "The workspace"
COMMENTS = {
    "VIEW lead_owners": "Whose each lead is: the last owner that a lead.created, updated or enriched named, "
    "as far as history is kept",
    "COLUMN lead_owners.tenant_id": OF_TENANT,
    "COLUMN lead_owners.lead_id": "The lead",
    "COLUMN lead_owners.owner": "The owner, as the signal named it",
    "COLUMN lead_owners.since": "The time of that signal",
    "VIEW report_distribution": "How the present scores of a tenant spread over bands",
    "COLUMN report_distribution.tenant_id": OF_TENANT,
    "COLUMN report_distribution.score_band": "The band; NULL for all leads of the tenant",
    "COLUMN report_distribution.leads": "How many leads",
    "COLUMN report_distribution.percent": "Their share of the tenant's leads",
    "COLUMN report_distribution.mean": "The mean of their shown scores now",
    "COLUMN report_distribution.median": "The median of their shown scores now",
    "COLUMN report_distribution.lowest": "The lowest shown score now",
    "COLUMN report_distribution.highest": "The highest shown score now",
    "VIEW action_outcomes": "Each action that was requested or withheld: what triggered it, after how long, "
    "and what the lead did next",
    "COLUMN action_outcomes.tenant_id": OF_TENANT,
    "COLUMN action_outcomes.lead_id": "The lead",
    "COLUMN action_outcomes.action_id": "The id in action_log or decision_log",
    "COLUMN action_outcomes.action": "What the model wants done",
    "COLUMN action_outcomes.channel": "Its channel: email, phone, ...",
    "COLUMN action_outcomes.decided_on": "When it was requested or withheld",
    "COLUMN action_outcomes.withheld": "Why it was withheld; NULL if it was requested",
    "COLUMN action_outcomes.threshold": "The threshold that was crossed",
    "COLUMN action_outcomes.cause": "signal, decay, reset, merge, recovery or model",
    "COLUMN action_outcomes.trigger_type": "The type of the signal that caused it, if one did",
    "COLUMN action_outcomes.trigger_id": "The id of that signal",
    "COLUMN action_outcomes.delay_seconds": "From that signal's own time to the decision",
    "COLUMN action_outcomes.outcome_type": "The type of the lead's next signal, if there is one yet",
    "COLUMN action_outcomes.outcome_id": "The id of that signal",
    "COLUMN action_outcomes.outcome_points": "What it added to the total",
    "COLUMN action_outcomes.outcome_hours": "How long after the decision it came",
    "VIEW report_owners": "The leads of each owner and how they stand now",
    "COLUMN report_owners.tenant_id": OF_TENANT,
    "COLUMN report_owners.owner": "The owner; NULL for leads of nobody",
    "COLUMN report_owners.leads": "How many leads",
    "COLUMN report_owners.bands": "How many in each band",
    "COLUMN report_owners.mean": "The mean of their shown scores now",
    "COLUMN report_owners.highest": "The highest shown score now",
    "FUNCTION report_movers(text, timestamptz, integer)": "The leads whose total differs most from what it "
    "was before their first signal since an instant, or at that instant without one",
    "FUNCTION report_top_actions(text, timestamptz, integer)": "What added most points since an instant, by "
    "type of signal",
    "FUNCTION report_funnel(text, timestamptz, double precision, text[])": "Of the leads whose first signal "
    "came since an instant, how many crossed a threshold and had their status changed to one of those named, "
    "and after how many hours; as far as history is kept",
}


def upgrade() -> None:
    for statement in (OWNERS, DISTRIBUTION, REPORT_OWNERS, OUTCOMES, MOVERS, TOP_SIGNALS, FUNNEL):
        op.execute(statement)
    for target, comment in COMMENTS.items():
        text = comment.replace("'", "''")
        op.execute(f"COMMENT ON {target} IS '{text}'")
