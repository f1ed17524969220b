CREATE FUNCTION score_at(tenant_id text, lead_id text, at timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT total_of(leads.accumulators, leads.caps, epoch_ms(greatest(score_at.at, leads.score_updated_on)))
    FROM leads WHERE leads.tenant_id = score_at.tenant_id AND leads.lead_id = score_at.lead_id;
END;

COMMENT ON FUNCTION score_at(text, text, timestamptz) IS
    'A lead''s unclamped total at an instant, or at its last change if that is later; NULL without the lead';
