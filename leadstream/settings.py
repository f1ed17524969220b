"""All settings, one place. Each is read from the environment as `LEADSTREAM_<NAME>`."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of every role; the defaults suit a laptop and a small cluster."""

    model_config = SettingsConfigDict(env_prefix="LEADSTREAM_", extra="ignore")

    app: str = Field("leadstream", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    """Lineage: part of every id, of the changelog's name and of the transactional ids."""
    topic_prefix: str = Field("leadstream", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    """What the names of all topics but the changelog begin with."""
    kafka_bootstrap: str = "127.0.0.1:9092"
    postgres_dsn: SecretStr = SecretStr("postgresql://127.0.0.1:5432/leadstream")
    postgres_schema: str = Field("leadstream", pattern=r"^[a-z_][a-z0-9_]{0,40}$")
    processing_guarantee: Literal["exactly_once", "at_least_once"] = "exactly_once"
    allow_create_time: bool = False
    """Accept a signals topic whose timestamps are the producers' (the embedded broker has no other)."""
    max_poll_records: int = Field(4000, ge=1, le=100_000)
    """The most records of one pack."""
    step_signals: int = Field(4000, ge=1, le=100_000)
    """The most records that one transaction folds."""
    transaction_timeout_ms: int = Field(10_000, ge=1000, le=900_000)
    session_timeout_ms: int = Field(6_000, ge=1000, le=300_000)
    step_deadline_seconds: float = Field(60.0, gt=0)
    """A commit that takes longer ends the process with a reason."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(None, ge=0, le=65535)
    """Worker 9464 and projector 9465 by default; 0 takes a free one."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
