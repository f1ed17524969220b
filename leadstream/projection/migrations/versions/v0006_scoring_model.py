"""The complete scoring model: all kernels, caps, stages, triggers, guards."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from leadstream.projection.migrations.versions.v0002_present_score import TOP_LEADS
from leadstream.projection.migrations.versions.v0004_outbox import COMMENT as CRM_COMMENT
from leadstream.projection.migrations.versions.v0004_outbox import CRM_CHANGES
from leadstream.projection.migrations.versions.v0005_reports import MOVERS, OUTCOMES

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LOGS = ("action_log", "decision_log")

# Of a timestamp without zone it is immutable, and so costs no call.
EPOCH_MS = """
CREATE OR REPLACE FUNCTION epoch_ms(at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (extract(epoch FROM at AT TIME ZONE 'UTC') * 1000)::double precision;
END
"""

# Arrays, as a look into jsonb costs more with each element. A sum below 1e-100 is nothing, as PostgreSQL
# raises an error where a product underflows.
DETAILED = """
CREATE FUNCTION detailed_contribution_of(factor jsonb, at_ms double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
    kernel text := factor ->> 3;
    period float8 := (factor ->> 4)::float8;
    worth float8 := (factor ->> 5)::float8;
    reference float8 := (factor ->> 6)::float8;
    detail jsonb := factor -> 9;
    ages float8[] := translate(detail ->> 'ages', '[]', '{}')::float8[];
    buckets float8[] := translate(detail ->> 'buckets', '[]', '{}')::float8[];
    steps integer := coalesce(array_length(ages, 1), 0);
    step integer;
    age float8;
    mass float8;
    anchor float8;
    loss float8;
    taken float8;
    idle float8;
    remains float8;
BEGIN
    IF kernel NOT IN ('none', 'exponential', 'linear', 'inactivity_step', 'inactive') THEN
        RETURN 'NaN';
    ELSIF kernel = 'inactive' THEN
        RETURN CASE WHEN at_ms - reference >= period THEN worth * (factor ->> 2)::float8 ELSE 0 END;
    END IF;
    IF abs(worth) < 1e-100 THEN
        worth := 0;
    ELSE
        age := greatest(0, at_ms - reference);
        worth := CASE WHEN steps > 0 THEN worth * ages[steps][2] ELSE worth END * CASE kernel
            WHEN 'exponential' THEN 2 ^ -least(age / period, 300)
            WHEN 'linear' THEN greatest(0, 1 - age / period)
            ELSE 1
        END;
    END IF;
    FOR i IN 1 .. coalesce(array_length(buckets, 1), 0) LOOP
        mass := buckets[i][2];
        CONTINUE WHEN abs(mass) < 1e-100;
        age := greatest(0, at_ms - buckets[i][1]);
        IF steps > 0 THEN
            step := 1;
            WHILE step < steps AND age >= ages[step][1] LOOP
                step := step + 1;
            END LOOP;
            mass := mass * ages[step][2];
        END IF;
        IF kernel = 'exponential' THEN
            mass := mass * 2 ^ -least(age / period, 300);
        ELSIF kernel = 'linear' THEN
            mass := mass * greatest(0, 1 - age / period);
        END IF;
        worth := worth + mass;
    END LOOP;
    IF abs(worth) < 1e-100 THEN
        RETURN 0;
    END IF;
    worth := worth * (factor ->> 2)::float8;
    IF kernel <> 'inactivity_step' THEN
        RETURN worth;
    END IF;
    anchor := coalesce((detail ->> 'active_at')::float8, reference);
    loss := (detail ->> 'percent')::float8 / 100;
    taken := greatest(0, floor((reference - anchor) / period));
    idle := greatest(0, floor((greatest(at_ms, reference) - anchor) / period));
    IF (detail ->> 'linear')::boolean THEN
        remains := 1 - loss * taken;
        remains := CASE WHEN remains > 1e-9 THEN greatest(0, 1 - loss * idle) / remains ELSE 0 END;
    ELSIF loss < 1 THEN
        remains := exp(greatest((idle - taken) * ln(1 - loss), -200));
    ELSE
        remains := CASE WHEN idle > taken THEN 0 ELSE 1 END;
    END IF;
    remains := worth * remains;
    -- Without a floor a negative one would be kept whole.
    RETURN CASE
        WHEN (detail ->> 'floor')::float8 > 0
            THEN greatest(remains, least((detail ->> 'floor')::float8, worth))
        ELSE remains
    END;
END
$$
"""
CONTRIBUTION_OF = """
CREATE OR REPLACE FUNCTION contribution_of(factor jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN (factor ->> 9) IS NOT NULL THEN detailed_contribution_of(factor, at_ms)
        WHEN (factor ->> 3) = 'exponential' THEN CASE
            WHEN abs((factor ->> 5)::float8) < 1e-100 THEN 0
            ELSE (factor ->> 2)::float8 * ((factor ->> 5)::float8 * 2 ^ (
                -least(greatest(0, at_ms - (factor ->> 6)::float8) / (factor ->> 4)::float8, 300)
            ))
        END
        WHEN (factor ->> 3) = 'none' THEN (factor ->> 2)::float8 * (factor ->> 5)::float8
        WHEN (factor ->> 3) = 'inactive' THEN CASE
            WHEN at_ms - (factor ->> 6)::float8 >= (factor ->> 4)::float8
                THEN (factor ->> 2)::float8 * (factor ->> 5)::float8
            ELSE 0
        END
        ELSE 'NaN'
    END;
END
"""
TOTAL_OF = """
CREATE OR REPLACE FUNCTION total_of(accumulators jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(coalesce(sum(contribution_of(factor, at_ms)), 0), 'NaN')
    FROM jsonb_array_elements(accumulators) AS factor;
END
"""
CLAMPED = """
CREATE FUNCTION clamped(value double precision, cap jsonb) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN cap IS NULL OR value = 'NaN' THEN value
        ELSE least(greatest(value, (cap ->> 0)::float8), (cap ->> 1)::float8)
    END;
END
"""
CAPPED_TOTAL_OF = """
CREATE FUNCTION capped_total_of(accumulators jsonb, caps jsonb, at_ms double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(coalesce(sum(clamped(points, caps -> category)), 0), 'NaN') FROM (
        SELECT factor ->> 1 AS category, sum(contribution_of(factor, at_ms)) AS points
        FROM jsonb_array_elements(accumulators) AS factor GROUP BY 1
    ) AS part;
END
"""
# A plain expression, so that it costs nothing where there are no caps.
TOTAL_WITH_CAPS = """
CREATE FUNCTION total_of(accumulators jsonb, caps jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN caps = '{}' THEN total_of(accumulators, at_ms) ELSE capped_total_of(accumulators, caps, at_ms)
    END;
END
"""
SCORE_AT = """
CREATE OR REPLACE FUNCTION score_at(tenant_id text, lead_id text, at timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT total_of(leads.accumulators, leads.caps, epoch_ms(greatest(score_at.at, leads.score_updated_on)))
    FROM leads WHERE leads.tenant_id = score_at.tenant_id AND leads.lead_id = score_at.lead_id;
END
"""
LEADS_NOW = """
CREATE OR REPLACE VIEW leads_now WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, shown_score(total_now) AS score_now, total_now, score_band, model, score_version,
    last_activity_on, next_change_on, suppressed, score_updated_on, stage
FROM leads, LATERAL (
    SELECT total_of(accumulators, caps, epoch_ms(greatest(now(), score_updated_on))) AS total_now
) AS present
"""


def changed(statement: str, *changes: tuple[str, str]) -> str:
    """An earlier definition with other words in some places, which must be there."""
    for old, new in changes:
        if old not in statement:
            raise ValueError(f"{old!r} is not in the definition")
        statement = statement.replace(old, new)
    return statement


REPLACE = ("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
BEST = changed(TOP_LEADS, REPLACE, ("total_of(accumulators, ", "total_of(accumulators, caps, "))
MOVED = changed(
    MOVERS, REPLACE, ("total_of(leads.accumulators, ", "total_of(leads.accumulators, leads.caps, ")
)
CHANGES = changed(
    CRM_CHANGES,
    ("    log_offset bigint\n)", "    log_offset bigint, stage text, caps jsonb\n)"),
    (
        "batch.number, batch.log_offset\n        FROM token",
        "batch.number, batch.log_offset,\n            leads.stage, leads.caps\n        FROM token",
    ),
)
# More columns of a view come last.
OUTCOMES_NOW = changed(
    OUTCOMES,
    ("CREATE VIEW", "CREATE OR REPLACE VIEW"),
    ("AS outcome_hours\n", "AS outcome_hours,\n    asked.trigger, asked.priority, asked.until\n"),
    ("NULL AS reason\n", "NULL AS reason, trigger, priority,\n        NULL::timestamptz AS until\n"),
    ("        reason\n", "        reason, trigger, NULL, until\n"),
)
CAUSE = "signal, timer (inactivity, absence, deferred), decay, reset, merge, recovery or model"
COMMENTS = {
    "COLUMN leads.accumulators": "The factors, each an array: factor, category, points, kernel, half_life, "
    "mass, t_ref, count, last_at, detail; times in ms since 1970. Without detail it contributes at t >= "
    "t_ref points * mass, times 2 ^ (-(t - t_ref) / half_life) if exponential; an inactive one only from "
    "t_ref + half_life on. What detail adds: docs/postgresql.md",
    "COLUMN leads.rank_half_life": "The half-life (ms) of what fades in a bound of the total that is never "
    "too low; negative if that part is, 0 if nothing fades",
    "COLUMN leads.rank_base": "The part of the bound that does not fade, rounded up; 0 if nothing fades",
    "COLUMN score_events.outcome": "scored, noted (no points), unmatched (no rule), reset, before_reset, "
    "flagged (by a guard, and not counted), no_consent",
    "COLUMN action_log.cause": CAUSE,
    "COLUMN decision_log.cause": CAUSE,
    "COLUMN action_outcomes.cause": CAUSE,
    "COLUMN decision_log.reason": "Why it was withheld: cooldown, suppressed, no_phone, no_email, "
    "no_consent, no_owner, repeated, outside_hours, deferred (judged again at until), no_longer, ...",
    "TABLE action_log": "Crossings of thresholds, changes of band and stage, triggers that fired, and "
    "requested actions, each exactly once",
    "FUNCTION detailed_contribution_of(jsonb, double precision)": "contribution_of of a factor with detail",
    "FUNCTION contribution_of(jsonb, double precision)": "What a factor of accumulators contributes to its "
    "category at an instant (ms since 1970); NaN for a kernel that is not known here",
    "FUNCTION total_of(jsonb, double precision)": "The sum of what accumulators contribute at an instant "
    "(ms since 1970), before caps; NULL for a kernel that is not known here",
    "FUNCTION total_of(jsonb, jsonb, double precision)": "The unclamped total that accumulators with these "
    "caps give at an instant (ms since 1970); NULL for a kernel that is not known here",
    "FUNCTION capped_total_of(jsonb, jsonb, double precision)": "total_of where there are caps",
    "FUNCTION clamped(double precision, jsonb)": "The sum of a category under its cap: an array of low and "
    "high",
    "FUNCTION rank_of(jsonb, double precision)": "The columns rank_* of a lead without caps, all of whose "
    "factors are exponential or none without detail, from its accumulators at score_updated_on (ms since "
    "1970)",
    "COLUMN leads_now.stage": "The stage, empty for none",
    "COLUMN action_outcomes.trigger": "What of the model triggered it: threshold:80.0, band:hot, "
    "timer:silent, ...",
    "COLUMN action_outcomes.priority": "Its priority, if the model gives one",
    "COLUMN action_outcomes.until": "When a deferred one is judged again",
}  # fmt: skip


TRIGGER = (
    "What of the model triggered it: threshold:80.0, band:hot, stage:mql, spike:busy, timer:idle, rule:ad"
)
FLAGS = "The guards of the model that hold of the signal"
# Columns are added to months with the table, their comments are not.
COMMENT_MONTHS = f"""
DO $$
DECLARE
    month regclass;
BEGIN
    FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'score_events'::regclass LOOP
        EXECUTE format('COMMENT ON COLUMN %s.flags IS %L', month, '{FLAGS}');
    END LOOP;
END
$$
"""


def column(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, nullable=True)


def add_filled(table: str, name: str, kind: Any, default: str, comment: str) -> None:
    """A column that is never NULL; rows that are there get the default, later ones bring a value."""
    op.add_column(table, sa.Column(name, kind, comment=comment, nullable=False, server_default=default))
    op.alter_column(table, name, server_default=None)


def upgrade() -> None:
    schema = str(op.get_context().version_table_schema)
    add_filled("leads", "stage", sa.Text, "", "The stage of the lead, empty for none")
    add_filled(
        "leads", "caps", JSONB, "{}", "By category an array of low and high, between which its sum counts"
    )
    add_filled("score_events", "flags", ARRAY(sa.Text), "{}", FLAGS)
    op.execute(COMMENT_MONTHS)
    for table in LOGS:
        add_filled(table, "stage", sa.Text, "", "The stage after, empty for none")
        op.add_column(table, column("trigger", sa.Text, TRIGGER))
        op.add_column(
            table, column("priority", sa.Text, "The priority of the action, if the model gives one")
        )
    value = "What a spike has reached: a count or points"
    op.add_column("action_log", column("previous_stage", sa.Text, "Of a change of stage: the one before"))
    op.add_column("action_log", column("value", sa.Double, value))
    until = "When an action that was deferred is judged again"
    op.add_column("decision_log", column("until", sa.TIMESTAMP(timezone=True), until))
    op.execute("DROP FUNCTION crm_changes(text, text, integer)")
    for statement in (
        EPOCH_MS,
        DETAILED,
        CONTRIBUTION_OF,
        TOTAL_OF,
        CLAMPED,
        CAPPED_TOTAL_OF,
        TOTAL_WITH_CAPS,
        SCORE_AT,
        LEADS_NOW,
        MOVED,
        OUTCOMES_NOW,
        BEST.format(schema=schema),
        CHANGES.format(schema=schema),
        CRM_COMMENT,
    ):
        op.execute(statement)
    for target, comment in COMMENTS.items():
        # A colon before a letter would be a parameter.
        text = comment.replace("'", "''").replace(":", r"\:")
        op.execute(f"COMMENT ON {target} IS '{text}'")
