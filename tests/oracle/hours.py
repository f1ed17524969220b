"""When there is somebody, minute by minute."""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

MINUTE = 60_000
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def zone_of(*names: Any) -> str:
    """The first of the names that the time-zone database knows; else UTC."""
    for name in names:
        if isinstance(name, str):
            try:
                ZoneInfo(name)
            except (ValueError, OSError, KeyError):
                continue
            return name
    return "UTC"


def is_open(hours: dict[str, Any], zone: str, at: int) -> bool:
    return open_in(json.dumps(hours), zone, at // MINUTE)


def next_opening(hours: dict[str, Any], zone: str, at: int) -> int:
    """The first instant after `at` that is open; `at` is not."""
    minute = at // MINUTE + 1
    while not open_in(json.dumps(hours), zone, minute):
        minute += 1
    return minute * MINUTE


@lru_cache(maxsize=500_000)
def open_in(hours: str, zone: str, minute: int) -> bool:
    """Whether it is open in a minute since 1970."""
    plan = json.loads(hours)
    local = datetime.fromtimestamp(minute * 60, UTC).astimezone(ZoneInfo(zone))
    day = DAYS[local.weekday()]
    if day not in plan.get("days", DAYS[:5]) or local.date().isoformat() in plan.get("holidays", []):
        return False
    clock = f"{local.hour:02}:{local.minute:02}"
    return bool(plan.get("from", "09:00") <= clock < plan.get("to", "18:00"))
