"""What each report looks like as bars."""

from collections.abc import Sequence
from typing import Any

from leadstream.cli.charts import Bars
from leadstream.projection.reports import Report

BIN = 5
"""Scores in a bar of the distribution; 100 is with 95 to 99."""
BARS = 40
"""The most lying bars in a plot; the tables have all rows."""


def distribution(title: str, report: Report, histogram: Report) -> Bars:
    """Leads by score, fives of it, stacked by band from the lowest, with mean and median of all.

    Leads whose score the tables can't tell are in none.
    """
    rows = records(report)
    counts = {(row["score_from"], row["band"]): row["leads"] for row in records(histogram)}
    starts = range(0, 100, BIN)
    marks = {
        # The middle of the bar of 0 to 4 is at 2, which is label 0.
        f"{name} {row[name]:.1f}": (row[name] - BIN // 2) / BIN
        for row in rows if row["band"] == "all" for name in ("mean", "median") if row[name] is not None
    }  # fmt: skip
    series = {band: [counts.get((start, band), 0) for start in starts] for band in bands_of(report)}
    return Bars(title, "leads by score", [str(start) for start in starts], series, marks=marks, upright=True)


def movers(title: str, report: Report) -> Bars:
    """The change of each lead, up or down."""
    rows = records(report)[:BARS]
    notes = [f"{row['before']} to {row['now']}" for row in rows]
    changes = [row["change"] for row in rows]
    return Bars(title, "change of the total", [row["lead"] for row in rows], {"change": changes}, notes)


def top_actions(title: str, report: Report) -> Bars:
    """The points of each type of signal."""
    rows = records(report)[:BARS]
    notes = [f"{row['signals']:,} signals of {row['leads']:,} leads" for row in rows]
    points = [row["points"] for row in rows]
    return Bars(title, "points added", [row["signal"] for row in rows], {"points": points}, notes)


def funnel(title: str, report: Report) -> Bars:
    """The leads at each step, with the rate from the step before and the median hours."""
    rows = records(report)
    notes = []
    for row in rows:
        rate, hours = row["percent_of_step_before"], row["median_hours"]
        parts = [f"{row['leads']:,}"]
        parts += [] if rate is None else [f"{row['rate']} {rate:.1f}%"]
        parts += [] if hours is None else [f"median {hours:,.1f} h"]
        notes.append(", ".join(parts))
    return Bars(
        title, "leads", [row["step"] for row in rows], {"leads": [row["leads"] for row in rows]}, notes
    )


def cohorts(title: str, report: Report) -> Bars:
    """The leads of each cohort by how far they came."""
    rows = records(report)[-BARS:]
    converted = [row["converted_leads"] + row["converted_otherwise"] for row in rows]
    qualified = [row["qualified_leads"] - row["converted_leads"] for row in rows]
    rest = [row["leads"] - won - kept for row, won, kept in zip(rows, converted, qualified, strict=True)]
    notes = [f"{row['lead_to_qualified']:.1f}% qualified" for row in rows]
    series = {"converted": converted, "qualified, not converted": qualified, "neither": rest}
    return Bars(title, "leads", [row["cohort"] for row in rows], series, notes)


def by_band(title: str, report: Report, spread: Report) -> Bars:
    """The leads of each owner or stage (the first column), stacked by band from the lowest."""
    rows = records(report)[:BARS]
    series = {band: [row["bands"].get(band, 0) for row in rows] for band in bands_of(spread)}
    means = ["" if row["mean"] is None else f", mean {row['mean']:.1f}" for row in rows]
    notes = [f"{row['leads']:,}{mean}" for row, mean in zip(rows, means, strict=True)]
    return Bars(title, "leads", [str(row[report.columns[0]]) for row in rows], series, notes)


def outcomes(title: str, report: Report) -> Bars:
    """Of each action, what was requested and answered, requested and not, and withheld."""
    rows = records(report)[:BARS]
    series = {
        "answered": [row["answered"] for row in rows],
        "not answered yet": [row["requested"] - row["answered"] for row in rows],
        "withheld": [row["withheld"] for row in rows],
    }
    return Bars(title, "decisions", [row["action"] for row in rows], series)


def bands_of(distribution: Report) -> list[str]:
    """The bands of the report of distribution, from the lowest."""
    return [row["band"] for row in records(distribution) if row["band"] != "all"]


def records(report: Report) -> Sequence[dict[str, Any]]:
    return [dict(zip(report.columns, row, strict=True)) for row in report.rows]
