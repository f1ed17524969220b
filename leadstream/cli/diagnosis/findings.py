"""What a check comes to."""

import time
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "problem"]
RECENT_MS = 86_400_000
"""What is older than a day is history, not news."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result in one line; a note or problem has a remedy."""

    area: str
    level: Level
    text: str
    remedy: str = ""


def wall_clock() -> int:
    """This machine's time in epoch milliseconds."""
    return int(time.time() * 1000)


def age(ms: int) -> str:
    """How long ago an instant was, in the largest unit that fits."""
    seconds = max(0, wall_clock() - ms) // 1000
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
