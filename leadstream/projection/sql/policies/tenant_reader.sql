-- A reader of one tenant at a time, named by the connection's setting leadstream.tenant; without it, of none.
-- {role} is the role that gets the rights, {roles} are all that have them.

GRANT SELECT ON leads, score_events, action_log, decision_log, removed_leads, crm_destinations TO {role};
GRANT SELECT ON lead_scoring_models, lead_score_factors TO {role};
GRANT SELECT ON projection_positions, projection_timeline, alembic_version TO {role};
-- All views of the schema.
GRANT SELECT ON {views} TO {role};

CREATE POLICY tenant_reader ON leads FOR SELECT TO {roles}
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON score_events FOR SELECT TO {roles}
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON action_log FOR SELECT TO {roles}
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON decision_log FOR SELECT TO {roles}
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON removed_leads FOR SELECT TO {roles}
    USING (tenant_id = current_setting('leadstream.tenant', true));
CREATE POLICY tenant_reader ON crm_destinations FOR SELECT TO {roles}
    USING (tenant_id = current_setting('leadstream.tenant', true));
-- Models with an empty tenant_id are for all.
CREATE POLICY tenant_reader ON lead_scoring_models FOR SELECT TO {roles}
    USING (tenant_id IN ('', current_setting('leadstream.tenant', true)));
CREATE POLICY tenant_reader ON lead_score_factors FOR SELECT TO {roles}
    USING (tenant_id = current_setting('leadstream.tenant', true));

-- The owner passes by; whoever else has no policy sees no rows.
ALTER TABLE leads ENABLE ROW LEVEL SECURITY;
ALTER TABLE score_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE action_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE decision_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE removed_leads ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm_destinations ENABLE ROW LEVEL SECURITY;
ALTER TABLE lead_scoring_models ENABLE ROW LEVEL SECURITY;
ALTER TABLE lead_score_factors ENABLE ROW LEVEL SECURITY;
