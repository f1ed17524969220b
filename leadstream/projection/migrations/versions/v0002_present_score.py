"""Scores at any time, and rankings by the present score: score_at, leads_now, top_leads."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RANK = [
    (
        "rank_half_life",
        sa.BigInteger,
        "The half-life (ms) of what fades in the total; negative if that part is, 0 if nothing fades",
    ),
    ("rank_base", sa.Double, "The sum of what does not fade, rounded up; 0 if nothing fades"),
    (
        "rank_key",
        sa.Double,
        "Orders leads of the same half-life and base at any time: the instant (ms) at which what fades is "
        "worth one point, negated where it is negative; the total where nothing fades",
    ),
]
NEWEST = "The highest time of the fold among the rows so far: no row of these partitions is newer"

EPOCH_MS = """
CREATE FUNCTION epoch_ms(at timestamptz) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT (extract(epoch FROM at) * 1000)::double precision;
END
"""
# The exponent ends at 300 and masses at 1e-100, as PostgreSQL raises an error where a product underflows.
CONTRIBUTION_OF = """
CREATE FUNCTION contribution_of(factor jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN (factor ->> 4) = '0' THEN (factor ->> 2)::float8 * (factor ->> 5)::float8
        WHEN abs((factor ->> 5)::float8) < 1e-100 THEN 0
        ELSE (factor ->> 2)::float8 * ((factor ->> 5)::float8 * 2 ^ (
            -least(greatest(0, at_ms - (factor ->> 6)::float8) / (factor ->> 4)::float8, 300)
        ))
    END;
END
"""
TOTAL_OF = """
CREATE FUNCTION total_of(accumulators jsonb, at_ms double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN bool_and(factor ->> 3 IN ('exponential', 'none')) IS NOT FALSE
            THEN coalesce(sum(contribution_of(factor, at_ms)), 0)
    END
    FROM jsonb_array_elements(accumulators) AS factor;
END
"""
SHOWN_SCORE = """
CREATE FUNCTION shown_score(total double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN total <= 0 THEN 0 WHEN total < 100 THEN floor(total + 1e-9)::integer WHEN total >= 100 THEN 100
    END;
END
"""
SCORE_AT = """
CREATE FUNCTION score_at(tenant_id text, lead_id text, at timestamptz) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT total_of(leads.accumulators, epoch_ms(greatest(score_at.at, leads.score_updated_on)))
    FROM leads WHERE leads.tenant_id = score_at.tenant_id AND leads.lead_id = score_at.lead_id;
END
"""
LEADS_NOW = """
CREATE VIEW leads_now WITH (security_invoker = true) AS
SELECT tenant_id, lead_id, shown_score(total_now) AS score_now, total_now, score_band, model, score_version,
    last_activity_on, next_change_on, suppressed, score_updated_on
FROM leads, LATERAL (
    SELECT total_of(accumulators, epoch_ms(greatest(now(), score_updated_on))) AS total_now
) AS present
"""
RANK_OF = """
CREATE FUNCTION rank_of(
    accumulators jsonb, at_ms double precision, OUT half_life bigint, OUT base double precision,
    OUT key double precision
)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH sums AS (
        SELECT (factor ->> 4)::bigint AS half_life, sum(contribution_of(factor, at_ms)) AS part
        FROM jsonb_array_elements(accumulators) AS factor GROUP BY 1
    ), slowest AS (
        SELECT coalesce(max(sums.half_life) FILTER (WHERE part > 0), min(sums.half_life)) AS half_life
        FROM sums WHERE sums.half_life > 0 AND part <> 0
    ), bound AS (
        SELECT max(slowest.half_life) AS half_life,
            coalesce(sum(part) FILTER (WHERE sums.half_life = 0), 0) AS constant,
            coalesce(sum(part) FILTER (
                WHERE sums.half_life > 0 AND (part > 0 OR sums.half_life >= slowest.half_life)
            ), 0) AS part
        FROM sums, slowest
    )
    SELECT CASE WHEN part = 0 THEN 0 ELSE bound.half_life * sign(part)::bigint END,
        CASE WHEN part = 0 THEN 0 ELSE ceil(constant) END,
        CASE
            WHEN part = 0 THEN constant
            ELSE sign(part) * (at_ms + bound.half_life * ln(abs(part)) / ln(2::float8))
        END
    FROM bound;
END
"""
# The key is an instant in double precision: the bound allows for its rounding. Of a negative part the bound
# is taken at `latest_ms`, as a row that is newer than `at_ms` counts as of its own instant.
RANK_BOUND = """
CREATE FUNCTION rank_bound(
    half_life bigint, base double precision, key double precision, at_ms double precision,
    latest_ms double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 1e-9 + CASE
        WHEN half_life > 0 THEN base + abs(base) * 1e-12 + (1.000000000001 + 0.001 / half_life)
            * 2 ^ least(greatest((key - at_ms) / half_life, -300), 300)
        WHEN half_life < 0 THEN base + abs(base) * 1e-12 - (0.999999999999 + 0.001 / half_life)
            * 2 ^ least(greatest((key + latest_ms) / half_life, -300), 300)
        ELSE key + abs(key) * 1e-12
    END;
END
"""
RANK_FLOOR = """
CREATE FUNCTION rank_floor(
    half_life bigint, base double precision, total double precision, at_ms double precision,
    latest_ms double precision
) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE
        WHEN half_life > 0 AND total - base > slack
            THEN at_ms + half_life * (ln(total - base - slack) / ln(2::float8) - 1e-9) - 1
        WHEN half_life < 0 AND base - total + slack > 0
            THEN -latest_ms + half_life * (ln(base - total + slack) / ln(2::float8) + 1e-9) - 1
        WHEN half_life = 0 THEN total - slack
        ELSE '-Infinity'
    END
    FROM (SELECT 2e-9 + (abs(total) + abs(base)) * 1e-11 AS slack) AS allowed;
END
"""
TOP_LEADS = """
CREATE FUNCTION top_leads(tenant text, most integer DEFAULT 100, at timestamptz DEFAULT now())
RETURNS TABLE (
    place bigint, lead_id text, score_now integer, total_now double precision, score_band text,
    last_activity_on timestamptz, score_updated_on timestamptz
)
LANGUAGE plpgsql STABLE ROWS 100
-- In the order of the index, whatever the planner thinks of sorting: the loops end early.
SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
SET search_path = {schema}, pg_temp
AS $$
DECLARE
    at_ms double precision := epoch_ms(at);
    latest_ms double precision := greatest(
        at_ms, (SELECT epoch_ms(max(newest_on)) FROM projection_positions)
    );
    section record;
    lead record;
    ids text[] := '{{}}';
    totals double precision[] := '{{}}';
    kept integer := 0;
    -- The last place's total; NULL until there are enough.
    last double precision;
BEGIN
    IF most < 1 THEN
        RETURN;
    END IF;
    FOR section IN
        WITH RECURSIVE part AS (
            (
                SELECT rank_half_life AS half_life, rank_base AS base, rank_key AS key FROM leads
                WHERE tenant_id = tenant
                ORDER BY rank_half_life, rank_base, rank_key DESC, leads.lead_id LIMIT 1
            )
            UNION ALL
            SELECT following.* FROM part, LATERAL (
                SELECT rank_half_life, rank_base, rank_key FROM leads
                WHERE tenant_id = tenant AND (rank_half_life, rank_base) > (part.half_life, part.base)
                ORDER BY rank_half_life, rank_base, rank_key DESC, leads.lead_id LIMIT 1
            ) AS following
        )
        SELECT *, rank_bound(part.half_life, part.base, part.key, at_ms, latest_ms) AS best
        FROM (SELECT * FROM part OFFSET 0) AS part ORDER BY best DESC
    LOOP
        EXIT WHEN section.best < last;
        FOR lead IN
            SELECT leads.lead_id, rank_key, coalesce(
                total_of(accumulators, greatest(at_ms, epoch_ms(leads.score_updated_on))), total
            ) AS total
            FROM leads
            WHERE tenant_id = tenant AND rank_half_life = section.half_life AND rank_base = section.base
                AND rank_key >= coalesce(
                    rank_floor(section.half_life, section.base, last, at_ms, latest_ms), '-Infinity'
                )
            ORDER BY rank_key DESC, leads.lead_id
        LOOP
            EXIT WHEN rank_bound(section.half_life, section.base, lead.rank_key, at_ms, latest_ms) < last;
            CONTINUE WHEN lead.total < last;
            ids := ids || lead.lead_id;
            totals := totals || lead.total;
            kept := kept + 1;
            IF kept = 2 * most::bigint OR kept = most AND last IS NULL THEN
                SELECT array_agg(best.id), array_agg(best.total) INTO ids, totals FROM (
                    SELECT id, total FROM unnest(ids, totals) AS candidate (id, total)
                    ORDER BY total DESC, id COLLATE "C" LIMIT most
                ) AS best;
                kept := most;
                last := totals[most];
            END IF;
        END LOOP;
    END LOOP;
    RETURN QUERY
        SELECT row_number() OVER (ORDER BY best.total DESC, best.id COLLATE "C"), best.id,
            shown_score(best.total), best.total, leads.score_band, leads.last_activity_on,
            leads.score_updated_on
        FROM (
            SELECT id, total FROM unnest(ids, totals) AS candidate (id, total)
            ORDER BY total DESC, id COLLATE "C" LIMIT most
        ) AS best
        JOIN leads ON leads.tenant_id = tenant AND leads.lead_id = best.id
        ORDER BY 1;
END
$$
"""
COMMENTS = {
    "FUNCTION epoch_ms(timestamptz)": "Milliseconds since 1970",
    "FUNCTION contribution_of(jsonb, double precision)": "What a factor of accumulators contributes at an "
    "instant (ms since 1970)",
    "FUNCTION total_of(jsonb, double precision)": "The unclamped total that accumulators give at an instant "
    "(ms since 1970); NULL for a kernel that is not known here",
    "FUNCTION shown_score(double precision)": "The score shown for a total: clamped to 0..100, rounded down",
    "FUNCTION score_at(text, text, timestamptz)": "A lead's unclamped total at an instant, or at its last "
    "change if that is later; NULL without the lead",
    "FUNCTION rank_of(jsonb, double precision)": "The columns rank_* of a lead, from its accumulators at "
    "score_updated_on (ms since 1970)",
    "FUNCTION rank_bound(bigint, double precision, double precision, double precision, double precision)": (
        "The highest total that a lead with these rank columns can have at an instant"
    ),
    "FUNCTION rank_floor(bigint, double precision, double precision, double precision, double precision)": (
        "The lowest rank_key with which a lead may have a total at an instant"
    ),
    "FUNCTION top_leads(text, integer, timestamptz)": "The leads of a tenant with the highest totals at an "
    "instant, by total, then by lead_id; right to the last place",
    "VIEW leads_now": "Every lead with its total and score at this moment",
    "COLUMN leads_now.tenant_id": "The workspace",
    "COLUMN leads_now.lead_id": "The lead",
    "COLUMN leads_now.score_now": "The shown score now",
    "COLUMN leads_now.total_now": "The exact total now, unclamped; lists sort by it",
    "COLUMN leads_now.score_band": "The band, exact: it is written at the very instant at which it changes",
    "COLUMN leads_now.model": "The name of the model that scored",
    "COLUMN leads_now.score_version": "Its version",
    "COLUMN leads_now.last_activity_on": "The lead's last positive behaviour, if any",
    "COLUMN leads_now.next_change_on": "When the lead next changes by itself, if ever",
    "COLUMN leads_now.suppressed": "Channels that may not be used; `all` stands for every one",
    "COLUMN leads_now.score_updated_on": "When a signal or a timer last changed the lead",
}


def upgrade() -> None:
    schema = op.get_context().version_table_schema
    op.add_column(
        "projection_positions",
        sa.Column("newest_on", sa.TIMESTAMP(timezone=True), comment=NEWEST, nullable=True),
    )
    # No row that is there is newer than this.
    op.execute(
        "UPDATE projection_positions SET newest_on = newest FROM "
        "(SELECT max(score_updated_on) AS newest FROM leads) AS leads"
    )
    for name, kind, comment in RANK:
        op.add_column("leads", sa.Column(name, kind, comment=comment, nullable=True))
    for function in (
        EPOCH_MS,
        CONTRIBUTION_OF,
        TOTAL_OF,
        SHOWN_SCORE,
        SCORE_AT,
        RANK_OF,
        RANK_BOUND,
        RANK_FLOOR,
    ):
        op.execute(function)
    op.execute(
        "UPDATE leads SET (rank_half_life, rank_base, rank_key) = "
        "(SELECT half_life, base, key FROM rank_of(accumulators, epoch_ms(score_updated_on)))"
    )
    for name, _, _ in RANK:
        op.alter_column("leads", name, nullable=False)
    op.create_index(
        "leads_by_rank",
        "leads",
        ["tenant_id", "rank_half_life", "rank_base", sa.text("rank_key DESC"), "lead_id"],
    )
    op.drop_index("leads_by_total", "leads")
    op.execute(LEADS_NOW)
    op.execute(TOP_LEADS.format(schema=schema))
    for target, comment in COMMENTS.items():
        text = comment.replace("'", "''")
        op.execute(f"COMMENT ON {target} IS '{text}'")
