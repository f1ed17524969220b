"""Bars: what reports are drawn as, in files and in the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_letters
from typing import Any

from leadstream.cli.console import printable
from leadstream.cli.drawing import figure, terminal_canvas

HEIGHT = 24
"""Lines of an upright plot in the terminal."""
EDGE = 0.01
"""Between the middle of the outer bars and the frame, so that all fall on lines of the terminal."""
LABEL = 40
"""The longest label of a bar, in characters."""
COLORS = (
    "tab:blue",
    "tab:orange",
    "tab:red",
    "tab:green",
    "tab:purple",
    "tab:brown",
    "tab:cyan",
    "tab:olive",
)
TERMINAL_COLORS = ("blue", "orange", "red", "green", "magenta", "gray", "cyan", "yellow")


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar for each label, lying unless `upright`, stacked of `series`: names with a value for each label.

    `notes` stand at the ends of lying bars. `marks` are named lines across upright ones, in label
    numbers from 0. Values below 0 are for a single series: its bars go both ways.
    """

    title: str
    axis: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float]]
    notes: Sequence[str] = ()
    marks: Mapping[str, float] = field(default_factory=dict)
    upright: bool = False

    @property
    def diverging(self) -> bool:
        return any(value < 0 for values in self.series.values() for value in values)


def write_bars(bars: Bars, path: Path) -> None:
    """Writes a PNG or SVG, by the name's end. In an SVG a bar's part has the id `<series>:<label>`, a mark
    `mark:<name>`."""
    # XML has no control characters; an owner's name may.
    labels = [printable(shortened(label)) for label in bars.labels]
    places = range(len(labels))
    height = 5.0 if bars.upright else 1.6 + 0.34 * len(labels)
    with figure(path, 11, height) as made:
        panel = made.subplots()
        base = [0.0] * len(labels)
        for number, (name, values) in enumerate(bars.series.items()):
            color = COLORS[number % len(COLORS)]
            colors = ["tab:red" if value < 0 else color for value in values] if bars.diverging else color
            if bars.upright:
                parts = panel.bar(places, values, bottom=base, width=0.9, color=colors, label=printable(name))
            else:
                parts = panel.barh(places, values, left=base, height=0.7, color=colors, label=printable(name))
            for part, label in zip(parts, bars.labels, strict=True):
                part.set_gid(printable(f"{name}:{label}"))
            base = [low + value for low, value in zip(base, values, strict=True)]
        for number, (name, place) in enumerate(bars.marks.items()):
            style = ("--", ":")[number % 2]
            panel.axvline(
                place, color="black", linewidth=1.2, linestyle=style, label=name, gid=f"mark:{name}"
            )
        if bars.upright:
            panel.set_xticks(places, labels, parse_math=False)
            panel.set_ylabel(bars.axis)
        else:
            panel.set_yticks(places, labels, parse_math=False)
            panel.set_xlabel(bars.axis)
            panel.invert_yaxis()
            panel.margins(x=0.12)
            for place, end, note in zip(places, base, bars.notes, strict=False):
                panel.annotate(
                    note, (end, place), (4 if end >= 0 else -4, 0), textcoords="offset points",
                    va="center", ha="left" if end >= 0 else "right", fontsize="small", parse_math=False,
                )  # fmt: skip
        if bars.diverging:
            panel.axvline(0, color="black", linewidth=0.8)
        panel.set_title(printable(bars.title), parse_math=False)
        panel.grid(alpha=0.3, axis="y" if bars.upright else "x")
        panel.set_axisbelow(True)
        if len(bars.series) > 1 or bars.marks:
            legend = panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
            for text in legend.get_texts():
                text.set_parse_math(False)


def terminal_bars(bars: Bars, width: int) -> str:
    """The plot in so many columns, with its colours as escapes: where bars are stacked, their parts are drawn
    as letters, which stand below with their names."""
    labels = [printable(shortened(label)) for label in bars.labels]
    # A line for each bar and one between, the frame, the title and the numbers.
    canvas = terminal_canvas(bars.title, width, HEIGHT if bars.upright else 2 * len(labels) + 3)
    series = [list(values) if bars.upright else list(values)[::-1] for values in bars.series.values()]
    if not any(value for values in series for value in values):
        return f"{printable(bars.title)}: nothing to draw\n"
    several = len(series) > 1
    letters = [ascii_letters[number % len(ascii_letters)] for number in range(len(series))]
    colors = [TERMINAL_COLORS[number % len(TERMINAL_COLORS)] for number in range(len(series))]
    if bars.upright:
        canvas.stacked_bar(labels, series, marker=letters if several else ["sd"], color=colors, width=0.6)
        for place in bars.marks.values():
            canvas.vline(place + 1)
    else:
        # From the bottom up, so that the first is at the top.
        labels = labels[::-1]
        lying: dict[str, Any] = {"orientation": "horizontal", "width": 0.01}
        if bars.diverging:
            canvas.bar(labels, series[0], color=colors[0], **lying)
            canvas.vline(0)
        else:
            canvas.stacked_bar(labels, series, marker=letters if several else ["sd"], color=colors, **lying)
        canvas.ylim(1 - EDGE, len(labels) + EDGE)
    names = [f"{letter} {name}" for letter, name in zip(letters, bars.series, strict=True)]
    keys = [*(names if several else []), *(f"| {name}" for name in bars.marks)]
    below = f"{bars.axis}: {'  '.join(keys)}" if keys else bars.axis
    return f"{canvas.build()}\n{printable(below)}\n"


def shortened(label: str) -> str:
    """A label that leaves room for the bars."""
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"
