"""Signals that happened long before they were folded; how many scores rose, fell and stayed."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

PAST = "Whether it happened more than 5 years (1,826 days) before created_at"
# What is attached by now has the column, but not its comment; months to come are made with it.
COMMENT_PARTITIONS = f"""
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('score_events') LOOP
        EXECUTE format('COMMENT ON COLUMN %s.past IS %L', part, '{PAST}');
    END LOOP;
END
$$
"""
# As in report_movers: the total before is that before the lead's first signal in the time.
MOVED = """
CREATE FUNCTION report_moved(tenant text, since timestamptz)
RETURNS TABLE (direction text, leads bigint, percent double precision)
LANGUAGE sql STABLE ROWS 3
BEGIN ATOMIC
    WITH first AS (
        SELECT DISTINCT ON (event.lead_id) event.lead_id, event.total_before
        FROM score_events AS event WHERE event.tenant_id = tenant AND event.created_at >= since
        ORDER BY event.lead_id, event.created_at, event.source_offset
    ), scores AS (
        SELECT
            shown_score(coalesce(
                first.total_before, total_of(leads.accumulators, leads.caps, epoch_ms(since)), leads.total
            )) AS before,
            shown_score(coalesce(
                total_of(leads.accumulators, leads.caps, epoch_ms(greatest(now(), leads.score_updated_on))),
                leads.total
            )) AS after
        FROM leads LEFT JOIN first ON first.lead_id = leads.lead_id WHERE leads.tenant_id = tenant
    ), counted AS (
        SELECT sign(scores.after - scores.before) AS sign, count(*) AS leads FROM scores GROUP BY 1
    )
    SELECT named.direction, coalesce(counted.leads, 0),
        (coalesce(100.0 * counted.leads / sum(counted.leads) OVER (), 0))::double precision
    FROM (VALUES ('risen', 1), ('fallen', -1), ('unchanged', 0)) AS named (direction, sign)
    LEFT JOIN counted ON counted.sign = named.sign ORDER BY named.sign = 0, named.sign DESC;
END
"""
COMMENTS = {
    "COLUMN score_events.past": PAST,
    "FUNCTION report_moved(text, timestamptz)": "How many leads have a higher, a lower and the same shown "
    "score now as before their first signal since an instant, or at that instant without one; shares in "
    "per cent of all leads of the tenant",
}


def upgrade() -> None:
    op.execute("ALTER TABLE score_events ADD COLUMN past boolean NOT NULL DEFAULT false")
    op.execute(COMMENT_PARTITIONS)
    op.execute(MOVED)
    for target, comment in COMMENTS.items():
        op.execute(f"COMMENT ON {target} IS '{comment}'")
