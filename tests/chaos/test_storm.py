"""Workers, projector and PostgreSQL die again and again while signals flow; afterwards everything is as if
nothing had happened."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import pytest

from leadstream.localstack import KafkaAddress, Postgres
from leadstream.models import load_catalog
from leadstream.projection.verify import verify
from leadstream.scoring.model import ModelCatalog
from tests.support.installation import Installation
from tests.support.load import Load, generated
from tests.support.log import Log
from tests.support.processes import Role, projector, worker
from tests.support.replaying import Replayed, replayed_by_command
from tests.support.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.kafka]

SEED = 20260105
PARTITIONS = 8
LEADS = 300
SIGNALS = 24_000
SECONDS = 45.0
SCHEMA = "storm"
# With this half-life leads of one tenant fall through thresholds all the time, by ticks.
TENANTS = "- {tenant: acme, half_life: 20s}\n- {tenant: northwind}\n"


@dataclass
class Storm:
    """What the storm was given, and what it did."""

    folder: Path
    installation: Installation
    catalog: ModelCatalog
    postgres: Postgres
    struck: Counter[str]

    @property
    def log(self) -> Log:
        return Log(self.installation.bootstrap)

    def worker(self, name: str) -> Role:
        return worker(self.folder, self.installation, name, "--tenants", str(self.folder / "tenants.yaml"))

    def projector(self, schema: str, name: str) -> Role:
        return projector(self.folder, self.installation, self.postgres.dsn, schema, name)

    def folded(self) -> None:
        """Waits until what is in the log now is folded."""
        log, topic, group = self.log, self.installation.names.signals, self.installation.name
        ends = {number: log.stable_end(topic, number) for number in range(PARTITIONS)}
        until(
            lambda: all((log.committed(group, topic, number) or 0) >= end for number, end in ends.items()),
            f"everything up to {ends} is folded",
            90,
        )

    def projected(self, schema: str) -> None:
        """Waits until what the topics hold now is in the tables."""
        names, log = self.installation.names, self.log
        ends = {
            (topic, number): log.stable_end(topic, number)
            for topic in (names.scores, names.history, names.actions, names.decisions)
            for number in range(PARTITIONS)
        }
        until(
            lambda: self.positions(schema) == {place: end for place, end in ends.items() if end},
            "everything is projected",
            90,
        )

    def positions(self, schema: str) -> dict[tuple[str, int], int]:
        rows = self.query(f"SELECT topic, partition, position FROM {schema}.projection_positions")
        return {(row["topic"], row["partition"]): row["position"] for row in rows if row["position"]}

    def query(self, sql: str) -> list[Any]:
        async def ask() -> list[Any]:
            connection = await asyncpg.connect(self.postgres.dsn)
            try:
                rows: list[Any] = await connection.fetch(sql)
                return rows
            finally:
                await connection.close()

        return asyncio.run(ask())

    def table(self, schema: str, table: str) -> list[tuple[Any, ...]]:
        """All rows of a table, in order, but for when they were written."""
        rows = [tuple(row.values()) for row in self.query(f"SELECT * FROM {schema}.{table}")]
        return sorted(rows, key=repr)


def strike(storm: Storm, workers: list[Role], projecting: Role, load: Load) -> None:
    """Ten deaths of workers, ten of the projector and two of PostgreSQL, at moments that the seed decides."""
    random = Random(SEED)
    begin = time.monotonic()
    moments = [
        (begin + random.uniform(4, SECONDS), blow)
        for blow in ["worker"] * 10 + ["projector"] * 10 + ["postgres"] * 2
    ]
    down: list[tuple[float, Role]] = []
    moments.sort()
    while moments or down:
        now = time.monotonic()
        for item in [item for item in down if item[0] <= now]:
            down.remove(item)
            item[1].start()
        if moments and moments[0][0] <= now:
            blow = moments.pop(0)[1]
            if blow == "postgres":
                storm.postgres.kill()
                storm.postgres.start()
                storm.struck[blow] += 1
                continue
            running = [role for role in (workers if blow == "worker" else [projecting]) if role.runs]
            if not running:
                # It is down already: strike when it is up again.
                moments.append((now + 1, blow))
                moments.sort()
                continue
            role = random.choice(running)
            if random.random() < 0.7:
                role.kill()
            else:
                role.terminate()
                # Before it has got as far as to listen to signals, it is one that ends it.
                assert role.ended(10) in (0, -signal.SIGTERM)
            storm.struck[blow] += 1
            down.append((time.monotonic() + random.uniform(0, 2), role))
        load.alive()
        time.sleep(0.05)


@pytest.fixture(scope="module")
def storm(apache_kafka: KafkaAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    """The storm, over: all roles have ended in order, everything is folded and projected."""
    folder = tmp_path_factory.mktemp("storm")
    (folder / "tenants.yaml").write_text(TENANTS)
    catalog = load_catalog("tenx", folder / "tenants.yaml")
    installation = Installation(apache_kafka, f"storm{time.time_ns():x}", PARTITIONS).create()
    with Postgres(folder / "postgres") as postgres:
        storm = Storm(folder, installation, catalog, postgres, Counter())
        workers = [storm.worker(f"worker-{number}") for number in range(3)]
        with workers[0], workers[1], workers[2], storm.projector(SCHEMA, "projector") as projecting:
            for role in (*workers, projecting):
                role.ready()
            records = generated(SEED, LEADS, SIGNALS, SECONDS)
            with Load(storm.log, installation.names.signals, records, SECONDS) as load:
                strike(storm, workers, projecting, load)
            storm.folded()
            for role in workers:
                role.terminate()
            # Whoever ended without being told to has ended with a code.
            assert [role.ended(10) for role in workers] == [0, 0, 0]
            storm.projected(SCHEMA)
            projecting.terminate()
            assert projecting.ended(10) == 0
        yield storm


@pytest.fixture(scope="module")
def replayed(storm: Storm) -> Replayed:
    """The log's replay as the storm left it."""
    return Replayed(storm.installation, storm.catalog)


