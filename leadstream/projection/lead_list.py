"""The leads of a tenant by their total at this moment, and the names that a list can be narrowed to."""

from dataclasses import dataclass

# Any number of the best in milliseconds, however many leads there are.
BEST = """
SELECT best.lead_id, best.score_now, best.total_now, best.score_band, lead.stage, best.owner,
    best.last_activity_on
FROM top_leads($1, $2) AS best, LATERAL (
    SELECT stage FROM leads WHERE tenant_id = $1 AND lead_id = best.lead_id LIMIT 1
) AS lead ORDER BY best.place
"""
# Which leads are in a band is known without computing a total; of those all totals are.
NARROWED = """
SELECT lead_id, score_now, total_now, score_band, stage, owner, last_activity_on FROM leads_now
WHERE tenant_id = $1 AND score_band = coalesce($3, score_band) AND stage = coalesce($4, stage)
    AND ($5::text IS NULL OR coalesce(owner, '') = $5)
ORDER BY total_now DESC NULLS LAST, lead_id COLLATE "C" LIMIT $2
"""
_NAMED = """
SELECT DISTINCT name FROM (
    SELECT {column} AS name FROM leads WHERE tenant_id = $1
    UNION ALL
    SELECT level ->> 'name' FROM lead_scoring_models, jsonb_array_elements({levels}) AS level
    WHERE tenant_id IN ($1, '') AND is_active
) AS named WHERE name <> '' ORDER BY name
"""
BANDS = _NAMED.format(column="score_band", levels="bands")
STAGES = _NAMED.format(column="stage", levels="stages")
OWNERS = "SELECT DISTINCT owner AS name FROM leads WHERE tenant_id = $1 AND owner IS NOT NULL ORDER BY owner"


@dataclass(frozen=True, slots=True)
class Listed:
    """A lead as it is at this moment. `total` is exact and unclamped, None if the tables can't compute one of
    its factors. `last_activity` is in epoch ms; `stage` is empty for none, `owner` None for nobody."""

    lead: str
    score: int | None
    total: float | None
    band: str
    stage: str
    owner: str | None
    last_activity: int | None
