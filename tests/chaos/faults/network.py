"""Connections between workers and broker that break, go silent and are slow."""

from tests.chaos.faults import Times
from tests.chaos.faults.processes import BEFORE, blows
from tests.chaos.proxy import Proxy
from tests.chaos.scene import Scene

SILENCE = 12.0
"""Seconds: longer than the timeouts of session and transaction."""
DELAY = 0.1
RATE = 200_000.0
"""Bytes a second of one connection, each way."""


def cut(scene: Scene, proxy: Proxy, times: Times) -> None:
    """All connections are reset, again and again."""

    def blow() -> None:
        proxy.cut()
        scene.struck()

    blows(scene, times, blow)
    assert proxy.cuts > times.strikes, "hardly anything was connected"


def silence(scene: Scene, proxy: Proxy, times: Times) -> None:
    """Nothing passes any more although all connections stand; in the end they are reset."""
    scene.wait(BEFORE)
    for _ in range(times.strikes):
        proxy.silence()
        scene.wait(min(SILENCE, times.seconds - BEFORE))
        proxy.cut()
        proxy.speak()
        scene.struck()
        scene.wait(max(0.0, (times.seconds - BEFORE) / times.strikes - SILENCE))


def slow(scene: Scene, proxy: Proxy, times: Times) -> None:
    """Everything is slow for most of the time."""
    scene.wait(BEFORE)
    for _ in range(times.strikes):
        proxy.delay, proxy.rate = DELAY, RATE
        scene.wait((times.seconds - BEFORE) / times.strikes - 1)
        proxy.delay, proxy.rate = 0.0, float("inf")
        scene.struck()
        scene.wait(1)
