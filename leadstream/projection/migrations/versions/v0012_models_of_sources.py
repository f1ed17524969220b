"""lead_scoring_models under the names that the sources give its columns."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLE = "lead_scoring_models"
FADING = """jsonb_path_query_first(
    decay_settings,
    '$[*] ? (@.kernel == "exponential" || @.kernel == "linear" || @.kernel == "inactivity_step")'
)"""
COLUMNS = {
    "id": (
        "text",
        r"tenant_id || '\:' || fingerprint",
        "Tenant and fingerprint: one model of one workspace",
    ),
    "description": (
        "text",
        "coalesce(scoring_rules ->> 'description', '')",
        "What the rule file says of itself, empty for nothing",
    ),
    "decay_enabled": (
        "boolean",
        """jsonb_path_exists(
            decay_settings,
            '$[*] ? (@.kernel == "exponential" || @.kernel == "linear" || @.kernel == "inactivity_step"'
            ' || exists(@.ages[*]))'
        )""",
        "Whether any factor fades, by a kernel or by an age table",
    ),
    "decay_rate": (
        "double precision",
        f"""CASE {FADING} ->> 'kernel'
            WHEN 'exponential' THEN 0.5
            WHEN 'linear' THEN 1
            WHEN 'inactivity_step' THEN ({FADING} ->> 'percent')\\:\\:double precision / 100
        END""",
        "Of the first decay that fades, the part of a contribution that is lost in decay_interval_days, 0 to "
        "1: half in a half-life, all in the period of a linear one, the step of an inactivity_step for each "
        "interval without activity; NULL where no kernel fades. All of them are in decay_settings",
    ),
    "decay_interval_days": (
        "double precision",
        f"({FADING} ->> 'half_life')\\:\\:double precision / 86400000",
        "In how many days of 86,400 s decay_rate is lost; NULL where no kernel fades",
    ),
}


def upgrade() -> None:
    op.execute(f"ALTER TABLE {TABLE} RENAME COLUMN rules TO scoring_rules")
    for name, (kind, value, comment) in COLUMNS.items():
        op.execute(f"ALTER TABLE {TABLE} ADD COLUMN {name} {kind} GENERATED ALWAYS AS ({value}) STORED")
        text = comment.replace("'", "''").replace(":", r"\:")
        op.execute(f"COMMENT ON COLUMN {TABLE}.{name} IS '{text}'")
    op.execute(f"CREATE UNIQUE INDEX {TABLE}_id ON {TABLE} (id)")
