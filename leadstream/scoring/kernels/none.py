"""`none`: a contribution does not fade."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from leadstream.scoring.kernels.by_age import ByAge
from leadstream.scoring.kernels.kernel import Bucket, Parameters


@dataclass(frozen=True, slots=True)
class NoDecay(ByAge):
    """1 at any age."""

    half_life: int = 0

    kind = "none"
    memoryless = True
    pooled = True

    def __post_init__(self) -> None:
        if self.half_life:
            raise ValueError(f"a kernel none can't have a half-life of {self.half_life} ms")

    @classmethod
    def of_rule(cls, value: Any) -> "NoDecay":
        return cls()

    @classmethod
    def of_record(cls, half_life: int, parameters: Parameters) -> "NoDecay":
        return cls(half_life)

    def left(self, elapsed: int) -> float:
        return 1.0

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
        return points * mass

    def words(self, span: Callable[[int], str]) -> str:
        return ""
