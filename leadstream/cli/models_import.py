"""`leadstream models import`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leadstream.cli.console import printable
from leadstream.models.errors import ModelError
from leadstream.models.importing import SYSTEMS, Carried
from leadstream.models.importing.carried import NotCarried
from leadstream.models.importing.source import read_json


class System(StrEnum):
    """What rules can be imported from."""

    mautic = "mautic"
    hubspot = "hubspot"


def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="JSON as the system's API gave it.")],
    system: Annotated[System, typer.Option("--from", help="Where the export comes from.")],
    out: Annotated[Path | None, typer.Option("--out", help="The rule file; without it stdout.")] = None,
    name: Annotated[str | None, typer.Option(help="The model's name; default that of --out.")] = None,
) -> None:
    """Make a rule file of another system's scoring rules.

    Mautic: answers of /api/points and /api/points/triggers. HubSpot: a score of its lead scoring API, or a
    score property with its criteria. What can't be carried over is named on stderr with its place in the file
    and the reason, and so is what is carried over and is not quite the same.
    """
    carried = Carried(system)
    for file in files:
        try:
            export = read_json(file.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{file}: no JSON: {error}") from None
        carried.file = str(file)
        try:
            SYSTEMS[system](export, carried)
        except NotCarried as error:
            raise ModelError(f"{file}: {error}") from None
        except RecursionError:
            raise ModelError(f"{file}: values stand too deep in each other") from None
    try:
        text = carried.text(name or (out.stem if out else system), [str(file) for file in files])
    finally:
        for what, reason in carried.left_out:
            print(printable(f"not carried over: {what}: {reason}"), file=sys.stderr)
        for what, reason in carried.remarks:
            print(printable(f"look at: {what}: {reason}"), file=sys.stderr)
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8")
    print(
        f"{len(carried.rules)} rules, {len(carried.fit)} fit rules, {len(carried.levels)} thresholds, "
        f"{len(carried.actions)} actions; {len(carried.left_out)} not carried over",
        file=sys.stderr,
    )
