"""Plots of totals over time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import ascii_lowercase

from leadstream.cli.console import printable
from leadstream.cli.drawing import figure, terminal_canvas
from leadstream.offline.what_if import Course, Curve, Event
from leadstream.records.times import DAY

MAX_FACTORS = 8
"""Factors with a line of their own; the others are one line together."""
OTHERS = "others"
HEIGHT = 24
"""Lines of a plot in the terminal."""
COLORS = ["blue", "cyan", "magenta", "orange", "green", "red", "gray", "yellow"]
"""Of its factors."""


def leading(curve: Curve) -> dict[str, list[float]]:
    """The factors of a curve that were the weightiest at some time, in the curve's order, and the sum of the
    others as `others`, if there are any.
    """
    peaks = {name: max(map(abs, values)) for name, values in curve.factors.items()}
    shown = [name for name, peak in peaks.items() if peak]
    if len(shown) > MAX_FACTORS:
        kept = set(sorted(shown, key=lambda name: -peaks[name])[: MAX_FACTORS - 1])
        rest = [curve.factors[name] for name in shown if name not in kept]
        sums = [sum(values) for values in zip(*rest, strict=True)]
        return {name: curve.factors[name] for name in shown if name in kept} | {OTHERS: sums}
    return {name: curve.factors[name] for name in shown}


def write_plot(path: Path, title: str, courses: Sequence[Course], events: Sequence[Event]) -> None:
    """Writes a PNG or SVG, by the name's end: a panel for each lead, with its total, its factors, the
    levels that were crossed and the crossings.
    """
    with figure(path, 11, 4.5 * len(courses)) as made:
        panels = made.subplots(len(courses), squeeze=False)[:, 0]
        for panel, course in zip(panels, courses, strict=True):
            curve = course.curve()
            times = [datetime.fromtimestamp(at / 1000, UTC) for at in curve.times]
            for name, values in leading(curve).items():
                panel.plot(times, values, linewidth=1, label=name, gid=f"factor:{name}")
            panel.plot(times, curve.totals, linewidth=2.2, color="black", label="total", gid="total")
            crossings = crossings_of(course, events)
            for level in sorted({level for _, level, _ in crossings}):
                panel.axhline(level, linewidth=0.8, linestyle="--", color="grey")
            for up, marker, color in ((True, "^", "tab:green"), (False, "v", "tab:red")):
                found = [(at, level) for at, level, upwards in crossings if upwards == up]
                if found:
                    panel.plot(
                        [datetime.fromtimestamp(at / 1000, UTC) for at, _ in found],
                        [level for _, level in found],
                        marker, color=color, gid="up" if up else "down",
                        label="crossed up" if up else "crossed down",
                    )  # fmt: skip
            panel.set_title(f"{title}: {course.tenant}, {course.lead}", parse_math=False)
            panel.set_ylabel("points")
            panel.grid(alpha=0.3)
            legend = panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
            for text in legend.get_texts():
                text.set_parse_math(False)


def terminal_plot(title: str, course: Course, events: Sequence[Event], width: int) -> str:
    """The plot of a lead in so many columns, with its colours as escapes: factors are drawn as letters, which
    stand below it with their names.
    """
    curve = course.curve()
    factors = leading(curve)

    def day(at: int) -> float:
        return (at - curve.times[0]) / DAY

    plotext = terminal_canvas(f"{title}: the total, its factors, thresholds passed", width, HEIGHT)
    days = list(map(day, curve.times))
    for letter, color, values in zip(ascii_lowercase, COLORS, factors.values(), strict=False):
        plotext.plot(days, values, marker=letter, color=color)
    plotext.plot(days, curve.totals, marker="braille")
    for at, level, up in crossings_of(course, events):
        plotext.scatter([day(at)], [level], marker="▲" if up else "▼")
    ticks = [days[-1] * step / 6 for step in range(7)]
    instants = [datetime.fromtimestamp((curve.times[0] + tick * DAY) / 1000, UTC) for tick in ticks]
    form = "%Y-%m-%d" if days[-1] >= 6 else "%d %H:%M"
    plotext.xticks(ticks, [f"{instant:{form}}" for instant in instants])
    names = "  ".join(f"{letter} {name}" for letter, name in zip(ascii_lowercase, factors, strict=False))
    return f"{plotext.build()}\n{printable(names)}\n"


def crossings_of(course: Course, events: Sequence[Event]) -> list[tuple[int, float, bool]]:
    """When a lead crossed which threshold, and whether upwards."""
    return [
        (event.at, event.record["threshold"], event.record["direction"] == "up")
        for event in events
        if event.kind == "crossing"
        and event.record
        and (event.tenant, event.lead) == (course.tenant, course.lead)
    ]
