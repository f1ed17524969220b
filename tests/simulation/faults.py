"""What can go wrong: the fault points by name, and when a run's faults strike."""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from random import Random

REQUESTS = {
    "join": "a worker joins the group",
    "heartbeat": "a task asks whether the group confirms its worker",
    "init": "a transactional producer opens, and fences",
    "restore.start": "a restore asks where the changelog begins",
    "restore.fetch": "a restore reads a part of the changelog",
    "begin": "a task asks where the log begins",
    "seek": "a task moves the consumer to its position",
    "send": "a batch of a step is sent",
    "commit": "a transaction is committed",
    "abort": "a transaction is aborted",
    "close": "a producer is closed",
    "tick": "the clock of the log sends a tick",
    "store.position": "the projector reads its position",
    "store.apply": "the projector's transaction",
}
"""Every request that a process sends and awaits. It may die before the request and after the answer."""

ANSWERS = {
    "heartbeat: not confirmed": "the group does not answer for the worker",
    "init: fenced": "another producer of the id opens at the same time",
    "restore.fetch: nothing": "a fetch of the changelog returns no record although there are more",
    "restore.fetch: one record": "a fetch of the changelog returns a single record",
    "restore.fetch: failed": "a fetch of the changelog fails",
    "send: refused": "one batch of a step is not written",
    "send: answer lost": "one batch of a step is written, and its sender told that it is not",
    "send: slow": "a batch takes seconds",
    "send: too late": "the brokers abort a transaction that takes too long, and fence its producer",
    "commit: refused": "the transaction is not committed, and the worker told so",
    "commit: answer lost": "the transaction is committed, and the worker told that it is not",
    "commit: fenced, though done": "the transaction is committed, and the repeated request fenced",
    "commit: hangs": "no answer comes, the transaction is committed or not",
    "commit: late markers": "the transaction is committed, its markers come seconds later, one by one",
    "abort: failed": "the transaction can't be aborted",
    "tick: refused": "a tick is not written",
    "tick: answer lost": "a tick is written, and its sender told that it is not",
    "pack: lost": "what was fetched never reaches the task",
    "pack: twice": "what was fetched reaches the task twice",
    "pack: late": "what was fetched comes after what was fetched later",
    "store.position: away": "PostgreSQL is away when the position is read",
    "store.apply: undone": "PostgreSQL goes away, the transaction is rolled back",
    "store.apply: answer lost": "PostgreSQL goes away, the transaction is committed",
}
"""Answers that a request may get."""

EVENTS = {
    "process: dies": "a process is killed while it may be doing anything",
    "process: freezes": "a process stands still for up to 25 s, and goes on as if nothing had been",
    "process: cut off": "a worker loses the group, and goes on writing without knowing",
    "process: stops": "a worker is asked to stop, drains and leaves",
    "process: joins": "one more worker joins",
    "process: clock jumps": "a worker's clock is wrong by up to three days from now on",
    "group: rebalances": "the group deals its partitions anew",
    "transaction: rival": "somebody else opens a partition's transactional id",
    "partition: slow": "fetches from one partition take seconds",
    "brokers: slow": "all requests take up to a second",
    "brokers: clock falls back": "a partition gets a leader whose clock is hours behind",
    "foreign: aborted": "another program's transaction on the signals topic is aborted",
    "foreign: committed": "another program's transaction on the signals topic is committed, after seconds",
    "changelog: compacted": "the changelog keeps the last record of each key only",
    "projector: second": "a second projector has the same partitions",
    "store: away": "PostgreSQL is away for seconds",
}
"""What happens by itself at a time."""

INPUTS = {
    "signal: twice": "a producer repeats a signal, id and all",
    "signal: late": "a signal comes up to weeks after it happened",
    "signal: early": "a producer's clock is up to a day ahead",
    "signal: misrouted": "a producer writes a signal to the wrong partition",
    "signal: malformed": "a record is no signal",
}
"""What producers do."""


@cache
def crashes_at(request: str) -> tuple[str, str]:
    """The fault points before and after a request."""
    return f"{request}: dies before", f"{request}: dies after"


def needs_projector(kind: str) -> bool:
    """Whether a fault befalls projectors or their store only."""
    return kind.startswith(("store", "projector"))


CRASHES = {
    kind: f"{'before' if side == 0 else 'after'}: {what}"
    for request, what in REQUESTS.items()
    for side, kind in enumerate(crashes_at(request))
}
POINTS = {**CRASHES, **ANSWERS, **EVENTS, **INPUTS}
"""All fault points, and what each is."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the kind strikes at `at` seconds, or at the first request after it that can have it.

    `amount`, from 0 to 1, says how much of it; `victim`, from 0 to 1, who.
    """

    at: float
    kind: str
    amount: float
    victim: float

    def __str__(self) -> str:
        return f"{self.at:7.3f} s  {self.kind} ({self.amount:.2f}, {self.victim:.2f})"


class Faults:
    """The faults of one run, and which of them struck."""

    def __init__(self, faults: Iterable[Fault], now: Callable[[], float], random: Random) -> None:
        self._now = now
        self._random = random
        self._armed: dict[str, deque[Fault]] = {}
        self.events: list[Fault] = []
        for fault in sorted(faults, key=lambda fault: fault.at):
            if fault.kind in EVENTS:
                self.events.append(fault)
            else:
                self._armed.setdefault(fault.kind, deque()).append(fault)
        self.struck: Counter[str] = Counter()
        self.slow_until = 0.0
        self.trace: Callable[[str], None] | None = None

    def strikes(self, kind: str, who: str) -> Fault | None:
        """The armed fault of a kind, if its time has come; it strikes once."""
        armed = self._armed.get(kind)
        if armed is None or armed[0].at > self._now():
            return None
        fault = armed.popleft()
        if not armed:
            del self._armed[kind]
        self.count(kind, who)
        return fault

    def count(self, kind: str, who: str) -> None:
        """Notes that a fault has struck."""
        self.struck[kind] += 1
        if self.trace is not None:
            self.trace(f"{who}: FAULT {kind}")

    def latency(self) -> float:
        """How long a request takes, in seconds."""
        chance = self._random.random()
        if self.slow_until > self._now():
            return chance
        return 0.001 + chance * 0.01 if chance < 0.97 else chance * 0.3

    def heal(self) -> None:
        """Nothing goes wrong from now on."""
        self._armed.clear()
        self.events.clear()
        self.slow_until = 0.0
