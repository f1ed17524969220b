"""`exponential`: a contribution halves with each half-life."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp2, inf
from typing import Any

from leadstream.scoring.kernels.by_age import ByAge
from leadstream.scoring.kernels.course import Part
from leadstream.scoring.kernels.kernel import Bucket, Kernel, Outlook, Parameters, refuse_period
from leadstream.scoring.kernels.none import NoDecay


@dataclass(frozen=True, slots=True)
class Exponential(ByAge):
    """`2 ** (-elapsed / half_life)`.

    Most signals of most models fade so, and memoryless kernels need no buckets: `CompiledModel.scales` has
    their half-lives, and `decay/accumulate.py`, `decay/due.py`, `decay/totals.py`, `lead/fit.py` and
    `projection/bounds.py` compute with those instead of calling this, for speed.
    """

    half_life: int

    kind = "exponential"
    key = "half_life"
    example = "7d"
    memoryless = True

    def __post_init__(self) -> None:
        refuse_period(self.kind, self.half_life)

    @classmethod
    def of_rule(cls, value: Any) -> Kernel:
        """`half_life: none` is no decay."""
        return cls(value) if value else NoDecay()

    @classmethod
    def of_record(cls, half_life: int, parameters: Parameters) -> "Exponential":
        return cls(half_life)

    def left(self, elapsed: int) -> float:
        return float(2.0 ** (-elapsed / self.half_life))

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
        half_life = self.half_life
        present = points * mass * exp2((ref - start) / half_life)
        for at, one_mass in buckets:
            present += points * one_mass * exp2((at - start) / half_life)
        if present:
            part.fading[half_life] = part.fading.get(half_life, 0.0) + present
        return inf

    def outlook(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        at: int,
    ) -> Outlook:
        least, most, _, _ = ByAge.outlook(self, points, mass, ref, buckets, active_at, at)
        return Outlook(least, most, half_life=self.half_life)

    def settled(self, mass: float, ref: int, bucket: Bucket) -> tuple[float, int]:
        return self.added((mass, ref), (bucket[1], bucket[0]))

    def joined(self, first: Bucket, second: Bucket) -> Bucket:
        """With what is left of both at the time of the newer."""
        return second[0], first[1] * self.left(second[0] - first[0]) + second[1]

    def words(self, span: Callable[[int], str]) -> str:
        return span(self.half_life)


def decayed(value: float, half_life: float, elapsed: float) -> float:
    """The value `elapsed` milliseconds (>= 0) later; a half-life of 0 stands for no decay."""
    return value * float(2.0 ** (-elapsed / half_life)) if half_life else value
