"""The rule file, read a second time and plainly."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

DAY = 86_400_000
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY, "w": 7 * DAY}


def duration(text: str) -> int:
    if text == "none":
        return 0
    digits = text.rstrip("smhdw")
    return int(digits) * UNITS[text[len(digits) :]]


@dataclass
class Level:
    at: Decimal
    hysteresis: Decimal
    fire_on_recovery: bool


class Rules:
    """A rule file as a dictionary, with what the oracle asks of it."""

    def __init__(self, file: dict[str, Any]) -> None:
        self.file = file
        self.half_life = duration(file["half_life"])
        self.thresholds = [
            Level(
                Decimal(str(one["at"])),
                Decimal(str(one.get("hysteresis", 0))),
                one.get("on_recovery") == "fire",
            )
            for one in file.get("thresholds", [])
        ]
        self.bands = [band["name"] for band in file["bands"]]
        self.band_starts = [Decimal(str(band["from"])) for band in file["bands"]]
        self.duration = duration

    @property
    def label(self) -> str:
        return f"{self.file['name']}/{self.file['version']}"

    def band(self, total: Decimal) -> int:
        return max([0] + [i for i, start in enumerate(self.band_starts) if total >= start - Decimal("1e-9")])

    def actions(self, threshold: int) -> list[dict[str, Any]]:
        at = self.thresholds[threshold].at
        return [one for one in self.file.get("actions", []) if Decimal(str(one["at"])) == at]

    def half_life_of(self, rule: dict[str, Any]) -> int:
        decay = rule.get("decay")
        if decay is None:
            return self.half_life
        return 0 if decay == "none" else duration(decay["half_life"])

    def matching(self, signal: dict[str, Any]) -> list[tuple[dict[str, Any], str, Decimal]]:
        """Rules that score the signal: (rule, factor, points of one occurrence)."""
        found = []
        for rule in self.file["rules"]:
            if not applies(rule, signal):
                continue
            if "by" in rule:
                value = chosen(rule["by"], signal)
                if value is not None:
                    found.append((rule, f"{rule['id']}:{value}", Decimal(str(rule["by"]["points"][value]))))
            elif "points" in rule:
                found.append((rule, rule["id"], Decimal(str(rule["points"]))))
        return found

    def effects(self, signal: dict[str, Any]) -> tuple[bool, list[str]]:
        """Whether the signal resets the score, and the channels that its rules suppress."""
        reset, channels = False, []
        for rule in self.file["rules"]:
            effect = rule.get("effect", [])
            effects = [effect] if isinstance(effect, str) else effect
            if applies(rule, signal):
                reset = reset or "reset" in effects
                if "suppress" in effects:
                    channels.append(rule.get("channel", "all"))
        return reset, channels


def applies(rule: dict[str, Any], signal: dict[str, Any]) -> bool:
    types = [rule["on"]] if isinstance(rule["on"], str) else rule["on"]
    return signal["type"] in types and all(
        holds(condition, lookup(field, signal)) for field, condition in rule.get("when", {}).items()
    )


def lookup(field: str, signal: dict[str, Any]) -> Any:
    value: Any = signal
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def holds(condition: Any, value: Any) -> bool:
    if not isinstance(condition, dict):
        condition = {"eq": condition}
    for operator, wanted in condition.items():
        if operator == "eq" and not same(value, wanted):
            return False
        if operator == "in" and not any(same(value, one) for one in wanted):
            return False
        if operator == "exists" and (value is not None and value != "") != wanted:
            return False
        if operator == "url_path" and not has_segment(value, wanted):
            return False
    return True


def same(left: Any, right: Any) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def has_segment(url: Any, wanted: list[str]) -> bool:
    return isinstance(url, str) and any(part in wanted for part in urlsplit(url).path.split("/"))


def chosen(by: dict[str, Any], signal: dict[str, Any]) -> str | None:
    fields = [by["field"]] if isinstance(by["field"], str) else by["field"]
    value = next((one for one in (lookup(f, signal) for f in fields) if one is not None and one != ""), None)
    if isinstance(value, str) and value in by["points"]:
        return value
    default: str | None = by.get("default")
    return default
