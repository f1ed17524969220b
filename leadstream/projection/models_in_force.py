"""Which of the models in `lead_scoring_models` are in force: of each tenant the last in the log."""

from collections.abc import Sequence

import asyncpg

# One model of a tenant at most: first none is in force that should not be, then the one that should.
_LAST = """
SELECT DISTINCT ON (tenant_id) tenant_id, fingerprint, withdrawn
FROM lead_scoring_models WHERE tenant_id = ANY($1::text[]) ORDER BY tenant_id, log_offset DESC
"""
END = f"""
UPDATE lead_scoring_models AS model SET is_active = false FROM ({_LAST}) AS last
WHERE model.tenant_id = last.tenant_id AND model.is_active
    AND (last.withdrawn OR model.fingerprint <> last.fingerprint)
"""
BEGIN = f"""
UPDATE lead_scoring_models AS model SET is_active = true FROM ({_LAST}) AS last
WHERE model.tenant_id = last.tenant_id AND model.fingerprint = last.fingerprint
    AND NOT model.is_active AND NOT last.withdrawn
"""
REMOVE = """
DELETE FROM lead_scoring_models AS model
USING unnest($1::text[], $2::text[], $3::bigint[]) AS removed (tenant_id, fingerprint, log_offset)
WHERE model.tenant_id = removed.tenant_id AND model.fingerprint = removed.fingerprint
    AND model.log_offset < removed.log_offset
"""


async def settle(
    connection: asyncpg.Connection, tenants: Sequence[str], removed: Sequence[tuple[str, str, int]]
) -> None:
    """Removes models (tenant, fingerprint, offset of the tombstone), then says of these tenants which model
    is in force. Within the transaction that wrote their rows."""
    if removed:
        await connection.execute(REMOVE, *zip(*removed, strict=True))
    await connection.execute(END, tenants)
    await connection.execute(BEGIN, tenants)
