"""What a lead keeps of models that no longer score it, by name, for a later one that has the name."""

from typing import TypeVar

import msgspec

Name = TypeVar("Name", str, float)

MAX_PARKED = 64
"""Entries of each kind; beyond it those of the oldest instant go."""


class ParkedMass(msgspec.Struct, array_like=True, gc=False):
    """An accumulator of a factor, under a kernel. Instants are epoch milliseconds."""

    factor: str
    kernel: tuple[str, int, float, bool, float, tuple[tuple[int, float], ...]]
    """Kind, half-life, per cent, linear, floor, ages, as `scoring.kernels` has them."""
    mass: float
    ref: int
    count: int
    place: int
    last: int | None = None
    buckets: bytes = b""


class Parked(msgspec.Struct, array_like=True, gc=False):
    """All that is kept by name."""

    masses: list[ParkedMass] = []
    channels: list[str] = []
    """Suppressed channels. None of them is ever dropped."""
    requested: dict[str, int] = {}
    """By action: when it was last requested."""
    crossed: dict[float, int] = {}
    """By the level of a threshold with a cool-down: when it last asked for its actions."""

    def is_empty(self) -> bool:
        return not (self.masses or self.channels or self.requested or self.crossed)

    def bound(self) -> None:
        """Lets the oldest go where there are more than `MAX_PARKED`."""
        self.masses = sorted(self.masses, key=lambda one: -one.ref)[:MAX_PARKED]
        self.requested = newest(self.requested)
        self.crossed = newest(self.crossed)


def newest(instants: dict[Name, int]) -> dict[Name, int]:
    """The last `MAX_PARKED` of them, the newest first."""
    return dict(sorted(instants.items(), key=lambda one: -one[1])[:MAX_PARKED])
