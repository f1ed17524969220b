"""The hand-off to a CRM: what changed since a token, in the order of the log."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.Text(collation="C")

# Steps of a partition are written one after the other: what can be seen of it ends at its position, whatever
# other partitions have under way. So a token is one offset a partition, and needs no waiting for anybody.
CRM_CHANGES = """
CREATE FUNCTION crm_changes(destination text, since text DEFAULT NULL, most integer DEFAULT 1000)
RETURNS TABLE (
    token text, change text, lead_id text, score_total integer, score_band text, total double precision,
    score_version text, score_updated_on timestamptz, last_activity_on timestamptz,
    next_change_on timestamptz, suppressed text[], accumulators jsonb, source_partition integer,
    log_offset bigint
)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = {schema}, pg_temp SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted crm_destinations;
    timeline text := (SELECT id FROM projection_timeline);
    reached jsonb := '{{}}';
    ahead text;
BEGIN
    SELECT * INTO wanted FROM crm_destinations WHERE name = destination;
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'there is no destination %', destination
            USING ERRCODE = 'undefined_object', HINT = 'Make it with `leadstream db destination`.';
    END IF;
    IF since <> '' THEN
        IF split_part(since, '/', 1) <> timeline THEN
            RAISE EXCEPTION 'the token % is of other tables than these, which are %', since, timeline
                USING ERRCODE = 'invalid_parameter_value',
                HINT = 'The topics were made anew: read all leads again, without a token.';
        END IF;
        SELECT coalesce(jsonb_object_agg(split_part(part, '=', 1), split_part(part, '=', 2)::bigint), '{{}}')
        INTO reached
        FROM unnest(string_to_array(nullif(split_part(since, '/', 2), ''), ',')) AS part;
    END IF;
    SELECT string_agg(format('partition %s: %s of %s', key, coalesce(position, 0), value), ', ') INTO ahead
    FROM jsonb_each_text(reached)
    LEFT JOIN projection_positions AS stored
        ON stored.topic LIKE '%.scores' AND stored.partition = key::integer
    WHERE value::bigint >= coalesce(position, 0);
    IF ahead IS NOT NULL THEN
        RAISE EXCEPTION 'the tables are behind the token (%)', ahead
            USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'A failover lost their end, which the projector writes again: ask again with this token.';
    END IF;
    RETURN QUERY
        WITH start AS (
            SELECT stored.partition AS number,
                coalesce((reached ->> stored.partition::text)::bigint, -1) AS since
            FROM projection_positions AS stored WHERE stored.topic LIKE '%.scores'
        ), changed AS (
            SELECT start.number, place.*,
                row_number() OVER (PARTITION BY number ORDER BY place.log_offset) AS turn
            FROM start, LATERAL (
                (
                    SELECT 'removed' AS change, gone.log_offset, gone.lead_id FROM removed_leads AS gone
                    WHERE gone.tenant_id = wanted.tenant_id AND gone.source_partition = start.number
                        AND gone.log_offset > start.since
                    ORDER BY gone.log_offset LIMIT most
                )
                UNION ALL
                (
                    SELECT 'updated', leads.log_offset, leads.lead_id FROM leads
                    WHERE wanted.writes = 'every_update' AND leads.tenant_id = wanted.tenant_id
                        AND leads.source_partition = start.number AND leads.log_offset > start.since
                    ORDER BY leads.log_offset LIMIT most
                )
                UNION ALL
                (
                    SELECT 'updated', leads.band_offset, leads.lead_id FROM leads
                    WHERE wanted.writes = 'band_change' AND leads.tenant_id = wanted.tenant_id
                        AND leads.source_partition = start.number AND leads.band_offset > start.since
                    ORDER BY leads.band_offset LIMIT most
                )
            ) AS place
        ), batch AS (
            SELECT * FROM changed ORDER BY turn, number LIMIT most
        ), token AS (
            SELECT timeline || '/' || string_agg(number || '=' || last, ',' ORDER BY number) AS text FROM (
                SELECT number, max(last) AS last FROM (
                    SELECT number, batch.log_offset AS last FROM batch
                    UNION ALL
                    SELECT key::integer, value::bigint FROM jsonb_each_text(reached)
                ) AS place GROUP BY number
            ) AS places
        )
        SELECT token.text, batch.change, batch.lead_id, leads.score_total, leads.score_band, leads.total,
            leads.score_version::text, leads.score_updated_on, leads.last_activity_on, leads.next_change_on,
            leads.suppressed, leads.accumulators, batch.number, batch.log_offset
        FROM token, batch
        LEFT JOIN LATERAL (
            SELECT * FROM leads
            WHERE batch.change = 'updated' AND tenant_id = wanted.tenant_id AND lead_id = batch.lead_id
            LIMIT 1
        ) AS leads ON true
        ORDER BY batch.turn, batch.number;
END
$$
"""
COMMENT = (
    "COMMENT ON FUNCTION crm_changes(text, text, integer) IS 'The leads of the destination that changed "
    "since a token, each once and as it is now, in the order of the log within a partition, at most so many; "
    "every row has the token of the end of the batch'"
)


def column(name: str, kind: Any, comment: str, *, key: bool = False, **more: Any) -> sa.Column[Any]:
    return sa.Column(
        name, kind, comment=comment, primary_key=key, nullable=False, autoincrement=False, **more
    )


def upgrade() -> None:
    schema = str(op.get_context().version_table_schema)
    for name, comment in (
        ("log_offset", "The offset of the row's snapshot in its partition of the topic of scores"),
        ("band_offset", "The offset of the snapshot that last changed the band"),
    ):
        # Rows that are there already count as changed at the beginning.
        op.add_column("leads", column(name, sa.BigInteger, comment, server_default="0"))
        op.alter_column("leads", name, server_default=None)
    op.create_table(
        "removed_leads",
        column("tenant_id", ID, "The workspace", key=True),
        column("lead_id", ID, "The lead that was removed", key=True),
        column("source_partition", sa.Integer, "The partition of the topic of scores"),
        column("log_offset", sa.BigInteger, "The offset of the emptied record that removed it"),
        comment="Leads that were removed, for those who keep copies; a lead may have come back since",
    )
    op.create_index("removed_leads_by_log", "removed_leads", ["tenant_id", "source_partition", "log_offset"])
    op.create_table(
        "crm_destinations",
        column("name", ID, "What it is called in crm_changes", key=True),
        column("tenant_id", ID, "The workspace whose leads it gets"),
        column("writes", sa.Text, "every_update, or band_change for only those that entered another band"),
        sa.CheckConstraint("writes IN ('every_update', 'band_change')", "crm_destinations_writes"),
        comment="Where changes of leads are handed to",
    )
    op.create_table(
        "projection_timeline",
        column("id", sa.Text, "Part of every token, so that a token of other topics is refused", key=True),
        comment="One row: which offsets the tables count by",
    )
    op.execute("INSERT INTO projection_timeline SELECT left(md5(gen_random_uuid()::text), 12)")
    op.execute(CRM_CHANGES.format(schema=schema))
    op.execute(COMMENT)
