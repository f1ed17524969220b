"""The questions in docs/postgresql.md at 1,000,000 leads and 1,000,000 signals: what they read, and how."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from leadstream.projection.destinations import Destination, put_destination
from leadstream.projection.migrate import migrate
from leadstream.projection.tables import ACTION_LOG, DECISION_LOG, LEADS, SCORE_EVENTS, Table

from .test_documents import QUESTIONS

ROWS = 1_000_000
NUMBER = f"((n * 7919) % {ROWS})"
"""Each of the leads' numbers once, in another order."""
ID = "'lead-' || {}"
AT = "timestamptz '2026-01-01Z' + n * interval '1 second'"
MADE: dict[str, dict[str, str]] = {
    "leads": {
        "lead_id": ID.format("n"), "score_total": "n % 100", "total": "n % 100",
        "score_band": "CASE WHEN n % 100 < 50 THEN 'cold' WHEN n % 100 < 80 THEN 'warm' ELSE 'hot' END",
        "score_updated_on": AT, "source_partition": "n % 4", "source_offset": "n", "log_offset": "n",
        "band_offset": "n", "rank_half_life": "1209600000",
        "accumulators": "jsonb_build_array(jsonb_build_array('visit', '', 10, 'exponential', 1209600000, "
        "(n % 1000) / 100.0, 1767225600000 + n * 1000, 1, 0))",
        "rank_key": "1767225600000 + n * 1000 + 1209600000 * log(2, greatest(n % 1000, 1) / 10.0)",
        "caps": "'{}'", "suppressed": "'{}'", "score_version": "'1'",
    },
    "score_events": {
        "source_partition": "n % 4", "source_offset": "n", "lead_id": ID.format(NUMBER),
        "signal_id": "'s' || n", "event_type": "'visit'", "event_data": "'{}'", "at": AT, "created_at": AT,
        "points_added": "10", "total_before": "0", "total_after": "10", "outcome": "'scored'",
        "contributions": "'[{\"factor\": \"visit\", \"points\": 10.0}]'", "flags": "'{}'",
    },
    "action_log": {
        "id": "'c' || n", "type": "'lead.threshold.crossed'", "lead_id": ID.format(NUMBER), "at": AT,
        "direction": "CASE n % 2 WHEN 0 THEN 'up' ELSE 'down' END", "threshold": "80",
        "total_before": "70", "total_after": "90", "log_partition": "n % 4", "log_offset": "n",
        "factors": "'[{\"factor\": \"visit\", \"points\": 10.0, \"offset\": 1}]'",
    },
    "decision_log": {
        "id": "'d' || n", "type": "'lead.action.skipped'", "lead_id": ID.format(NUMBER), "at": AT,
        "crossing_id": "'c' || n", "reason": "'no_phone'", "log_partition": "n % 4", "log_offset": "n",
    },
}  # fmt: skip
SHARE = {"leads": 1, "score_events": 1, "action_log": 10, "decision_log": 10}
"""One row for so many leads."""
ALIKE = {"integer": "0", "bigint": "0", "double precision": "0", "boolean": "false"}
NULL = {
    "owner", "next_change_on", "last_activity_on", "action", "channel", "trigger", "priority", "crossing_id",
    "signal_id", "signal_type", "signal", "previous_band", "previous_stage", "value", "payload", "until",
}  # fmt: skip
READ = """
SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::bigint AS read,
    coalesce(sum(seq_scan), 0)::bigint AS scans
FROM pg_stat_xact_user_tables WHERE schemaname = current_schema()
    AND (relname IN ('leads', 'action_log', 'decision_log') OR relname ~ '^score_events_2')
"""


def filling(table: Table) -> str:
    """Fills the table; a column that is not named is 0, NULL or empty."""
    made = MADE[table.name]
    values = {
        name: made.get(name)
        or ("'acme'" if name == "tenant_id" else "NULL" if name in NULL else ALIKE.get(kind, "''"))
        for name, kind in table.columns
    }
    return (
        f"INSERT INTO {table.name} ({', '.join(values)}) SELECT {', '.join(values.values())} "
        f"FROM generate_series(1::bigint, {ROWS // SHARE[table.name]}) AS n"
    )


