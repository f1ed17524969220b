"""`inactivity_step`: a loss for each full interval without activity of the lead."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from leadstream.scoring.kernels.course import Part
from leadstream.scoring.kernels.kernel import (
    TOLERANCE,
    Bucket,
    Named,
    Outlook,
    Parameters,
    refuse_period,
)

NEGLIGIBLE = 1e-13
"""What is left of a value when no step takes any more of it, in points."""


@dataclass(frozen=True, slots=True)
class InactivityStep(Named):
    """Less by `percent` for each full `half_life` without activity, of what is left or, with `linear`, of
    what there was; `floor` points stay.

    The intervals are counted from the lead's last activity, or from `ref` if it had none. An activity locks
    in what they have taken, so one mass is enough.
    """

    half_life: int
    percent: float = 0.0
    linear: bool = False
    floor: float = 0.0
    parameters: Parameters = field(init=False, compare=False, repr=False)

    kind = "inactivity_step"
    key = "inactivity_step"
    example = "{percent: 5, every: 30d}"
    pooled = True
    locks = True

    def __post_init__(self) -> None:
        refuse_period(self.kind, self.half_life)
        if not 0.0 <= self.percent <= 100.0:
            raise ValueError(f"a kernel {self.kind} can't take {self.percent:g} per cent")
        if not 0.0 <= self.floor < inf:
            raise ValueError(f"a kernel {self.kind} can't have a floor of {self.floor:g} points")
        object.__setattr__(self, "parameters", Parameters(self.percent, self.linear, self.floor))

    @classmethod
    def of_rule(cls, value: Mapping[str, Any]) -> "InactivityStep":
        return cls(value["every"], value["percent"], value["variant"] == "linear", value["floor"])

    @classmethod
    def of_record(cls, half_life: int, parameters: Parameters) -> "InactivityStep":
        return cls(half_life, *parameters)

    def factor(self, anchor: int, ref: int, t: int) -> float:
        """What is left at `t` of what there was at `ref`, the last activity at `anchor`."""
        taken = max(0, (ref - anchor) // self.half_life)
        steps = max(0, (t - anchor) // self.half_life)
        loss = self.percent / 100.0
        if self.linear:
            left = 1.0 - loss * taken
            return max(0.0, 1.0 - loss * steps) / left if left > TOLERANCE else 0.0
        return float((1.0 - loss) ** (steps - taken))

    def worth(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        t: int,
    ) -> float:
        for _, one_mass in buckets:
            mass += one_mass
        whole = mass * points
        left = whole * self.factor(ref if active_at is None else active_at, ref, t)
        return max(left, min(self.floor, whole)) if self.floor else left

    def course(
        self,
        part: Part,
        points: float,
        mass: float,
        ref: int,
        buckets: Sequence[Bucket],
        active_at: int | None,
        start: int,
    ) -> float:
        present = self.worth(points, mass, ref, buckets, active_at, start)
        part.constant += present
        least = 0.0
        if self.floor:
            least = min(self.floor, self.worth(points, mass, ref, buckets, start, start))
        # Down at its floor, or at nothing, no step takes more.
        if abs(present) <= NEGLIGIBLE or (points >= 0 and present <= least):
            return inf
        anchor = ref if active_at is None else active_at
        steps = max(0, (start - anchor) // self.half_life)
        return anchor + (steps + 1) * self.half_life

    def outlook(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        at: int,
    ) -> Outlook:
        least = most = 0.0
        for _, one_mass in ((ref, mass), *buckets):
            if points * one_mass > 0.0:
                most += points * one_mass
            else:
                least += points * one_mass
        left = most * self.factor(ref if active_at is None else active_at, ref, max(at, ref))
        return Outlook(least, max(left, min(self.floor, most)))

    def locked(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Sequence[Bucket],
        active_at: int | None,
        at: int,
    ) -> float:
        if self.floor and points:
            whole = self.worth(points, mass, ref, buckets, at, at)
            if whole:
                return self.worth(points, mass, ref, buckets, active_at, at) / whole
        return self.factor(ref if active_at is None else active_at, ref, at)

    def words(self, span: Callable[[int], str]) -> str:
        return f"{self.percent:g}% an idle {span(self.half_life)}"
