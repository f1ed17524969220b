"""`leadstream stack`: a broker and a PostgreSQL on this machine, until Ctrl-C."""

import os
import shlex
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from leadstream.devstack import KafkaAddress, KafkaKind, kafka, postgres
from leadstream.devstack.termination import ends_on_signal


def stack(
    kind: Annotated[
        KafkaKind,
        typer.Option("--kafka", help="embedded: in memory. apache: java and mvn. docker: a container."),
    ] = "embedded",
) -> None:
    """Run a broker and a PostgreSQL on this machine until Ctrl-C; their data goes with them.

    Prints the settings that point the other commands at them. An address in the environment
    (LEADSTREAM_KAFKA_BOOTSTRAP, LEADSTREAM_POSTGRES_DSN) is taken instead of starting one.
    """
    console = Console(stderr=True, highlight=False)
    with (
        ends_on_signal(),
        tempfile.TemporaryDirectory(prefix="leadstream-") as folder,
        kafka(kind, directory=Path(folder)) as address,
        postgres(directory=Path(folder)) as dsn,
    ):
        try:
            for line in exports(environment(address, dsn)):
                typer.echo(line)
            console.print(f"Broker and PostgreSQL are up (files in {folder}). Ctrl-C stops them.")
            threading.Event().wait()
        except KeyboardInterrupt:
            console.print("Stopping.")


def exports(variables: Mapping[str, str]) -> list[str]:
    """The shell's lines that set what is not set yet."""
    return [
        f"export {name}={shlex.quote(value)}"
        for name, value in variables.items()
        if os.environ.get(name) != value
    ]


def environment(address: KafkaAddress, dsn: str) -> dict[str, str]:
    """The settings of roles and commands on this broker and this PostgreSQL."""
    settings = {"LEADSTREAM_KAFKA_BOOTSTRAP": address.bootstrap, "LEADSTREAM_POSTGRES_DSN": dsn}
    if not address.transactions:
        settings["LEADSTREAM_PROCESSING_GUARANTEE"] = "at_least_once"
    if address.create_time_only:
        settings["LEADSTREAM_ALLOW_CREATE_TIME"] = "true"
    return settings
