CREATE VIEW lead_owners WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, owner FROM leads WHERE owner IS NOT NULL;

COMMENT ON VIEW lead_owners IS 'Whose each lead is, of those that are anybody''s';
COMMENT ON COLUMN lead_owners.tenant_id IS 'The workspace';
COMMENT ON COLUMN lead_owners.lead_id IS 'The lead';
COMMENT ON COLUMN lead_owners.owner IS
    'Whose the lead is: its fact owner, else whom an action''s assign gave it to; NULL for nobody';
