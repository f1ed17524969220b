"""Short ways of asking what a preset makes of signals."""

from functools import cache
from importlib import resources
from typing import Any

from leadstream.models import load_catalog
from leadstream.scoring.compiled.model import CompiledModel
from tests.scoring.folding import T0, Log, Result, run

PRICING = {"url": "https://acme.test/pricing"}


@cache
def preset(name: str) -> CompiledModel:
    return load_catalog(name).default


def preset_text(name: str) -> str:
    """The rule file as it is shipped."""
    return (resources.files("leadstream.models") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


def replayed(name: str, log: Log, **options: Any) -> Result:
    return run(log, preset(name), **options)


def total(name: str, log: Log) -> float:
    """The lead's total at the last record."""
    return replayed(name, log).snapshot().total


def alone(name: str, kind: str, data: dict[str, Any] | None = None) -> float:
    """What a single signal is worth at the moment it comes, 0 if it doesn't count."""
    return total(name, Log().add(kind, T0, data=data or {}))


def fit_of(name: str, **facts: Any) -> float:
    """What these facts alone are worth."""
    return alone(name, "lead.created", facts)


def set_to(log: Log, now: int, value: float, lead: str | None = None) -> Log:
    """Sets a total by hand."""
    return log.add("score.bumped", now, lead=lead, data={"set": value, "by": "ann", "why": "test"})


def totals(result: Result) -> list[float]:
    """The total after each signal."""
    return [entry.after for entry in result.history]


def moments(result: Result, kind: str) -> list[tuple[str, str, str]]:
    """Of the changes of band or stage: (at, from, to); of crossings (at, level, direction)."""
    if kind == "threshold":
        return [
            (one["at"], f"{one['threshold']:g}", one["direction"])
            for one in result.of_type("lead.threshold.crossed")
        ]
    records = result.of_type(f"lead.{kind}.changed")
    return [(one["at"], one.get(f"previous_{kind}", ""), one.get(kind, "")) for one in records]
