"""lead_score_factors as a stored audit trail; why a lead has its score now is lead_factors_now."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ID = sa.Text(collation="C")
INSTANT = sa.TIMESTAMP(timezone=True)

TABLE = "lead_score_factors"
MAKE_FACTOR_MONTH = """
CREATE FUNCTION make_factor_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    made text := 'lead_score_factors_' || to_char(first, 'YYYY_MM');
    lower timestamptz := first::timestamp AT TIME ZONE 'UTC';
    upper timestamptz := (first + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
    IF first < '2000-01-01' OR first >= '2100-01-01' OR to_regclass(made) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE lead_score_factors_other IN ACCESS EXCLUSIVE MODE;
    IF to_regclass(made) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE lead_score_factors INCLUDING DEFAULTS INCLUDING COMMENTS)', made);
    EXECUTE format(
        'WITH moved AS ('
        'DELETE FROM lead_score_factors_other WHERE created_on >= $1 AND created_on < $2 RETURNING *'
        ') INSERT INTO %I SELECT * FROM moved', made
    ) USING lower, upper;
    EXECUTE format(
        'ALTER TABLE lead_score_factors ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', made, lower, upper
    );
    -- Whatever rights a role has by default: rows are read through lead_score_factors and its policies.
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', made);
    EXECUTE format('COMMENT ON TABLE %I IS %L', made, 'A month of lead_score_factors by created_on, in UTC');
    RETURN true;
END
$$
"""
# What the projector does with the rows of a step, here with all that are there.
FILL = f"""
INSERT INTO {TABLE} SELECT trail.*
FROM action_log AS logged, LATERAL factor_trail_of(
    logged.id, logged.type, logged.tenant_id, logged.lead_id, logged.at, logged.cause, logged.total_before,
    logged.total_after, logged.model, logged.signal_id, logged.signal_type, logged.factors
) AS trail
ORDER BY logged.log_partition, logged.log_offset
ON CONFLICT DO NOTHING
"""
# One evaluation of a lead says why in each of its records: it is kept once. Of two evaluations with the same
# lead, instant, signal and totals the factors are the same.
TRAIL = """
CREATE FUNCTION factor_trail_of(
    id text, type text, tenant text, lead text, at timestamptz, cause text, total_before double precision,
    total_after double precision, model text, signal_id text, signal_type text, factors jsonb
)
RETURNS TABLE (
    tenant_id text, lead_id text, model_version text, factor_key varchar, factor_category text,
    points integer, details jsonb, created_on timestamptz, evaluation text, item integer
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    SELECT tenant, lead, model,
        CASE
            WHEN char_length(part ->> 'factor') <= 100 THEN part ->> 'factor'
            ELSE left(part ->> 'factor', 83) || '#'
                || left(encode(sha256(convert_to(part ->> 'factor', 'UTF8')), 'hex'), 16)
        END,
        coalesce(part ->> 'category', ''),
        round(least(greatest((part ->> 'points')::double precision, -1e9), 1e9))::integer,
        part - 'category' || jsonb_build_object(
            'record_id', id, 'type', type, 'cause', cause, 'total_before', total_before,
            'total_after', total_after, 'signal_id', signal_id, 'signal_type', signal_type
        ),
        at,
        left(encode(sha256(convert_to(jsonb_build_array(
            tenant, lead, epoch_ms(at), signal_id, total_before, total_after
        )::text, 'UTF8')), 'hex'), 32),
        number::integer
    FROM jsonb_array_elements(coalesce(factors, '[]')) WITH ORDINALITY AS one (part, number)
    WHERE type IN (
        'lead.threshold.crossed', 'lead.band.changed', 'lead.stage.changed', 'lead.trigger.fired'
    );
END
"""
MONTHS_THERE = """
DO $$
BEGIN
    PERFORM make_factor_month(month) FROM (
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC')::date AS month
        FROM action_log WHERE at >= '2000-01-01Z' AND at < '2100-01-01Z' AND factors IS NOT NULL
    ) AS months;
END
$$
"""
NOW_COMMENTS = {
    "VIEW lead_factors_now": "Why each lead has its total at this moment: its factors and what made them",
    "FUNCTION factor_trail_of(text, text, text, text, timestamptz, text, double precision, double precision, "
    "text, text, text, jsonb)": "The rows of lead_score_factors that a record of action_log gives",
    "FUNCTION make_factor_month(date)": "Makes the partition of lead_score_factors for the month of a day, "
    "with the rights of the owner; says whether it was absent",
    "INDEX lead_score_factors_by_lead": "The factors of a lead, the newest first",
    "TABLE lead_score_factors_other": "Rows of lead_score_factors whose month has no partition",
}


def column(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, nullable=False, autoincrement=False)


def upgrade() -> None:
    schema = str(op.get_context().version_table_schema)
    op.execute(f"ALTER VIEW {TABLE} RENAME TO lead_factors_now")
    op.create_table(
        TABLE,
        column("tenant_id", ID, "The workspace"),
        column("lead_id", ID, "The lead"),
        column("model_version", sa.Text, "The model that scored, and its version: name/version"),
        column(
            "factor_key",
            sa.String(100),
            "The factor; cap:<category> for what a cap takes away, rest:smallest for the sum of those beyond "
            "the 63 weightiest. One of more than 100 characters is cut to 83, # and 16 digits of its SHA-256",
        ),
        column("factor_category", sa.Text, "Its category, empty for none"),
        column(
            "points", sa.Integer, "What it contributed then, rounded (a half to the even); exact in details"
        ),
        column(
            "details",
            JSONB,
            "The evidence: factor, exact points, count of its signals, last_at (ms since 1970) of the newest "
            "and offset of the last folded; record_id, type and cause of the record in action_log that says "
            "so, the totals before and after, the causing signal's id and type",
        ),
        column("created_on", INSTANT, "When the crossing, change or trigger was, by the fold's clock"),
        column("evaluation", ID, "The evaluation of the lead: its factors have it in common"),
        column("item", sa.Integer, "The place among them by weight, from 1"),
        sa.PrimaryKeyConstraint("evaluation", "item", "created_on"),
        comment="What each factor contributed when a lead crossed a threshold, changed its band or stage, or "
        "a trigger fired; once an evaluation; a partition a month by created_on",
        postgresql_partition_by="RANGE (created_on)",
    )
    for statement in (
        f"CREATE INDEX {TABLE}_by_lead ON {TABLE} (tenant_id, lead_id, created_on DESC)",
        f"CREATE TABLE {TABLE}_other (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING COMMENTS)",
        f"ALTER TABLE {TABLE} ATTACH PARTITION {TABLE}_other DEFAULT",
        f"ALTER TABLE {TABLE}_other ENABLE ROW LEVEL SECURITY",
        TRAIL,
        MAKE_FACTOR_MONTH.replace("{schema}", schema),
        "REVOKE EXECUTE ON FUNCTION make_factor_month(date) FROM PUBLIC",
        MONTHS_THERE,
        FILL,
    ):
        op.execute(statement)
    for target, comment in NOW_COMMENTS.items():
        text = comment.replace("'", "''").replace(":", r"\:")
        op.execute(f"COMMENT ON {target} IS '{text}'")
