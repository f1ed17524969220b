-- What came of each action that was requested or withheld; times in seconds or hours, as the names say. Read by
-- report_outcomes. What changes a record in the CRM, or is sent to the lead, is no answer of the lead.
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
) AS status ON true;

COMMENT ON VIEW action_outcomes IS
    'Each action that was requested or withheld: what triggered it, after how long, and what the lead did '
    'next';
COMMENT ON COLUMN action_outcomes.tenant_id IS 'The workspace';
COMMENT ON COLUMN action_outcomes.lead_id IS 'The lead';
COMMENT ON COLUMN action_outcomes.action_id IS 'The id in action_log or decision_log';
COMMENT ON COLUMN action_outcomes.action IS 'What the model wants done';
COMMENT ON COLUMN action_outcomes.channel IS 'Its channel: email, phone, ...';
COMMENT ON COLUMN action_outcomes.decided_on IS 'When it was requested or withheld';
COMMENT ON COLUMN action_outcomes.withheld IS 'Why it was withheld; NULL if it was requested';
COMMENT ON COLUMN action_outcomes.trigger IS
    'What of the model triggered it: threshold:80.0, band:hot, timer:silent, ...';
COMMENT ON COLUMN action_outcomes.threshold IS 'The threshold that was crossed';
COMMENT ON COLUMN action_outcomes.cause IS
    'signal, timer (inactivity, absence, deferred), decay, reset, merge, recovery or model';
COMMENT ON COLUMN action_outcomes.trigger_type IS 'The type of the signal that caused it, if one did';
COMMENT ON COLUMN action_outcomes.trigger_id IS 'The id of that signal';
COMMENT ON COLUMN action_outcomes.delay_seconds IS 'From that signal''s own time to the decision';
COMMENT ON COLUMN action_outcomes.waited_seconds IS
    'From the crossing, change or trigger to the decision: more than 0 for one that was deferred';
COMMENT ON COLUMN action_outcomes.until IS 'When a deferred one is judged again';
COMMENT ON COLUMN action_outcomes.priority IS 'Its priority, if the model gives one';
COMMENT ON COLUMN action_outcomes.outcome_type IS
    'The type of the next signal that the lead itself gave, if there is one yet: no change of its record or '
    'status, no sending, nothing that a guard flagged';
COMMENT ON COLUMN action_outcomes.outcome_id IS 'The id of that signal';
COMMENT ON COLUMN action_outcomes.outcome_points IS 'What it added to the total';
COMMENT ON COLUMN action_outcomes.outcome_hours IS 'How long after the decision it came';
COMMENT ON COLUMN action_outcomes.status IS 'The status that the lead had next, if it changed since';
COMMENT ON COLUMN action_outcomes.status_hours IS 'How long after the decision it changed';
