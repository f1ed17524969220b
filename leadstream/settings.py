"""All settings, one place. Each is read from the environment as `LEADSTREAM_<NAME>`."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of every role; the defaults suit a laptop and a small cluster."""

    model_config = SettingsConfigDict(env_prefix="LEADSTREAM_", extra="ignore")

    app: str = Field(default="leadstream", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    """Lineage: part of every id, of the changelog's name and of the transactional ids."""
    topic_prefix: str = Field(default="leadstream", pattern=r"^[a-zA-Z0-9._-]{1,100}$")
    """What the names of all topics but the changelog begin with."""
    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_file: str | None = None
    """Certificate authorities in PEM for SSL; the system's when not set."""
    postgres_dsn: SecretStr = SecretStr("postgresql://127.0.0.1:5432/leadstream")
    postgres_schema: str = Field(default="leadstream", pattern=r"^[a-z_][a-z0-9_]{0,40}$")
    key_partitions: int | None = Field(default=None, ge=1, le=10_000)
    """By how many partitions keys are placed; by default as many as the topic of signals has. Fewer where
    partitions were added to a topic whose signals have state: what comes into those is sent on."""
    processing_guarantee: Literal["exactly_once", "at_least_once"] = "exactly_once"
    allow_create_time: bool = False
    """Accept a signals topic whose timestamps are the producers' (the embedded broker has no other)."""
    max_poll_records: int = Field(default=4000, ge=1, le=100_000)
    """The most records of one pack."""
    fetch_bytes: int = Field(default=1_048_576, ge=65_536, le=67_108_864)
    """The most bytes fetched of one partition at once; a larger record still arrives, alone."""
    step_signals: int = Field(default=10_000, ge=1, le=100_000)
    """The most records that one transaction folds; a lead that many of them touch is written once."""
    transaction_timeout_ms: int = Field(default=10_000, ge=1000, le=900_000)
    session_timeout_ms: int = Field(default=6_000, ge=1000, le=300_000)
    step_deadline_seconds: float = Field(default=60.0, gt=0)
    """A commit that takes longer ends the process with a reason."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Worker 9464 and projector 9465 by default; 0 takes a free one."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
