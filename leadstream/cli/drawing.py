"""What all plots share: files by matplotlib, the terminal by plotext, and what is said without them."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.text import Text

from leadstream.cli.console import err, out, printable
from leadstream.cli.errors import CliError

ENDINGS = (".png", ".svg")
WIDTH = 160
"""The most columns of a plot in the terminal."""


def known_ending(plot: Path | None) -> Path | None:
    """The file, if its name says which kind is meant; else raises BadParameter."""
    if plot is not None and plot.suffix not in ENDINGS:
        raise typer.BadParameter("the file's name ends in .png or .svg")
    return plot


PlotFile = Annotated[
    Path | None, typer.Option("--plot", help="File for the plot, .png or .svg.", callback=known_ending)
]
NoPlot = Annotated[bool, typer.Option("--no-plot", help="No plot in the terminal.")]


def write_file(draw: Callable[[Path], None], path: Path) -> None:
    """Has a plot written. Raises CliError where matplotlib is not installed."""
    try:
        draw(path)
    except ModuleNotFoundError as error:
        raise CliError(f"--plot needs {error.name}", "install `leadstream[local]`") from None


def print_plot(draw: Callable[[int], str]) -> None:
    """Prints the plot that is drawn in so many columns; without plotext it says what to install."""
    try:
        picture = draw(min(out.width, WIDTH))
    except ModuleNotFoundError as error:
        err.print(f"no plot here without {error.name}: install `leadstream\\[local]`, or --no-plot")
        return
    out.print(Text.from_ansi(picture), soft_wrap=True)


@contextmanager
def figure(path: Path, width: float, height: float) -> Iterator[Any]:
    """A matplotlib figure of so many inches, which is written when it is done.

    A file of the same content is the same: no date in it, and ids by a fixed salt.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "leadstream", "svg.fonttype": "none"}):
        made = Figure(figsize=(width, height), layout="constrained")
        yield made
        with warnings.catch_warnings():
            # A letter that the font lacks is drawn as a box.
            warnings.simplefilter("ignore", UserWarning)
            made.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def terminal_canvas(title: str, width: int, height: int) -> ModuleType:
    """plotext with an empty plot of so many columns and lines."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limitsize(False, False)
    plotext.plotsize(width, height)
    plotext.title(printable(title))
    return plotext  # type: ignore[no-any-return]
