"""Bands at any time, from the band that a lead is in."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Upwards a band begins at its start; downwards each is left only below its start less its hysteresis.
BAND_FROM = """
CREATE FUNCTION band_from(bands jsonb, present text, total double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH band AS (
        SELECT number, level ->> 'name' AS name, coalesce((level ->> 'start')::float8, 0) AS start,
            coalesce((level ->> 'hysteresis')::float8, 0) AS hysteresis
        FROM jsonb_array_elements(bands) WITH ORDINALITY AS one (level, number)
    ), held AS (
        SELECT coalesce(max(number) FILTER (WHERE name = present), 1) AS number FROM band
    )
    SELECT band.name FROM band, held
    WHERE total IS NOT NULL AND (
        band.number = 1 OR total >= band.start - 1e-9
        OR band.number <= held.number AND total >= band.start - band.hysteresis - 1e-9
    )
    ORDER BY band.number DESC LIMIT 1;
END
"""
BAND_AT = """
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
END
"""
COMMENTS = {
    "FUNCTION band_from(jsonb, text, double precision)": "The band that a total leads to from the present "
    "one, by the bands of a model, each with its hysteresis; NULL without a total",
    "FUNCTION band_at(text, text, timestamptz)": "The band of a lead at an instant, from the one that it was "
    "in at its last change; NULL without the lead or its model",
    "COLUMN lead_scoring_models.bands": "By rising total: name, start, without which it is the lowest, and "
    "the hysteresis below it",
}


def upgrade() -> None:
    for statement in (BAND_FROM, BAND_AT):
        op.execute(statement)
    for target, comment in COMMENTS.items():
        text = comment.replace("'", "''")
        op.execute(f"COMMENT ON {target} IS '{text}'")
