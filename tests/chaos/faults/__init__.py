"""What is done to an installation, and to the signals that it gets."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from tests.chaos.scene import Scene
from tests.support.log import Sent

Stage = Literal["one", "proxied", "small disk", "three"]
"""One broker; the same with a proxy before it; one on a small disk; three that replicate."""


@dataclass(frozen=True)
class Times:
    """How long signals flow, in seconds, and how often it strikes."""

    seconds: float
    strikes: int


@dataclass(frozen=True)
class Fault:
    """A row of the matrix. `strike(scene, broker, times)` does it while signals flow, `spoil` does it to the
    signals before. What has no `short` is left out of the shortened matrix."""

    name: str
    full: Times
    short: Times | None = None
    strike: Callable[[Scene, Any, Times], None] | None = None
    spoil: Callable[[list[Sent], Random], list[Sent]] | None = None
    stage: Stage = "one"