def test_the_storm_was_one(storm: Storm, replayed: Replayed) -> None:
    assert storm.struck == {"worker": 10, "projector": 10, "postgres": 2}
    assert (replayed.records, replayed.unfolded) == (SIGNALS, [])
    # Time did its part: leads fell through thresholds by themselves.
    crossings = storm.query(f"SELECT cause, direction FROM {SCHEMA}.action_log WHERE cause = 'decay'")
    assert len(crossings) > 20


@pytest.mark.requirement("N-4")
def test_changelog_scores_actions_decisions_and_history_are_the_replays_record_for_record(
    replayed: Replayed,
) -> None:
    replayed.check()
    ids = replayed.action_ids()
    assert len(ids) == len(set(ids)) > 500


@pytest.mark.requirement("N-10")
def test_the_commands_export_and_replay_give_the_same_actions(storm: Storm, replayed: Replayed) -> None:
    lines = replayed_by_command(
        storm.installation, storm.folder, "tenx", "--tenants", str(storm.folder / "tenants.yaml")
    )
    live = set(replayed.action_ids() + replayed.decision_ids())
    found = [line["id"] for line in lines]
    assert len(found) == len(set(found))
    assert live <= set(found)
    # The replay ends at one instant for all partitions; live, some had seen less of time.
    later = [line for line in lines if line["id"] not in live]
    assert {line["cause"] for line in later} <= {"decay"}
    assert len(later) < len(live) / 10


def test_postgresql_has_what_the_replay_has(storm: Storm, replayed: Replayed) -> None:
    check_tables(storm, SCHEMA, replayed)


def test_after_losing_everything_but_kafka_new_processes_make_the_same_again(
    storm: Storm, replayed: Replayed
) -> None:
    again = "again"
    with storm.projector(again, "projector-again") as projecting:
        projecting.ready()
        storm.projected(again)
        projecting.terminate()
        assert projecting.ended(10) == 0
    for table in ("leads", "score_events", "action_log", "decision_log"):
        assert storm.table(again, table) == storm.table(SCHEMA, table), table
    # The state is restored from the changelog: what comes now is scored upon it.
    with storm.worker("worker-again") as role:
        role.ready()
        storm.log.send(storm.installation.names.signals, generated(SEED + 1, LEADS, 2000, 5))
        storm.folded()
        role.terminate()
        assert role.ended(10) == 0
        assert role.log.count("partition open") == PARTITIONS
    after = Replayed(storm.installation, storm.catalog)
    after.check()
    assert after.records == SIGNALS + 2000
    assert len(after.action_ids()) > len(replayed.action_ids())


def check_tables(storm: Storm, schema: str, replayed: Replayed) -> None:
    def reading(key: bytes, at: int) -> tuple[float, int, str]:
        found = replayed.reading(key, at)
        return found.total, found.score, found.band

    expected = [
        ((key.decode().partition(":")[0], key.decode().partition(":")[2]), partial(reading, key))
        for key in replayed.leads
    ]
    result = asyncio.run(verify(storm.postgres.dsn, schema, expected))
    assert result.equal, str(result)
    assert result.leads == len(expected) > LEADS / 2
    for table, ids in (("action_log", replayed.action_ids()), ("decision_log", replayed.decision_ids())):
        rows = storm.query(f"SELECT id FROM {schema}.{table}")
        assert sorted(row["id"] for row in rows) == sorted(ids), table
    events = storm.query(f"SELECT source_partition, source_offset FROM {schema}.score_events")
    history = [
        (number, entry["offset"]) for number, written in replayed.written.items() for entry in written.history
    ]
    assert sorted((row["source_partition"], row["source_offset"]) for row in events) == sorted(history)
    assert storm.query(f"SELECT * FROM {schema}.projection_dead_letters") == []
