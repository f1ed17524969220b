-- The spread of shown scores now by band, and over all (band NULL). Shares in per cent. Read by
-- `leadstream report distribution`.
CREATE VIEW report_distribution WITH (security_invoker = true) AS
SELECT tenant_id, score_band, count(*) AS leads,
    -- The largest count is that of the row of all.
    100.0 * count(*) / max(count(*)) OVER (PARTITION BY tenant_id) AS percent,
    avg(score_now)::double precision AS mean,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY score_now) AS median,
    min(score_now) AS lowest, max(score_now) AS highest
FROM leads_now GROUP BY GROUPING SETS ((tenant_id, score_band), (tenant_id));

COMMENT ON VIEW report_distribution IS 'How the present scores of a tenant spread over bands';
COMMENT ON COLUMN report_distribution.tenant_id IS 'The workspace';
COMMENT ON COLUMN report_distribution.score_band IS 'The band; NULL for all leads of the tenant';
COMMENT ON COLUMN report_distribution.leads IS 'How many leads';
COMMENT ON COLUMN report_distribution.percent IS 'Their share of the tenant''s leads';
COMMENT ON COLUMN report_distribution.mean IS 'The mean of their shown scores now';
COMMENT ON COLUMN report_distribution.median IS 'The median of their shown scores now';
COMMENT ON COLUMN report_distribution.lowest IS 'The lowest shown score now';
COMMENT ON COLUMN report_distribution.highest IS 'The highest shown score now';
