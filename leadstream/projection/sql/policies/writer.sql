-- The projector: writes the rows of a step and moves its position, and takes nothing of the history back.
-- {role} is the role that gets the rights, {roles} are all that have them.

GRANT SELECT, INSERT, UPDATE, DELETE ON leads, removed_leads, lead_scoring_models TO {role};
GRANT SELECT, INSERT ON score_events, lead_score_factors, action_log, decision_log TO {role};
GRANT SELECT, INSERT ON projection_dead_letters TO {role};
GRANT SELECT, INSERT, UPDATE ON projection_positions TO {role};
GRANT SELECT ON alembic_version TO {role};
-- Partitions of months are made with the rights of the owner.
GRANT EXECUTE ON FUNCTION make_month(date), make_factor_month(date) TO {role};

CREATE POLICY writer ON leads FOR ALL TO {roles} USING (true);
CREATE POLICY writer ON score_events FOR ALL TO {roles} USING (true);
CREATE POLICY writer ON action_log FOR ALL TO {roles} USING (true);
CREATE POLICY writer ON decision_log FOR ALL TO {roles} USING (true);
CREATE POLICY writer ON removed_leads FOR ALL TO {roles} USING (true);
CREATE POLICY writer ON crm_destinations FOR ALL TO {roles} USING (true);
CREATE POLICY writer ON lead_scoring_models FOR ALL TO {roles} USING (true);
CREATE POLICY writer ON lead_score_factors FOR ALL TO {roles} USING (true);
