"""An installation under load, while something is done to it; then the judgement."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

from ruamel.yaml import YAML

from leadstream.devstack import KafkaAddress, Postgres
from leadstream.models import load_catalog
from leadstream.models.catalog import preset_text
from leadstream.projection.verify import verify
from tests.chaos.evidence import Evidence, gather, query
from tests.chaos.judge import Verdict, judge, referee
from tests.chaos.meter import Meter
from tests.oracle.rules import Rules
from tests.support.installation import Installation
from tests.support.load import Load
from tests.support.log import Log, Sent
from tests.support.processes import Role, projector, worker
from tests.support.replaying import Replayed
from tests.support.waiting import INTERVAL

PARTITIONS = 6
WORKERS = 3
HALF_LIFE = "20s"
TENANTS = f"- {{tenant: acme, half_life: {HALF_LIFE}}}\n- {{tenant: northwind}}\n"
"""With this half-life the leads of one tenant fall through thresholds all the time, by ticks."""
RESTART_SECONDS = 1.0
PATIENCE = 180
"""Seconds within which everything must be folded, and then projected, when all faults are over."""


@dataclass
class Kept:
    """A role that is started again a second after it ended, as a service manager would."""

    role: Role
    wanted: bool = True
    down_since: float | None = None
    exits: Counter[int] = field(default_factory=Counter)
    """How its processes ended (negative: by that signal)."""
    errors: list[str] = field(default_factory=list)
    """What those said that ended with an exit code other than 0."""

    def attend(self) -> None:
        now = time.monotonic()
        if self.role.runs or not self.wanted:
            self.down_since = None
        elif self.down_since is None:
            code = self.role.exit_code
            if code is not None:
                self.exits[code] += 1
                if code > 0:
                    self.errors.append(self.role.last_words)
            self.down_since = now
        elif now - self.down_since >= RESTART_SECONDS:
            self.role.start()
            self.down_since = None


class Scene:
    """Workers, a projector, a load and a meter.

    `address` is the workers' way to the brokers, `direct` that of the load, the projector and the judge.
    """

    def __init__(
        self,
        folder: Path,
        direct: KafkaAddress,
        postgres: Postgres,
        *,
        name: str,
        seed: int,
        address: KafkaAddress | None = None,
    ) -> None:
        self.folder = folder
        self.postgres = postgres
        self.seed = seed
        self.random = Random(seed)
        self.schema = name.replace("-", "_")
        self.installation = Installation(direct, name, PARTITIONS).create()
        folder.mkdir(parents=True, exist_ok=True)
        self.tenants = folder / "tenants.yaml"
        self.tenants.write_text(TENANTS)
        self.catalog = load_catalog("tenx", self.tenants)
        self._workers_installation = replace(self.installation, address=address or direct)
        self.workers = [Kept(self.worker(f"worker-{number}")) for number in range(WORKERS)]
        self.projecting = Kept(self.projector(self.schema, "projector"))
        self.strikes: list[float] = []
        """When something struck, or, where it lasts, was over; by the monotonic clock."""
        self.meter = Meter(self.installation)
        self._load: Load | None = None
        self._stack = ExitStack()

    def worker(self, name: str) -> Role:
        """A worker process, not started yet."""
        return worker(self.folder, self._workers_installation, name, "--tenants", str(self.tenants))

    def projector(self, schema: str, name: str) -> Role:
        """A projector process, not started yet."""
        return projector(self.folder, self.installation, self.postgres.dsn, schema, name)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for kept in self.roles:
                stack.enter_context(kept.role)
            for kept in self.roles:
                kept.role.ready()
            stack.enter_context(self.meter)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def roles(self) -> list[Kept]:
        return [*self.workers, self.projecting]

    @property
    def log(self) -> Log:
        return Log(self.installation.bootstrap)

    @property
    def exits(self) -> Counter[int]:
        """How processes have ended by themselves or by force."""
        return sum((kept.exits for kept in self.roles), Counter())

    @property
    def load(self) -> Load:
        assert self._load is not None
        return self._load

    def under(self, records: Sequence[Sent], seconds: float, strike: Callable[["Scene"], None]) -> None:
        """Sends the records over so many seconds; `strike` does meanwhile what it does."""
        self._load = Load(self.log, self.installation.names.signals, records, seconds)
        with self._load:
            strike(self)
            while not self._load.done:
                self.wait(INTERVAL)

    def struck(self) -> None:
        """Notes that it struck, or, where it lasts, that it is over now."""
        self.strikes.append(time.monotonic())

    def wait(self, seconds: float) -> None:
        """Lets time pass, and has processes that ended started again."""
        deadline = time.monotonic() + seconds
        while True:
            for kept in self.roles:
                kept.attend()
            if self._load is not None:
                self._load.alive()
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, INTERVAL))

    def until(self, condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
        """Waits for a condition, and has processes that ended started again."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
            self.wait(INTERVAL)

    def until_folded(self) -> None:
        """Waits until what is in the log now is folded and committed."""
        topic, log = self.installation.names.signals, self.log
        ends = {number: log.stable_end(topic, number) for number in range(PARTITIONS)}
        self.until(
            lambda: all(self.meter.position(number) >= end for number, end in ends.items()),
            f"everything up to {ends} is folded",
        )

    def settle(self) -> None:
        """Waits until all is folded and projected, and ends every process in order."""
        self.until_folded()
        self.end(self.workers)
        self.until_projected(self.schema)
        self.end([self.projecting])

    def end(self, roles: Sequence[Kept]) -> None:
        """Asks roles to drain; each must end with 0 within 15 s."""
        asked = [kept for kept in roles if kept.wanted]
        for kept in asked:
            kept.role.start()
            kept.role.ready()
        for kept in asked:
            kept.wanted = False
            kept.role.terminate()
        codes = [kept.role.ended(15) for kept in asked]
        assert not any(codes), f"they ended with {codes}"

    def until_projected(self, schema: str) -> None:
        """Waits until what the outputs of the partitions hold now is in the tables."""
        names, log = self.installation.names, self.log
        ends = {
            (topic, number): log.stable_end(topic, number)
            for topic in (names.scores, names.history, names.actions, names.decisions)
            for number in range(PARTITIONS)
        }
        until = f"SELECT topic, partition, position FROM {schema}.projection_positions"

        def positions() -> dict[tuple[str, int], int]:
            rows = query(self.postgres.dsn, until)
            return {(row["topic"], row["partition"]): row["position"] for row in rows}

        # What has not begun has no row.
        self.until(
            lambda: (found := positions()) and all(found.get(place, 0) >= end for place, end in ends.items()),
            f"everything is projected to {schema}",
        )

    @cached_property
    def replayed(self) -> Replayed:
        """The replay of the log as it was when this was first asked for."""
        return Replayed(self.installation, self.catalog)

    def evidence(self) -> Evidence:
        """What is there now."""
        sent = [one.record for one in self.load.acknowledged]
        return gather(self.installation, sent, self.postgres.dsn, self.schema)

    def judged(self) -> Verdict:
        """What is there against the replay and the oracle."""
        evidence, replayed = self.evidence(), self.replayed

        def reading(key: bytes, at: int) -> tuple[float, int, str]:
            found = replayed.reading(key, at)
            return found.total, found.score, found.band

        expected = [
            ((key.decode().partition(":")[0], key.decode().partition(":")[2]), partial(reading, key))
            for key in replayed.leads
        ]
        leads = asyncio.run(verify(self.postgres.dsn, self.schema, expected))
        verdict = judge(evidence, replayed.written, reading, leads)
        verdict.lost += [f"{record} is not folded" for record in replayed.unfolded]
        rules = YAML(typ="safe").load(preset_text("tenx"))
        referee(evidence, Rules(rules), {"acme": Rules(rules, HALF_LIFE)}, self.seed, verdict)
        return verdict
