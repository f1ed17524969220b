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
GROUP BY tenant_id, stage;

COMMENT ON VIEW report_stages IS 'How the leads of a tenant spread over stages, and over bands in each';
COMMENT ON COLUMN report_stages.tenant_id IS 'The workspace';
COMMENT ON COLUMN report_stages.stage IS 'The stage; NULL for leads in none';
COMMENT ON COLUMN report_stages.leads IS 'How many leads';
COMMENT ON COLUMN report_stages.percent IS 'Their share of the tenant''s leads';
COMMENT ON COLUMN report_stages.bands IS 'How many in each band';
COMMENT ON COLUMN report_stages.mean IS 'The mean of their shown scores now';
COMMENT ON COLUMN report_stages.median IS 'The median of their shown scores now';
COMMENT ON COLUMN report_stages.highest IS 'The highest shown score now';
