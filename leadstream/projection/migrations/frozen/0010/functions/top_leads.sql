CREATE FUNCTION top_leads(tenant text, most integer DEFAULT 100, at timestamptz DEFAULT now())
RETURNS TABLE (
    place bigint, lead_id text, score_now integer, total_now double precision, score_band text,
    last_activity_on timestamptz, score_updated_on timestamptz, owner text
)
LANGUAGE plpgsql STABLE ROWS 100
-- In the order of the index, whatever the planner thinks of sorting: the loops end early.
SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off
SET search_path FROM CURRENT
AS $$
DECLARE
    at_ms double precision := epoch_ms(at);
    latest_ms double precision := greatest(
        at_ms, (SELECT epoch_ms(max(newest_on)) FROM projection_positions)
    );
    section record;
    lead record;
    ids text[] := '{}';
    totals double precision[] := '{}';
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
                total_of(accumulators, caps, greatest(at_ms, epoch_ms(leads.score_updated_on))), total
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
            leads.score_updated_on, leads.owner
        FROM (
            SELECT id, total FROM unnest(ids, totals) AS candidate (id, total)
            ORDER BY total DESC, id COLLATE "C" LIMIT most
        ) AS best
        JOIN leads ON leads.tenant_id = tenant AND leads.lead_id = best.id
        ORDER BY 1;
END
$$;

COMMENT ON FUNCTION top_leads(text, integer, timestamptz) IS
    'The leads of a tenant with the highest totals at an instant, by total, then by lead_id; right to the '
    'last place';