@pytest.fixture(scope="module")
def million(postgres_dsn: str) -> tuple[str, str]:
    """The address and the schema of tables with a million leads, for all tests here."""
    schema = f"million_{uuid4().hex[:8]}"

    async def fill() -> None:
        await migrate(postgres_dsn, schema)
        connection = await asyncpg.connect(postgres_dsn, server_settings={"search_path": schema})
        await connection.execute("SELECT make_month(date '2026-01-01')")
        for table in (LEADS, SCORE_EVENTS, ACTION_LOG, DECISION_LOG):
            await connection.execute(filling(table), timeout=300)
        await put_destination(postgres_dsn, schema, Destination("hubspot", "acme", "every_update"))
        for partition in range(4):
            await connection.execute(
                "INSERT INTO projection_positions (topic, partition, position) VALUES ('t.scores', $1, $2)",
                partition, ROWS + 1,
            )  # fmt: skip
        await connection.execute("VACUUM ANALYZE leads, score_events, action_log, decision_log")
        await connection.close()

    asyncio.run(fill())
    return postgres_dsn, schema


async def connected(million: tuple[str, str]) -> asyncpg.Connection:
    dsn, schema = million
    # What parallel workers read is counted elsewhere.
    settings = {"search_path": schema, "max_parallel_workers_per_gather": "0"}
    return await asyncpg.connect(dsn, server_settings=settings)


def question_of(million: tuple[str, str], words: str) -> str:
    """The one question of the page with these words."""
    [question] = [question for question in QUESTIONS if words in question]
    return str(question).replace("leadstream.", f"{million[1]}.")


async def explained(million: tuple[str, str], words: str) -> list[str]:
    connection = await connected(million)
    plan = [row[0] for row in await connection.fetch(f"EXPLAIN {question_of(million, words)}")]
    await connection.close()
    return plan


async def asked(million: tuple[str, str], words: str) -> tuple[int, int, int]:
    """Rows of the answer, rows read, and how many tables were read from end to end."""
    connection = await connected(million)
    async with connection.transaction():
        before = await connection.fetchrow(READ)
        found = len(await connection.fetch(question_of(million, words)))
        after = await connection.fetchrow(READ)
    await connection.close()
    return found, after["read"] - before["read"], after["scans"] - before["scans"]


@pytest.mark.requirement("N-16")
@pytest.mark.parametrize(("words", "answers", "most_read"), [
    ("top_leads('acme', 20)", 20, 200),
    ("score_at('acme', 'lead-42'", 1, 1),
    ("FROM leadstream.score_events WHERE", 1, 1),
    ("lead_factors_now", 1, 3),
    ("event.event_data", 0, 10),
    ("leadstream.contact_scores", 1, 2),
    ("AS requested", 20, 200),
    ("crm_changes('hubspot', NULL, 500)", 500, 3_000),
])  # fmt: skip
def test_a_question_reads_what_it_answers_with(
    million: tuple[str, str], words: str, answers: int, most_read: int
) -> None:
    found, read, scans = asyncio.run(asked(million, words))
    assert found == answers
    plan = "\n".join(asyncio.run(explained(million, words)))
    assert (scans, read <= most_read) == (0, True), f"{read} rows read, {scans} scans:\n{plan}"


@pytest.mark.parametrize("words", ["FROM leadstream.leads_now WHERE", "report_distribution"])
def test_a_question_about_all_leads_reads_the_table_once(million: tuple[str, str], words: str) -> None:
    plan = asyncio.run(explained(million, words))
    assert len([line for line in plan if "Seq Scan on leads" in line]) == 1, "\n".join(plan)
    assert not [line for line in plan if "score_events" in line or "_log" in line]
