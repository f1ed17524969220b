CREATE VIEW report_owners WITH (security_invoker = true) AS
SELECT tenant_id, owner, sum(leads)::bigint AS leads, jsonb_object_agg(score_band, leads) AS bands,
    sum(total_score)::double precision / sum(leads)::double precision AS mean, max(highest) AS highest
FROM (
    SELECT tenant_id, owner, score_band, count(*) AS leads, sum(score_now) AS total_score,
        max(score_now) AS highest
    FROM leads_now GROUP BY tenant_id, owner, score_band
) AS bands
GROUP BY tenant_id, owner;

COMMENT ON VIEW report_owners IS 'The leads of each owner and how they stand now';
COMMENT ON COLUMN report_owners.tenant_id IS 'The workspace';
COMMENT ON COLUMN report_owners.owner IS 'The owner; NULL for leads of nobody';
COMMENT ON COLUMN report_owners.leads IS 'How many leads';
COMMENT ON COLUMN report_owners.bands IS 'How many in each band';
COMMENT ON COLUMN report_owners.mean IS 'The mean of their shown scores now';
COMMENT ON COLUMN report_owners.highest IS 'The highest shown score now';
