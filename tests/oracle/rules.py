"""The rule file, read a second time and plainly."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.oracle.conditions import chosen, holds
from tests.oracle.kernels import Ages, Kernel
from tests.oracle.mail import Policy

DAY = 86_400_000
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY, "w": 7 * DAY}
TOLERANCE = Decimal("1e-9")


def duration(text: str) -> int:
    """Milliseconds; 0 for `none`."""
    if text == "none":
        return 0
    digits = text.rstrip("smhdw")
    return int(digits) * UNITS[text[len(digits) :]]


def exact(number: float) -> Decimal:
    return Decimal(str(number))


def listed(value: Any) -> list[Any]:
    """A list, also of what may be written without one."""
    return value if isinstance(value, list) else [value]


@dataclass(frozen=True)
class Level:
    at: Decimal
    hysteresis: Decimal
    fires_on: set[str]
    """Causes of a crossing upwards for which it asks for its actions."""
    cooldown: int


@dataclass(frozen=True)
class Match:
    """A rule that scores a signal."""

    rule: dict[str, Any]
    factor: str
    points: Decimal


INTERNAL = ("internal", "crm", "sales", "segments", "lifecycle", "workflows")
Ladder = list[tuple[Decimal, Decimal]]
"""Of each band or stage where it begins, and its hysteresis."""


class Rules:
    """A rule file as a dictionary, with what the oracle asks of it."""

    def __init__(
        self, file: dict[str, Any], half_life: str | None = None, timezone: str | None = None
    ) -> None:
        """`half_life` and `timezone` are a tenant's own."""
        self.file = file
        self.half_life = duration(half_life or file["half_life"])
        self.timezone = timezone
        self.consent_required = file.get("consent") == "required"
        self.thresholds = [
            Level(
                exact(one["at"]),
                exact(one.get("hysteresis", 0)),
                {"signal"} | {cause for cause in ("recovery", "merge") if one.get(f"on_{cause}") == "fire"},
                duration(one.get("cooldown", "none")),
            )
            for one in file.get("thresholds", [])
        ]
        self.bands = [band["name"] for band in file["bands"]]
        self.band_ladder = self.ladder(file["bands"])
        stages = file.get("stages", [])
        self.stages = [stage["name"] for stage in stages]
        self.stage_ladder = self.ladder([stage for stage in stages if "from" in stage])
        """Empty if the stages go by the rules that score."""
        self.internal = {*INTERNAL, *[one.casefold() for one in file.get("internal_channels", [])]}
        self.channels = {"all", "email"}
        """Those that the file speaks of, in small letters."""
        for one in [*file["rules"], *file.get("actions", [])]:
            if "channel" in one:
                self.channels.add(str(one["channel"]).casefold())
        self.bounces = policy_of(file.get("bounces", {}))
        self.categories: dict[str, dict[str, Any]] = file.get("categories") or file.get("dimensions") or {}
        self.inactivity = [one for one in file.get("timers", []) if "inactivity" in one]
        self.absence = [one for one in file.get("timers", []) if "absence" in one]

    def ladder(self, steps: list[dict[str, Any]]) -> Ladder:
        """A hysteresis not given is that of the highest threshold over the lower start, up to this one."""
        found: Ladder = []
        for step in steps:
            start, own = exact(step["from"]), step.get("hysteresis")
            inside = [one for one in self.thresholds if found and found[-1][0] < one.at <= start]
            highest = max(inside, key=lambda one: one.at, default=None)
            given = Decimal(0) if highest is None else highest.hysteresis
            found.append((start, given if own is None else exact(own)))
        return found

    def band(self, total: Decimal, present: int) -> int:
        return place(self.band_ladder, total, present)

    def stage(self, total: Decimal, present: int) -> int:
        return place(self.stage_ladder, total, present)

    def withheld_by(self, action: dict[str, Any]) -> set[str]:
        """The suppressions that withhold an action: of its channel, and of all outreach if it is any."""
        channel = str(action.get("channel") or "internal").casefold()
        own = {channel} if "channel" in action else set()
        return own if channel in self.internal else own | {"all"}

    def caps(self, category: str | None) -> tuple[Decimal, Decimal] | None:
        """Between which sums a category counts; None if it has no cap."""
        found = self.categories.get(category or "", {})
        if "cap" not in found:
            return None
        cap = exact(found["cap"])
        return (-cap, Decimal(0)) if found.get("sign") == "negative" else (Decimal(0), cap)

    def kernel(self, rule: dict[str, Any]) -> Kernel:
        """The rule's decay, else its category's, else the half-life of the tenant or of the model."""
        decay = rule.get("decay") or self.categories.get(rule.get("category", ""), {}).get("decay")
        return self.kernel_of(decay)

    def kernel_of(self, decay: Any) -> Kernel:
        if decay is None:
            return Kernel("exponential", self.half_life) if self.half_life else Kernel("none")
        if decay == "none":
            return Kernel("none")
        if "half_life" in decay:
            half_life = duration(decay["half_life"])
            return Kernel("exponential", half_life) if half_life else Kernel("none")
        if "linear" in decay:
            return Kernel("linear", duration(decay["linear"]))
        step = decay["inactivity_step"]
        return Kernel(
            "inactivity_step",
            duration(step["every"]),
            exact(step["percent"]) / 100,
            step.get("variant", "compounding") == "compounding",
            exact(step.get("floor", 0)),
        )

    def ages(self, rule: dict[str, Any]) -> Ages:
        """The age table of a rule: (to, factor), the last `to` None."""
        steps = rule.get("recency") or [{"factor": 1}]
        return tuple((duration(one["to"]) if "to" in one else None, exact(one["factor"])) for one in steps)

    def actions(self, trigger: str) -> list[dict[str, Any]]:
        """The actions that wait for a trigger, in the order of the file."""
        return [one for one in self.file.get("actions", []) if trigger_of(one) == trigger]

    def match(self, rule: dict[str, Any], signal: dict[str, Any]) -> Match | None:
        """The points that a rule has for a signal by its types, conditions and `by` alone."""
        if not applies(rule, signal):
            return None
        if "by" in rule:
            value = chosen(rule["by"], signal)
            if value is None:
                return None
            return Match(rule, f"{rule['id']}:{value}", exact(rule["by"]["points"][value]))
        if "points" in rule:
            return Match(rule, rule["id"], exact(rule["points"]))
        return None


def applies(rule: dict[str, Any], signal: dict[str, Any]) -> bool:
    return signal["type"] in listed(rule["on"]) and holds(rule.get("when", {}), signal)


def place(ladder: Ladder, total: Decimal, present: int) -> int:
    """Up to wherever the total reaches; else down from step to step as far as each lets go."""
    reached = max([0] + [index for index, (start, _) in enumerate(ladder) if total >= start - TOLERANCE])
    if reached >= present:
        return reached
    while present and total < ladder[present][0] - ladder[present][1] - TOLERANCE:
        present -= 1
    return present


def policy_of(bounces: dict[str, Any]) -> Policy:
    soft = bounces.get("soft", "7d")
    if soft == "ignore":
        return Policy(0, 0, 0)
    if soft == "forever":
        return Policy(0, 1, 1)
    return Policy(duration(soft), bounces.get("limit", 3), duration(bounces.get("within", "30d")))


def trigger_of(action: dict[str, Any]) -> str:
    """What an action waits for, as records name it."""
    if "at" in action:
        return f"threshold:{float(action['at'])!r}"
    (kind,) = [name for name in action["when"] if name != "was"]
    return f"{kind}:{action['when'][kind]}"
