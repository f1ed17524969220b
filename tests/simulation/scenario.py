"""A scenario: all that a run is told, from one seed. Each of its signals and faults can be left out."""

from dataclasses import dataclass, replace
from random import Random
from typing import Any

import msgspec

from leadstream.records.keys import lead_key, partition_of
from leadstream.records.step import Message
from tests.simulation.faults import ANSWERS, CRASHES, EVENTS, Fault, needs_projector
from tests.support.durations import DAY

ACTIVE_SECONDS = 16.0
"""Signals come and faults strike within this time; what follows is the recovery."""
START = 1_767_000_000_000
PACES = (1000, 3_600_000, 10_800_000)
"""Milliseconds of the log's time in one second of the run: that of the timeouts, an hour, three hours."""

_KINDS: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = (
    ("form.submitted", ({},)),
    ("form.submitted", ({},)),
    ("email.replied", ({},)),
    ("email.opened", ({},)),
    ("email.opened", ({},)),
    ("page.viewed", ({"url": "https://example.com/pricing"},)),
    ("page.viewed", ({"url": "https://example.com/"},)),
    ("status.changed", ({"from": "prospect", "to": "lead"},)),
    ("support.complained", ({},)),
    ("support.complained", ({},)),
    ("email.bounced", ({},)),
    ("email.unsubscribed", ({},)),
    ("email.resubscribed", ({},)),
    ("lead.updated", ({"phone": "+4930123456"}, {"phone": "call me"}, {"email": "lead@example.com"})),
    ("score.bumped", ({"points": 35, "by": "a", "why": "b"}, {"set": 49.5, "by": "a", "why": "b"})),
    ("score.bumped", ({"by": 1},)),
    ("unheard.of", ({},)),
)
_MALFORMED = (b"", b"{", b"\xff\xfe", b'{"id":"x"}', b"[]")
_COMPANIONS = {
    "abort": ("send: refused", "send: answer lost"),
    "group": ("send: slow", "commit: hangs", "commit: answer lost", "commit: late markers", "pack: late"),
}
"""What comes with a fault: nothing is aborted but what has failed, and a rebalance is worth most during a
step that is in doubt."""
_SELDOM = {"tick": 3, "close": 2, "restore": 2, "init": 2, "begin": 2, "seek": 2, "heartbeat": 2, "pack": 2}
_DRAWN = [
    kind
    for kind in (*CRASHES, *ANSWERS, *EVENTS)
    for _ in range(_SELDOM.get(kind.partition(":")[0].partition(".")[0], 1))
]
"""The kinds of faults that are drawn, those that seldom meet their request more often."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that a producer writes to a partition at `at` seconds; `flaws` are the points of INPUTS."""

    at: float
    partition: int
    message: Message
    flaws: tuple[str, ...] = ()

    def __str__(self) -> str:
        key, value, _ = self.message
        text = (value or b"").decode(errors="replace")
        return f"{self.at:7.3f} s  to partition {self.partition}: {key!r} {text} {' '.join(self.flaws)}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to whom in one run; `seed` decides the rest: who waits how long."""

    seed: int
    partitions: int
    workers: int
    pace: int
    projected: tuple[str, ...]
    """The kinds of outputs that a projector reads."""
    signals: tuple[Sent, ...]
    faults: tuple[Fault, ...]


def scenario(seed: int) -> Scenario:
    """The scenario of a seed."""
    random = Random(f"leadstream/{seed}")
    partitions = random.choice((1, 1, 1, 2, 2, 3))
    pace = random.choice(PACES)
    projected = random.sample(("scores", "history", "actions", "decisions"), random.choice((0, 0, 1, 2)))
    workers = random.choice((1, 2, 2, 3))
    signals = _signals(random, partitions, pace)
    faults = _faults(random, projected, [sent.at for sent in signals])
    return Scenario(seed, partitions, workers, pace, tuple(projected), tuple(signals), tuple(faults))


def _faults(random: Random, projected: list[str], busy: list[float]) -> list[Fault]:
    """Half of them strike when there is work, soon after a signal."""
    kinds = [kind for kind in _DRAWN if projected or not needs_projector(kind)]
    found: list[Fault] = []
    for _ in range(random.randrange(4, 13)):
        # Half of the scenarios have no projector: where there is one, more befalls it.
        kind = random.choice(kinds)
        if projected and random.random() < 0.2:
            kind = random.choice([kind for kind in kinds if needs_projector(kind)])
        at = random.random() * ACTIVE_SECONDS
        if random.random() < 0.5:
            at = min(random.choice(busy) + random.random() * 0.2, ACTIVE_SECONDS)
        fault = Fault(at, kind, random.random(), random.random())
        found.append(fault)
        companions = _COMPANIONS.get(kind.partition(":")[0], ())
        if companions:
            found.append(replace(fault, kind=random.choice(companions)))
    return sorted(found, key=lambda fault: fault.at)


def _signals(random: Random, partitions: int, pace: int) -> list[Sent]:
    leads = [f"l{number}" for number in range(random.randrange(1, 7))]
    # Bursts and pauses: packs of many records, and times in which only the clock moves the log.
    moments = [random.random() * ACTIVE_SECONDS for _ in range(random.randrange(3, 16))]
    found: list[Sent] = []
    for number in range(random.randrange(12, 41)):
        at = random.choice(moments) + random.choice((0.0, 0.0, 0.02, 0.1))
        if found and random.random() < 0.06:
            earlier = random.choice(found)
            found.append(Sent(max(at, earlier.at), earlier.partition, earlier.message, ("signal: twice",)))
            continue
        flaws: list[str] = []
        happened = START + int(at * pace)
        if random.random() < 0.08:
            flaws.append("signal: late")
            happened -= random.randrange(10 * DAY)
        elif random.random() < 0.04:
            flaws.append("signal: early")
            happened += random.randrange(DAY)
        kind, choices = random.choice(_KINDS)
        lead = random.choice(leads)
        body = {
            "id": f"s{number}", "tenant": "acme", "lead": lead, "type": kind, "at": happened,
            "data": random.choice(choices),
        }  # fmt: skip
        key = lead_key("acme", lead)
        value = msgspec.json.encode(body)
        partition = partition_of(key, partitions)
        if random.random() < 0.03:
            flaws.append("signal: malformed")
            value = random.choice(_MALFORMED)
        if partitions > 1 and random.random() < 0.05:
            flaws.append("signal: misrouted")
            partition = (partition + 1) % partitions
        found.append(Sent(at, partition, (key, value, []), tuple(flaws)))
    return sorted(found, key=lambda sent: sent.at)
