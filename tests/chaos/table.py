"""The rows of the matrix as a table."""

from collections.abc import Sequence

from tests.chaos.matrix import Row

COLUMNS = (
    "fault", "strikes", "signals", "lost", "doubled", "wrong", "first commit", "all partitions",
    "longest stall", "ended with",
)  # fmt: skip
ALIGNED = ["---", *["--:"] * 8, "---"]


def markdown(rows: Sequence[Row]) -> str:
    """A table in Markdown; times in seconds."""
    return "\n".join([f"| {' | '.join(COLUMNS)} |", f"|{'|'.join(ALIGNED)}|", *map(line, rows)])


def line(row: Row) -> str:
    cells = [
        row.fault, row.strikes, f"{row.signals:,}", row.lost, row.doubled, row.wrong,
        seconds(row.first), seconds(row.all), seconds(row.stall),
        ", ".join(f"{code} ({count} times)" for code, count in sorted(row.exits.items())),
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
