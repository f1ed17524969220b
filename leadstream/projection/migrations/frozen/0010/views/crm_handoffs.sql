CREATE VIEW crm_handoffs WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, id AS action_id, action, channel, nullif(priority, '') AS priority,
    payload ->> 'owner' AS owner, payload ->> 'queue' AS queue, payload ->> 'phone' AS phone,
    payload ->> 'email' AS email, score, band, nullif(stage, '') AS stage, trigger, threshold, crossing_id,
    signal_type, signal_id, at AS requested_on, payload, factors, log_partition, log_offset
FROM action_log WHERE type = 'lead.action.requested';

COMMENT ON VIEW crm_handoffs IS 'What a CRM is to do: one row for each requested action';
COMMENT ON COLUMN crm_handoffs.tenant_id IS 'The workspace';
COMMENT ON COLUMN crm_handoffs.lead_id IS 'The lead';
COMMENT ON COLUMN crm_handoffs.action_id IS
    'The action''s id, the same in every replay: drop what is done already';
COMMENT ON COLUMN crm_handoffs.action IS 'What the model wants done';
COMMENT ON COLUMN crm_handoffs.channel IS 'Its channel: crm, sales, email, phone, segments, ...';
COMMENT ON COLUMN crm_handoffs.priority IS 'Its priority, if the model gives one';
COMMENT ON COLUMN crm_handoffs.owner IS 'Whom it is assigned to, if the action assigns or requires an owner';
COMMENT ON COLUMN crm_handoffs.queue IS 'The queue that its payload names';
COMMENT ON COLUMN crm_handoffs.phone IS 'The phone number in E.164, if the action requires or names one';
COMMENT ON COLUMN crm_handoffs.email IS 'The e-mail address, if the action requires or names one';
COMMENT ON COLUMN crm_handoffs.score IS 'The shown score then';
COMMENT ON COLUMN crm_handoffs.band IS 'The band then';
COMMENT ON COLUMN crm_handoffs.stage IS 'The stage then, if the lead was in one';
COMMENT ON COLUMN crm_handoffs.trigger IS 'What of the model asked for it: threshold:75.0, stage:sql, ...';
COMMENT ON COLUMN crm_handoffs.threshold IS 'The threshold that was crossed';
COMMENT ON COLUMN crm_handoffs.crossing_id IS
    'The id in action_log of the crossing, change or trigger behind it';
COMMENT ON COLUMN crm_handoffs.signal_type IS 'The type of the signal that caused it, if one did';
COMMENT ON COLUMN crm_handoffs.signal_id IS 'The id of that signal';
COMMENT ON COLUMN crm_handoffs.requested_on IS 'When it was requested';
COMMENT ON COLUMN crm_handoffs.payload IS 'All that the model says the action is to carry';
COMMENT ON COLUMN crm_handoffs.factors IS 'What each factor contributed then';
COMMENT ON COLUMN crm_handoffs.log_partition IS 'The partition of its record in the topic of actions';
COMMENT ON COLUMN crm_handoffs.log_offset IS
    'The offset of its record: rows of a partition come in this order';
