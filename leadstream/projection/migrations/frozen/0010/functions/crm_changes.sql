CREATE FUNCTION crm_changes(destination text, since text DEFAULT NULL, most integer DEFAULT 1000)
RETURNS TABLE (
    token text, change text, lead_id text, score_total integer, score_band text, total double precision,
    score_version text, score_updated_on timestamptz, last_activity_on timestamptz,
    next_change_on timestamptz, suppressed text[], accumulators jsonb, source_partition integer,
    log_offset bigint, stage text, caps jsonb, owner text
)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    wanted crm_destinations;
    timeline text := (SELECT id FROM projection_timeline);
    reached jsonb := '{}';
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
        SELECT coalesce(jsonb_object_agg(split_part(part, '=', 1), split_part(part, '=', 2)::bigint), '{}')
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
            leads.suppressed, leads.accumulators, batch.number, batch.log_offset,
            leads.stage, leads.caps, leads.owner
        FROM token, batch
        LEFT JOIN LATERAL (
            SELECT * FROM leads
            WHERE batch.change = 'updated' AND tenant_id = wanted.tenant_id AND lead_id = batch.lead_id
            LIMIT 1
        ) AS leads ON true
        ORDER BY batch.turn, batch.number;
END
$$;

COMMENT ON FUNCTION crm_changes(text, text, integer) IS
    'The leads of the destination that changed since a token, each once and as it is now, in the order of '
    'the log within a partition, at most so many; every row has the token of the end of the batch';
