"""Workers and projectors that die, stand still, come and go."""

import signal
from contextlib import ExitStack
from typing import Any

from leadstream.devstack import Postgres
from tests.chaos.faults import Times
from tests.chaos.scene import RESTART_SECONDS, Kept, Scene

FREEZE = (0.5, 15.0)
"""Seconds that a worker stands still: within and beyond the session's and the transaction's timeout."""
GUESTS = 3
TURN = 2.0
"""Seconds between a worker that joins and one that leaves."""
BEFORE = 3.0
"""Seconds of quiet before the first fault."""


def kill_workers(scene: Scene, _broker: Any, times: Times) -> None:
    """SIGKILL to a worker, again and again."""
    blows(scene, times, lambda: kill_one(scene, scene.workers))


def kill_projector(scene: Scene, _broker: Any, times: Times) -> None:
    """SIGKILL to the projector, again and again."""
    blows(scene, times, lambda: kill_one(scene, [scene.projecting]))


def freeze_workers(scene: Scene, _broker: Any, times: Times) -> None:
    """SIGSTOP to one worker after the other, SIGCONT a while later."""

    def freeze() -> None:
        longest = min(FREEZE[1], times.seconds / times.strikes - 1)
        role = scene.random.choice(scene.workers).role
        role.stall()
        scene.wait(scene.random.uniform(FREEZE[0], longest))
        role.wake()
        scene.struck()

    blows(scene, times, freeze)


def revoked(scene: Scene) -> int:
    """How often partitions were taken from the first worker."""
    return scene.workers[0].role.log.count("partitions revoked")


def rebalance(scene: Scene, _broker: Any, times: Times) -> None:
    """More workers join and leave in order: every two seconds one of three changes its mind."""
    guests = [scene.worker(f"guest-{number}") for number in range(GUESTS)]
    scene.wait(BEFORE)
    with ExitStack() as stack:
        for guest in guests:
            stack.callback(guest.kill)
        for turn in range(times.strikes):
            guest = guests[turn % GUESTS]
            if guest.runs:
                guest.terminate()
            else:
                guest.start()
            scene.struck()
            scene.wait(TURN)
        # Where processes start slowly the last guests have not joined yet.
        scene.until(lambda: revoked(scene) >= times.strikes // 3, "a storm of rebalances", 60)
        for guest in guests:
            guest.terminate()
        scene.until(lambda: not any(guest.runs for guest in guests), "the guests leave", 30)
        # Before they have got as far as to listen to signals, it is one that ends them.
        assert {guest.exit_code for guest in guests} <= {0, -signal.SIGTERM}


def stop_postgres(scene: Scene, _broker: Any, times: Times) -> None:
    """PostgreSQL is away for most of the time."""
    scene.wait(BEFORE)
    for _ in range(times.strikes):
        scene.postgres.stop()
        scene.wait((times.seconds - BEFORE) / times.strikes)
        scene.postgres.start()
        scene.struck()


def storm(scene: Scene, _broker: Any, times: Times) -> None:
    """Workers, the projector and PostgreSQL die, some in order, at moments that the seed decides."""
    due: list[Any] = [(scene.workers, 9), ([scene.projecting], 9), (None, 2)]
    kinds, weights = zip(*due, strict=True)

    def blow() -> None:
        kind = scene.random.choices(kinds, weights)[0]
        if kind is None:
            kill_postgres(scene, scene.postgres)
        elif scene.random.random() < 0.7:
            kill_one(scene, kind)
        else:
            kept = running(scene, kind)
            kept.role.terminate()
            scene.until(lambda: not kept.role.runs, "it drains", 15)
            assert kept.role.exit_code in (0, -signal.SIGTERM)
            scene.struck()

    blows(scene, times, blow)


def kill_postgres(scene: Scene, server: Postgres) -> None:
    server.kill()
    server.start()
    scene.struck()


def kill_one(scene: Scene, roles: list[Kept]) -> None:
    """SIGKILL to one that runs."""
    running(scene, roles).role.kill()
    scene.struck()


def running(scene: Scene, roles: list[Kept]) -> Kept:
    """One of them that runs."""
    scene.until(lambda: any(kept.role.runs for kept in roles), "one of them runs", 3 * RESTART_SECONDS)
    return scene.random.choice([kept for kept in roles if kept.role.runs])


def blows(scene: Scene, times: Times, blow: Any) -> None:
    """Strikes so many times, at moments that the seed decides, in the time that there is."""
    span = times.seconds - BEFORE
    moments = sorted(scene.random.uniform(0, span) for _ in range(times.strikes))
    scene.wait(BEFORE)
    for before, moment in zip([0.0, *moments], moments, strict=False):
        scene.wait(max(0.0, moment - before))
        blow()
