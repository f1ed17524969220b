"""What kernels have in common by which a signal fades by its own age alone."""

from abc import abstractmethod
from collections.abc import Iterable

from leadstream.scoring.kernels.kernel import Bucket, Named, Outlook


class ByAge(Named):
    """A kernel that `left` describes: what is left of a mass of one."""

    @abstractmethod
    def left(self, elapsed: int) -> float:
        """What is left of a mass of one after `elapsed` ms (>= 0): 1 at 0, and never more later."""

    def worth(
        self,
        points: float,
        mass: float,
        ref: int,
        buckets: Iterable[Bucket],
        active_at: int | None,
        t: int,
    ) -> float:
        left = self.left
        whole = mass * left(t - ref)
        for at, one_mass in buckets:
            whole += one_mass * left(t - at)
        return points * whole

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
        for since, one_mass in ((ref, mass), *buckets):
            worth = points * one_mass * self.left(max(0, at - since))
            if worth > 0.0:
                most += worth
            else:
                least += worth
        return Outlook(least, most)

    def added(self, first: tuple[float, int], second: tuple[float, int]) -> tuple[float, int]:
        if first[1] < second[1]:
            first, second = second, first
        return first[0] + second[0] * self.left(first[1] - second[1]), first[1]
