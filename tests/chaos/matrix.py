"""The matrix: which faults there are, and one of them played to its end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from leadstream.devstack import ApacheKafka, KafkaAddress, Postgres
from leadstream.devstack.processes import free_port
from tests.chaos.brokers.cluster import Cluster
from tests.chaos.brokers.small_disk import SmallDisk
from tests.chaos.faults import Fault, Stage, Times, brokers, network, processes, signals
from tests.chaos.meter import longest_stall, progress_after
from tests.chaos.proxy import Proxy
from tests.chaos.scene import Scene
from tests.support.load import generated

STORM = "workers, projector, PostgreSQL killed"
"""All that goes wrong with signals goes wrong, too."""
LEADS = 300
RATE = 300
"""Signals a second."""
# The cleaner looks for work twice a second, not every 15 s.
OVERRIDES = {"log.cleaner.backoff.ms": "500", "log.cleaner.threads": "1"}

FAULTS = [
    Fault("connections cut", Times(30, 12), Times(10, 3), network.cut, stage="proxied"),
    Fault("connections silent", Times(40, 2), Times(15, 1), network.silence, stage="proxied"),
    Fault("connections slow", Times(30, 1), None, network.slow, stage="proxied"),
    Fault("leader moved", Times(70, 3), Times(12, 1), brokers.move_leaders, stage="three"),
    Fault("broker's disk full", Times(40, 2), Times(14, 1), brokers.fill_disk, stage="small disk"),
    Fault("broker killed", Times(45, 3), Times(14, 1), brokers.kill_broker),
    Fault("changelog compacted", Times(30, 6), Times(12, 3), brokers.compact),
    Fault("workers killed", Times(150, 50), None, processes.kill_workers),
    Fault("workers stopped, continued", Times(50, 4), None, processes.freeze_workers),
    Fault("rebalance storm", Times(63, 30), Times(13, 5), processes.rebalance),
    Fault("projector killed", Times(50, 20), None, processes.kill_projector),
    Fault("PostgreSQL stopped", Times(63, 1), None, processes.stop_postgres),
    Fault("poison", Times(15, 0), None, spoil=signals.poison),
    Fault("duplicates", Times(15, 0), None, spoil=signals.repeat),
    Fault("shuffled, late", Times(15, 0), None, spoil=signals.shuffle),
    Fault("producer's clock jumps", Times(15, 0), None, spoil=signals.jump),
    Fault(STORM, Times(45, 20), Times(25, 12), processes.storm, signals.all_of_it),
]
"""Those with the same brokers stand together: they are started once."""


On = tuple[Any, KafkaAddress, KafkaAddress]
"""What a fault gets to break the brokers by, their address, and that for the workers."""


@dataclass(frozen=True)
class Row:
    """What a fault did. Times in seconds, None where nothing struck."""

    fault: str
    signals: int
    strikes: int
    lost: int
    doubled: int
    wrong: int
    refereed: int
    """Leads that the oracle judged."""
    first: float | None
    """From a strike to the first commit after it, the longest."""
    all: float | None
    """From a strike until each partition has committed something, the longest."""
    stall: float
    """The longest that a partition had signals to fold and committed nothing."""
    seconds: float
    exits: dict[int, int]
    """How processes ended during it, apart from those that were asked to at the end."""
    found: str
    """What is lost, doubled and wrong, in words."""
    errors: list[str]
    """What those said that ended with an exit code other than 0."""

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)


@contextmanager
def stage(kind: Stage, directory: Path) -> Iterator[On]:
    """Brokers of one kind, running."""
    if kind == "three":
        with Cluster(directory, OVERRIDES) as cluster:
            yield cluster, cluster.address, cluster.address
    elif kind == "small disk":
        with SmallDisk(directory, heap="512m", overrides=OVERRIDES) as disk:
            yield disk, disk.address, disk.address
    elif kind == "proxied":
        inner = free_port()
        with Proxy(inner) as proxy, proxied(directory, inner, proxy.port) as broker:
            through = KafkaAddress(f"127.0.0.1:{proxy.port}", transactions=True, create_time_only=False)
            yield proxy, broker.address, through
    else:
        with ApacheKafka(directory, heap="512m", overrides=OVERRIDES) as broker:
            yield broker, broker.address, broker.address


def proxied(directory: Path, inner: int, outer: int) -> ApacheKafka:
    """A broker with one more listener, which tells its clients to come through the proxy."""
    broker = ApacheKafka(directory, heap="512m")
    plain = broker.settings
    broker.overrides = {
        **OVERRIDES,
        "listeners": f"{plain['listeners']},PROXIED://127.0.0.1:{inner}",
        "advertised.listeners": f"{plain['advertised.listeners']},PROXIED://127.0.0.1:{outer}",
        "listener.security.protocol.map": f"{plain['listener.security.protocol.map']},PROXIED:PLAINTEXT",
    }
    return broker


def play(
    fault: Fault,
    times: Times,
    seed: int,
    folder: Path,
    on: On,
    postgres: Postgres,
    more: Callable[[Scene], None] = lambda scene: None,
) -> Row:
    """Signals flow, the fault strikes, everything must come to rest, and is judged. `more` looks at the scene
    after that."""
    begin = time.monotonic()
    broker, direct, through = on
    name = f"chaos-{time.time_ns():x}"
    records = generated(seed, LEADS, int(RATE * times.seconds), times.seconds)
    if fault.spoil is not None:
        records = fault.spoil(records, Random(seed))

    def strike(scene: Scene) -> None:
        if fault.strike is not None:
            fault.strike(scene, broker, times)

    with Scene(folder, direct, postgres, name=name, seed=seed, address=through) as scene:
        scene.under(records, times.seconds, strike)
        scene.settle()
        verdict = scene.judged()
        acknowledged = scene.load.acknowledged
        after = [
            progress
            for moment in scene.strikes
            if (progress := progress_after(scene.meter.advances, moment)) is not None
        ]
        more(scene)
    return Row(
        fault=fault.name,
        signals=len(acknowledged),
        strikes=len(scene.strikes),
        lost=len(verdict.lost),
        doubled=len(verdict.doubled),
        wrong=len(verdict.wrong),
        refereed=verdict.refereed,
        first=max((first for first, _ in after), default=None),
        all=max((last for _, last in after), default=None),
        stall=longest_stall(scene.meter.advances, acknowledged, scene.meter.began),
        seconds=time.monotonic() - begin,
        exits=dict(scene.exits),
        found="" if verdict.clean else str(verdict),
        errors=[error for kept in scene.roles for error in kept.errors],
    )
