"""The tables that the projector fills, as COPY and the upsert need them.

Columns and their types stand here a second time beside the migrations, because a staging table must fit
the rows that this version writes; a test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from leadstream.records.outputs import Kind


@dataclass(frozen=True, slots=True)
class Table:
    """A target of rows: `columns` in the order of the row's values, with their types."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    kept: Mapping[str, str] = field(default_factory=dict)
    """What an upsert sets a column to where that is not the new row's value."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @property
    def staging(self) -> str:
        return f"staging_{self.name}"

    def create_staging(self) -> str:
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns)
        return f"CREATE TEMPORARY TABLE IF NOT EXISTS {self.staging} ({columns}) ON COMMIT DELETE ROWS"

    def insert(self) -> str:
        """Moves the staged rows; a row that is there already stays as it is."""
        names = ", ".join(self.names)
        return (
            f"INSERT INTO {self.name} ({names}) SELECT {names} FROM {self.staging} "
            f"ON CONFLICT ({', '.join(self.key)}) DO NOTHING"
        )

    def upsert(self, newer: str) -> str:
        """Moves the staged rows over those that are there, where the condition `newer` holds."""
        names = ", ".join(self.names)
        changes = ", ".join(
            f"{name} = {self.kept.get(name, f'EXCLUDED.{name}')}"
            for name in self.names
            if name not in self.key
        )
        return (
            f"INSERT INTO {self.name} ({names}) SELECT {names} FROM {self.staging} "
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changes} WHERE {newer}"
        )


LEADS = Table(
    "leads",
    (
        ("tenant_id", "text"),
        ("lead_id", "text"),
        ("score_total", "integer"),
        ("score_band", "text"),
        ("score_version", "varchar(50)"),
        ("score_updated_on", "timestamptz"),
        ("total", "double precision"),
        ("model", "text"),
        ("next_change_on", "timestamptz"),
        ("last_activity_on", "timestamptz"),
        ("suppressed", "text[]"),
        ("stage", "text"),
        ("owner", "text"),
        ("accumulators", "jsonb"),
        ("caps", "jsonb"),
        ("source_partition", "integer"),
        ("source_offset", "bigint"),
        ("altered", "boolean"),
        ("rank_half_life", "bigint"),
        ("rank_base", "double precision"),
        ("rank_key", "double precision"),
        ("log_offset", "bigint"),
        ("band_offset", "bigint"),
    ),
    ("tenant_id", "lead_id"),
    {
        "band_offset": "CASE WHEN leads.score_band = EXCLUDED.score_band"
        " AND leads.source_partition = EXCLUDED.source_partition"
        " THEN leads.band_offset ELSE EXCLUDED.band_offset END"
    },
)
NEWER_LEAD = (
    "leads.source_partition <> EXCLUDED.source_partition"
    " OR (EXCLUDED.source_offset, EXCLUDED.score_updated_on) >= (leads.source_offset, leads.score_updated_on)"
)
"""A timer changes a lead without a record of its own: then the offset stays and the fold's now moves."""

SCORE_EVENTS = Table(
    "score_events",
    (
        ("source_partition", "integer"),
        ("source_offset", "bigint"),
        ("tenant_id", "text"),
        ("lead_id", "text"),
        ("signal_id", "text"),
        ("event_type", "text"),
        ("event_data", "jsonb"),
        ("data_bytes", "integer"),
        ("source", "text"),
        ("at", "timestamptz"),
        ("created_at", "timestamptz"),
        ("points_added", "double precision"),
        ("score_before", "integer"),
        ("score_after", "integer"),
        ("total_before", "double precision"),
        ("total_after", "double precision"),
        ("contributions", "jsonb"),
        ("outcome", "text"),
        ("flags", "text[]"),
        ("future", "boolean"),
        ("past", "boolean"),
        ("altered", "boolean"),
    ),
    ("source_partition", "source_offset", "created_at"),
)

_COMMON = (
    ("id", "text"),
    ("type", "text"),
    ("tenant_id", "text"),
    ("lead_id", "text"),
    ("at", "timestamptz"),
    ("cause", "text"),
    ("direction", "text"),
    ("threshold", "double precision"),
    ("total_before", "double precision"),
    ("total_after", "double precision"),
    ("score", "integer"),
    ("band", "text"),
    ("stage", "text"),
    ("model", "text"),
    ("action", "text"),
    ("channel", "text"),
    ("trigger", "text"),
    ("priority", "text"),
    ("crossing_id", "text"),
    ("signal_id", "text"),
    ("signal_type", "text"),
    ("signal", "jsonb"),
    ("log_partition", "integer"),
    ("log_offset", "bigint"),
    ("altered", "boolean"),
)
ACTION_LOG = Table(
    "action_log",
    (
        *_COMMON,
        ("previous_band", "text"),
        ("previous_stage", "text"),
        ("value", "double precision"),
        ("payload", "jsonb"),
        ("factors", "jsonb"),
    ),
    ("id",),
)
DECISION_LOG = Table("decision_log", (*_COMMON, ("reason", "text"), ("until", "timestamptz")), ("id",))

LEAD_SCORING_MODELS = Table(
    "lead_scoring_models",
    (
        ("tenant_id", "text"),
        ("fingerprint", "text"),
        ("scoring_model_id", "text"),
        ("name", "text"),
        ("version", "varchar(50)"),
        ("is_active", "boolean"),
        ("scoring_rules", "jsonb"),
        ("decay_settings", "jsonb"),
        ("bands", "jsonb"),
        ("thresholds", "jsonb"),
        ("stages", "jsonb"),
        ("caps", "jsonb"),
        ("timezone", "text"),
        ("created_at", "timestamptz"),
        ("updated_at", "timestamptz"),
        ("withdrawn", "boolean"),
        ("log_offset", "bigint"),
        ("altered", "boolean"),
    ),
    ("tenant_id", "fingerprint"),
)
NEWER_MODEL = "lead_scoring_models.log_offset <= EXCLUDED.log_offset"

TARGETS: dict[Kind, Table] = {
    "scores": LEADS,
    "history": SCORE_EVENTS,
    "actions": ACTION_LOG,
    "decisions": DECISION_LOG,
    "models": LEAD_SCORING_MODELS,
}
