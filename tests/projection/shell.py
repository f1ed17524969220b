"""Commands in this process, with the settings of a schema."""

import json
from typing import Any

from typer.testing import CliRunner

from leadstream.cli.app import app

from .made import Database


def command(database: Database, *arguments: str) -> Any:
    """Runs `leadstream <arguments>`; the result has exit_code, stdout and stderr."""
    settings = {"LEADSTREAM_POSTGRES_DSN": database.dsn, "LEADSTREAM_POSTGRES_SCHEMA": database.schema}
    return CliRunner().invoke(app, list(arguments), env=settings)


def told(database: Database, *arguments: str) -> list[dict[str, Any]]:
    """The rows of a report."""
    result = command(database, "report", *arguments, "--format", "json")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found
