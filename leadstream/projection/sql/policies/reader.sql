-- A reader of all tenants: reports, a CRM's job, an operator who looks.
-- {role} is the role that gets the rights, {roles} are all that have them.

GRANT SELECT ON leads, score_events, action_log, decision_log, removed_leads, crm_destinations TO {role};
GRANT SELECT ON lead_scoring_models, lead_score_factors TO {role};
GRANT SELECT ON projection_positions, projection_timeline, alembic_version TO {role};
-- All views of the schema.
GRANT SELECT ON {views} TO {role};

CREATE POLICY reader ON leads FOR SELECT TO {roles} USING (true);
CREATE POLICY reader ON score_events FOR SELECT TO {roles} USING (true);
CREATE POLICY reader ON action_log FOR SELECT TO {roles} USING (true);
CREATE POLICY reader ON decision_log FOR SELECT TO {roles} USING (true);
CREATE POLICY reader ON removed_leads FOR SELECT TO {roles} USING (true);
CREATE POLICY reader ON crm_destinations FOR SELECT TO {roles} USING (true);
CREATE POLICY reader ON lead_scoring_models FOR SELECT TO {roles} USING (true);
CREATE POLICY reader ON lead_score_factors FOR SELECT TO {roles} USING (true);
