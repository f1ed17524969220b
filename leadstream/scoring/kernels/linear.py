"""`linear`: a contribution falls evenly, to nothing at the end of a period."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from leadstream.scoring.kernels.by_age import ByAge
from leadstream.scoring.kernels.course import Part
from leadstream.scoring.kernels.kernel import Bucket, Parameters, refuse_period


@dataclass(frozen=True, slots=True)
class Linear(ByAge):
    """`1 - elapsed / half_life`, down to nothing: `half_life` is the whole period.

    A sum of such signals is bent where each of them ends, so they are kept apart; one past its end counts
    nothing.
    """

    half_life: int

    kind = "linear"
    key = "linear"
    example = "30d"
    bucketed = True

    def __post_init__(self) -> None:
        refuse_period(self.kind, self.half_life)

    @classmethod
    def of_rule(cls, value: Any) -> "Linear":
        return cls(value)

    @classmethod
    def of_record(cls, half_life: int, parameters: Parameters) -> "Linear":
        return cls(half_life)

    @property
    def oldest(self) -> int:
        return self.half_life

    def left(self, elapsed: int) -> float:
        return max(0.0, 1.0 - elapsed / self.half_life)

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
        period, end = self.half_life, inf
        for at, one_mass in ((ref, mass), *buckets) if mass else buckets:
            age = start - at
            if age < period:
                value = points * one_mass
                part.constant += value * (1.0 - age / period)
                part.slope -= value / period
                end = min(end, at + period)
        return end

    def settled(self, mass: float, ref: int, bucket: Bucket) -> tuple[float, int]:
        return mass, ref

    def words(self, span: Callable[[int], str]) -> str:
        return f"to 0 in {span(self.half_life)}"
