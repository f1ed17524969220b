"""`leadstream models diff`."""

from typing import Annotated

import typer

from leadstream.cli.console import printable
from leadstream.cli.errors import report
from leadstream.models import ModelError
from leadstream.models.catalog import load_rule_file
from leadstream.models.difference import differences


def diff(
    old: Annotated[str, typer.Argument(metavar="A", help="A rule file, or a preset's name.")],
    new: Annotated[str, typer.Argument(metavar="B", help="The one to compare it with.")],
) -> None:
    """What changed from one rule file to another, by id: added, removed, points 10 -> 20.

    Exit code 0 if they say the same, 1 if they differ, 2 if one can't be used.
    """
    try:
        lines = differences(load_rule_file(old), load_rule_file(new))
    except ModelError as error:
        report(error)
        raise typer.Exit(2) from None
    for line in lines:
        print(printable(line))
    if lines:
        raise typer.Exit(1)
