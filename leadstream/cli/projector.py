"""`leadstream projector`."""

import typer

from leadstream.operations.logs import configure
from leadstream.roles.projector import run_projector
from leadstream.settings import Settings


def projector() -> None:
    """Project scores, history, actions and decisions into PostgreSQL, until SIGTERM.

    Example: LEADSTREAM_POSTGRES_DSN=postgresql://localhost/crm leadstream projector

    Applies missing migrations at its start. Exit codes as of `leadstream worker`.
    """
    settings = Settings()
    configure(settings)
    raise typer.Exit(run_projector(settings))
