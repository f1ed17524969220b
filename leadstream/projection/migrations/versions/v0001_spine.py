"""The tables that the projector fills: leads, score_events, action_log, decision_log, and its own."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Bytewise order: the same on every machine, and as the log's keys have it.
ID = sa.Text(collation="C")
INSTANT = sa.TIMESTAMP(timezone=True)
REAL: sa.Double[float] = sa.Double()

NOW = "the highest broker time met in the partition, never the wall clock"
ALTERED = "Whether text was shortened or held what PostgreSQL can't (NUL, half a surrogate pair): U+FFFD then"


def upgrade() -> None:
    create_leads()
    create_score_events()
    create_action_log()
    create_decision_log()
    create_bookkeeping()


def column(name: str, kind: Any, comment: str, *, key: bool = False, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, comment=comment, primary_key=key, nullable=null, autoincrement=False)


def create_leads() -> None:
    op.create_table(
        "leads",
        column("tenant_id", ID, "The workspace", key=True),
        column("lead_id", ID, "The lead's id within its tenant", key=True),
        column("score_total", sa.Integer, "The shown score: floor of total, clamped to 0..100"),
        column("score_band", sa.Text, "The band that total lies in, by its lower bound"),
        column("score_version", sa.String(50), "The version of the model that scored"),
        column("score_updated_on", INSTANT, f"The fold's now at which this row is exact: {NOW}"),
        column("total", REAL, "The exact total at score_updated_on, unclamped; lists sort by it"),
        column("model", sa.Text, "The name of the model that scored"),
        column("next_change_on", INSTANT, "When the lead next changes by itself, if ever", null=True),
        column("last_activity_on", INSTANT, "The lead's last positive behaviour, if any", null=True),
        column("suppressed", ARRAY(sa.Text), "Channels that may not be used; `all` stands for every one"),
        column(
            "accumulators",
            JSONB,
            "The factors, each an array: factor, category, points, kernel, half_life, mass, t_ref, count, "
            "last_at. At t >= t_ref it contributes points * mass * 2 ^ (-(t - t_ref) / half_life); times in "
            "ms since 1970; half_life 0 does not decay",
        ),
        column("source_partition", sa.Integer, "The partition of the signals topic"),
        column("source_offset", sa.BigInteger, "The offset of the last record that changed the lead"),
        column("altered", sa.Boolean, ALTERED),
        comment="The state of each lead as of score_updated_on, written exactly once from the log",
    )
    op.create_index("leads_by_total", "leads", ["tenant_id", sa.text("total DESC"), "lead_id"])


def create_score_events() -> None:
    op.create_table(
        "score_events",
        column("source_partition", sa.Integer, "The partition of the signals topic", key=True),
        column("source_offset", sa.BigInteger, "The signal's offset in it", key=True),
        column("tenant_id", ID, "The workspace"),
        column("lead_id", ID, "The lead"),
        column("signal_id", sa.Text, "The signal's id, as its source gave it"),
        column("event_type", sa.Text, "The signal's type"),
        column("event_data", JSONB, "The signal's data; empty if it was too long to keep, see data_bytes"),
        column("data_bytes", sa.Integer, "The length of data that was too long to keep, else 0"),
        column("source", sa.Text, "What sent the signal"),
        column("at", INSTANT, "When it happened: the signal's time, at most created_at"),
        column("created_at", INSTANT, f"When it was folded: {NOW}"),
        column("points_added", REAL, "What it added to the total at created_at"),
        column("score_before", sa.Integer, "The shown score before it"),
        column("score_after", sa.Integer, "The shown score after it"),
        column("total_before", REAL, "The exact total before it"),
        column("total_after", REAL, "The exact total after it"),
        column("contributions", JSONB, "Factor by factor, the points it was worth at its own time"),
        column("outcome", sa.Text, "scored, noted (no points), unmatched (no rule), reset, before_reset"),
        column("future", sa.Boolean, "Whether it claimed to happen more than 5 minutes after created_at"),
        column("altered", sa.Boolean, ALTERED),
        comment="What each signal did to its lead; one row a place in the log, so never twice",
    )
    op.create_index(
        "score_events_by_lead", "score_events", ["tenant_id", "lead_id", sa.text("created_at DESC")]
    )
    op.create_index(
        "score_events_by_type", "score_events", ["event_type", "source", sa.text("created_at DESC")]
    )


def common_columns() -> list[sa.Column[Any]]:
    return [
        column("id", ID, "A function of the cause: the same in every replay", key=True),
        column("type", sa.Text, "The record's type: lead.threshold.crossed, lead.action.requested, ..."),
        column("tenant_id", ID, "The workspace"),
        column("lead_id", ID, "The lead"),
        column("at", INSTANT, f"The fold's now ({NOW}), or the exact instant of a change by itself"),
        column("cause", sa.Text, "signal, decay, reset, merge, recovery or model"),
        column("direction", sa.Text, "up or down"),
        column("threshold", REAL, "The threshold that was crossed", null=True),
        column("total_before", REAL, "The exact total before"),
        column("total_after", REAL, "The exact total after"),
        column("score", sa.Integer, "The shown score after"),
        column("band", sa.Text, "The band after"),
        column("model", sa.Text, "The model that decided"),
        column("action", sa.Text, "What the model wants done", null=True),
        column("channel", sa.Text, "The channel of the action: email, phone, ...", null=True),
        column("crossing_id", ID, "The crossing that the action follows from", null=True),
        column("signal_id", sa.Text, "The causing signal's id", null=True),
        column("signal_type", sa.Text, "The causing signal's type", null=True),
        column("signal", JSONB, "The causing signal", null=True),
        column("log_partition", sa.Integer, "Where the record stands: the partition of its topic"),
        column("log_offset", sa.BigInteger, "Where the record stands: the offset"),
        column("altered", sa.Boolean, ALTERED),
    ]


def create_action_log() -> None:
    op.create_table(
        "action_log",
        *common_columns(),
        column("previous_band", sa.Text, "Of a change of band: the band before", null=True),
        column("payload", JSONB, "Of a requested action: what its agent needs", null=True),
        column("factors", JSONB, "What each factor contributed then", null=True),
        comment="Crossings of thresholds, changes of band and requested actions, each exactly once",
    )
    op.create_index("action_log_by_lead", "action_log", ["tenant_id", "lead_id", sa.text("at DESC")])
    op.create_index("action_log_by_time", "action_log", ["type", sa.text("at DESC")])
    op.create_index(
        "action_log_thresholds",
        "action_log",
        ["tenant_id", "threshold"],
        postgresql_where=sa.text("type = 'lead.threshold.crossed'"),
    )


def create_decision_log() -> None:
    op.create_table(
        "decision_log",
        *common_columns(),
        column(
            "reason", sa.Text, "Why it was withheld: no_phone, invalid_phone, repeated, suppressed", null=True
        ),
        comment="Actions that the model wanted and a policy withheld, with the reason",
    )
    op.create_index("decision_log_by_lead", "decision_log", ["tenant_id", "lead_id", sa.text("at DESC")])
    op.create_index("decision_log_by_time", "decision_log", ["type", sa.text("at DESC")])


def create_bookkeeping() -> None:
    op.create_table(
        "projection_positions",
        column("topic", ID, "The projected topic", key=True),
        column("partition", sa.Integer, "Its partition", key=True),
        column("position", sa.BigInteger, "All before this offset is in the tables, nothing behind it"),
        comment="How far the tables follow the log; moved in the transaction that writes the rows",
    )
    op.create_table(
        "projection_dead_letters",
        column("topic", ID, "The projected topic", key=True),
        column("partition", sa.Integer, "Its partition", key=True),
        column("log_offset", sa.BigInteger, "The record's offset", key=True),
        column("item", sa.Integer, "The number within a record of many rows, else 0", key=True),
        column("reason", sa.Text, "not_json, bad_field, bad_time, bad_text, key_mismatch, or refused"),
        column("detail", sa.Text, "What is wrong"),
        column("logged_at", INSTANT, "The broker's time of the record"),
        column("key", sa.LargeBinary, "The record's key", null=True),
        column("value", sa.LargeBinary, "The bytes that can't be stored, at most 524,288 of them", null=True),
        column("value_bytes", sa.BigInteger, "The length of all bytes"),
        column("value_sha256", sa.LargeBinary, "SHA-256 of all bytes"),
        comment="Rows that PostgreSQL can't store, with the reason; the rest of their step went in",
    )
