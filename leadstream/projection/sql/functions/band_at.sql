-- The band of a lead at any instant from its last change on. For whoever asks.
CREATE FUNCTION band_at(tenant_id text, lead_id text, at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN band_at.at <= leads.score_updated_on THEN leads.score_band
        ELSE (
            SELECT band_from(
                scoring.bands, leads.score_band, score_at(band_at.tenant_id, band_at.lead_id, band_at.at)
            )
            FROM lead_scoring_models AS scoring
            WHERE scoring.tenant_id IN (leads.tenant_id, '') AND scoring.name = leads.model
                AND scoring.version = leads.score_version
            ORDER BY scoring.is_active DESC, scoring.tenant_id DESC, scoring.log_offset DESC LIMIT 1
        )
    END
    FROM leads WHERE leads.tenant_id = band_at.tenant_id AND leads.lead_id = band_at.lead_id;
END;

COMMENT ON FUNCTION band_at(text, text, timestamptz) IS
    'The band of a lead at an instant, from the one that it was in at its last change; NULL without the lead'
    ' or its model';
