"""`inactive`: points that count while an inactivity lasts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from leadstream.scoring.kernels.course import Part
from leadstream.scoring.kernels.kernel import Bucket, Named, Outlook, Parameters, refuse_period


@dataclass(frozen=True, slots=True)
class Inactive(Named):
    """1 from a `half_life` after the lead's last activity, which is `ref`, on; nothing before."""

    half_life: int

    kind = "inactive"
    spell = True

    def __post_init__(self) -> None:
        refuse_period(self.kind, self.half_life)

    @classmethod
    def of_rule(cls, value: Any) -> "Inactive":
        return cls(value)

    @classmethod
    def of_record(cls, half_life: int, parameters: Parameters) -> "Inactive":
        return cls(half_life)

    def worth(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        t: int,
    ) -> float:
        return points * mass if t - ref >= self.half_life else 0.0

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
        begins = ref + self.half_life
        part.constant += self.worth(points, mass, ref, buckets, active_at, start)
        return begins if begins > start else inf

    def outlook(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        at: int,
    ) -> Outlook:
        """Once it counts, it does until an activity."""
        worth = points * mass
        lasting = min(worth, 0.0) if at - ref >= self.half_life else 0.0
        return Outlook(min(worth, 0.0), max(worth, 0.0), lasting)

    def words(self, span: Callable[[int], str]) -> str:
        return f"idle {span(self.half_life)}"
