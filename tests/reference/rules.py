"""Scoring models for the reference: `TENX`, written out by hand from its description, and any other.

`rule_file` writes a model in the form that the engine reads, so both score by the same numbers.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

HOUR = 3_600_000
DAY = 24 * HOUR
NONE = 0
"""The half-life of what does not decay."""


@dataclass(frozen=True)
class Rule:
    """`when`: field -> condition; `by`: fields, points by value, default; `repeat`: factors, window."""

    id: str
    on: str
    points: Decimal | None = None
    when: dict[str, dict[str, Any]] | None = None
    by: tuple[tuple[str, ...], dict[str, Decimal], str | None] | None = None
    repeat: tuple[tuple[Decimal, ...], int] | None = None
    half_life: int | None = None
    reset: bool = False
    suppress: str | None = None


@dataclass(frozen=True)
class Threshold:
    at: Decimal
    hysteresis: Decimal = Decimal(0)
    on_recovery: str = "record"


@dataclass(frozen=True)
class Action:
    do: str
    at: Decimal
    channel: str
    needs_phone: bool = False
    dedupe: int = 0


@dataclass(frozen=True)
class Model:
    name: str
    half_life: int
    rules: tuple[Rule, ...]
    thresholds: tuple[Threshold, ...]
    bands: tuple[tuple[str, Decimal], ...]
    actions: tuple[Action, ...] = ()

    def hysteresis_of(self, band: int) -> Decimal:
        """ "by default that of the highest threshold in (lower bound of the band below, their own]" """
        if not band:
            return Decimal(0)
        below, own = self.bands[band - 1][1], self.bands[band][1]
        within = [one for one in self.thresholds if below < one.at <= own]
        return max(within, key=lambda one: one.at).hysteresis if within else Decimal(0)


def _points(**by_value: int) -> dict[str, Decimal]:
    return {value: Decimal(points) for value, points in by_value.items()}


TENX = Model(
    name="tenx",
    half_life=14 * DAY,
    rules=(
        Rule(
            "email.opened",
            on="email.opened",
            points=Decimal(2),
            repeat=(tuple(map(Decimal, ("1", "1", "1", "0.5", "0.25", "0"))), 30 * DAY),
        ),
        Rule(
            "email.replied",
            on="email.replied",
            by=(("data.sentiment",), _points(positive=25, neutral=10, negative=0), "neutral"),
        ),
        Rule(
            "page.high_intent",
            on="page.viewed",
            points=Decimal(10),
            when={"data.url": {"url_path": ["pricing", "demo", "integrations"]}},
        ),
        Rule(
            "form.submitted",
            on="form.submitted",
            by=(("data.channel", "source"), _points(organic=30, paid=20, other=20), "other"),
        ),
        Rule(
            "status.lead",
            on="status.changed",
            points=Decimal(40),
            when={"data.from": {"eq": "prospect"}, "data.to": {"eq": "lead"}},
        ),
        Rule("email.bounced", on="email.bounced", points=Decimal(-20), suppress="email"),
        Rule("email.unsubscribed", on="email.unsubscribed", reset=True, suppress="all"),
    ),
    thresholds=(Threshold(Decimal(50)), Threshold(Decimal(80))),
    bands=(("cold", Decimal(0)), ("warm", Decimal(50)), ("hot", Decimal(80))),
    actions=(
        Action("soft-nurture", Decimal(50), "email", dedupe=DAY),
        Action("voice-lead-qualifier", Decimal(80), "phone", needs_phone=True, dedupe=DAY),
    ),
)


def rule_file(model: Model) -> str:
    """The model as the YAML of a rule file (JSON is YAML)."""
    return json.dumps(
        {
            "name": model.name,
            "version": "1",
            "half_life": _duration(model.half_life),
            "rules": [_rule(rule) for rule in model.rules],
            "thresholds": [
                {"at": float(one.at), "hysteresis": float(one.hysteresis), "on_recovery": one.on_recovery}
                for one in model.thresholds
            ],
            "bands": [{"name": name, "from": float(lower)} for name, lower in model.bands],
            "actions": [
                {"do": one.do, "at": float(one.at), "channel": one.channel, "dedupe": _duration(one.dedupe)}
                | ({"requires": "phone"} if one.needs_phone else {})
                for one in model.actions
            ],
        }
    )


def _rule(rule: Rule) -> dict[str, Any]:
    written: dict[str, Any] = {"id": rule.id, "on": rule.on}
    if rule.when:
        written["when"] = rule.when
    if rule.points is not None:
        written["points"] = float(rule.points)
    if rule.by is not None:
        fields, points, default = rule.by
        written["by"] = {"field": list(fields), "points": {name: float(one) for name, one in points.items()}}
        if default is not None:
            written["by"]["default"] = default
    if rule.repeat is not None:
        factors, window = rule.repeat
        written["repeat"] = {"factors": [float(factor) for factor in factors], "within": _duration(window)}
    if rule.half_life is not None:
        written["decay"] = {"half_life": _duration(rule.half_life)}
    effects = ["reset"] * rule.reset + ["suppress"] * (rule.suppress is not None)
    if effects:
        written["effect"] = effects
    if rule.suppress is not None:
        written["channel"] = rule.suppress
    return written


def _duration(ms: int) -> str:
    return f"{ms}ms" if ms else "none"
