"""`leadstream worker`."""

from pathlib import Path
from typing import Annotated

import typer

from leadstream.cli.errors import CliError
from leadstream.models import ModelError, load_catalog
from leadstream.operations.logs import configure
from leadstream.roles.processes import run_processes
from leadstream.roles.worker import run_worker
from leadstream.settings import Settings


def worker(
    model: Annotated[str, typer.Option(help="A preset or a rule file.")] = "tenx",
    tenants: Annotated[
        Path | None,
        typer.Option(help="YAML of tenants: only these are scored, with their half-life and time zone."),
    ] = None,
    start_at: Annotated[
        int | None, typer.Option(min=0, help="Offset of a first start on a log that does not start at 0.")
    ] = None,
    copied_log: Annotated[
        bool,
        typer.Option(
            "--copied-log",
            help="The topics are copies with the same offsets, and so with other ids: go on where the record "
            "that was folded last is found again.",
        ),
    ] = False,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Processes of this worker: one for each core it may use.")
    ] = 1,
) -> None:
    """Fold signals into scores, crossings and actions, until SIGTERM.

    Example: leadstream worker --model tenx

    Exit codes: 0 stopped as asked; 1 unexpected error; 2 refused (says what to change); 3 the log no longer
    has what comes next; 4 a step was not committed (restart it).
    """
    settings = Settings()
    configure(settings)
    try:
        catalog = load_catalog(model, tenants)
    except ModelError as error:
        raise CliError(str(error), "correct it and start again") from error
    if processes > 1:
        raise typer.Exit(run_processes(settings, processes, model, tenants, start_at, copied_log))
    raise typer.Exit(run_worker(settings, catalog, start_at, copied_log=copied_log))
