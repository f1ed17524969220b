"""What a soak measures: the columns of its table, its CSV and its plot, and how much each may grow."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.verdict import Verdict, judge

MEGABYTE = 1_048_576


@dataclass(frozen=True)
class Measure:
    """A quantity that should stay flat: over the judged time it may grow by `share` of its level, or by
    `least` if that is more."""

    name: str
    unit: str
    share: float
    least: float


# Shares: what the same thing differs by from one quiet run to the next. Handles and threads are counted.
MEASURES = (
    Measure("worker_rss", "MB", 0.05, 8),
    Measure("worker_handles", "", 0, 2),
    Measure("worker_threads", "", 0, 1),
    Measure("worker_tasks", "", 0, 3),
    Measure("projector_rss", "MB", 0.05, 8),
    Measure("projector_handles", "", 0, 2),
    Measure("projector_threads", "", 0, 1),
    Measure("projector_tasks", "", 0, 3),
    Measure("latency_p50", "ms", 0.5, 10),
    Measure("latency_max", "ms", 0.5, 50),
    Measure("worker_lag", "records", 0.5, 500),
    Measure("projector_lag", "records", 0.5, 500),
    Measure("kafka_changelog", "MB", 0.25, 16),
    Measure("kafka_scores", "MB", 0.25, 16),
    Measure("postgres_state", "MB", 0.25, 16),
    Measure("postgres_connections", "", 0, 2),
)
LOGS = {"kafka_logs": "MB", "postgres_logs": "MB", "signals": ""}
"""Measured and not judged: the log, the history and what was asked for grow with each signal, by design."""


@dataclass
class Samples:
    """Rows of values by name at times in seconds since the begin, each written to the CSV at once."""

    path: Path
    times: list[float] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = {name: [] for name in (*(measure.name for measure in MEASURES), *LOGS)}
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerow(["seconds", *self.values])

    def add(self, at: float, row: dict[str, float]) -> None:
        """One more sample; it must have every value."""
        self.times.append(at)
        for name, values in self.values.items():
            values.append(row[name])
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow([f"{at:.1f}", *(f"{row[name]:.6g}" for name in self.values)])

    def verdicts(self) -> dict[str, Verdict]:
        """What became of each measure."""
        return {
            one.name: judge(self.times, self.values[one.name], share=one.share, least=one.least)
            for one in MEASURES
        }


def told(samples: Samples, verdicts: dict[str, Verdict]) -> list[str]:
    """The table at the end of a soak, as lines of Markdown."""
    lines = ["| measure | level | growth while judged | allowed | verdict |", "|---|---|---|---|---|"]
    for measure in MEASURES:
        one = verdicts[measure.name]
        unit = f" {measure.unit}" if measure.unit else ""
        numbers = f"{one.level:,.1f}{unit} | {one.growth:+,.1f} | {one.allowed:,.1f}"
        lines.append(f"| {measure.name} | {numbers} | {one.outcome} |")
    return [*lines, *_logs(samples)]


def _logs(samples: Samples) -> Sequence[str]:
    signals = samples.values["signals"]
    if len(signals) < 2 or signals[-1] == signals[0]:
        return []
    counted = signals[-1] - signals[0]
    grown = {
        name: (samples.values[name][-1] - samples.values[name][0]) * MEGABYTE / counted
        for name, unit in LOGS.items()
        if unit
    }
    each = ", ".join(f"{name} {size:,.0f}" for name, size in grown.items())
    return ["", f"{counted:,.0f} signals; bytes for each, kept by design: {each}"]
