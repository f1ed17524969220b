"""The shortened matrix: faults on real brokers and processes; in the end it is as if nothing had been."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadstream.devstack import Postgres, apache
from tests.chaos.brokers import small_disk
from tests.chaos.evidence import query
from tests.chaos.faults import Fault
from tests.chaos.matrix import FAULTS, STORM, On, play, stage
from tests.chaos.run import SEED
from tests.chaos.scene import PARTITIONS, Scene
from tests.support.load import generated
from tests.support.log import Sent
from tests.support.replaying import Replayed, replayed_by_command

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.heavy]

SHORT = [fault for fault in FAULTS if fault.short is not None and fault.name != STORM]
TABLES = ("leads", "score_events", "action_log", "decision_log")


@pytest.fixture(scope="module")
def postgres(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("chaos-postgres")) as server:
        yield server


@pytest.fixture(scope="module")
def on(
    processes: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[On]:
    """Brokers of one kind, for all tests that need it."""
    if not apache.available():
        pytest.skip("no Apache Kafka that may be broken: it needs java and mvn")
    if request.param == "small disk" and not small_disk.available():
        pytest.skip("this system lets us have no disk of our own (user namespaces)")
    with stage(request.param, tmp_path_factory.mktemp("chaos-brokers")) as found:
        yield found


@pytest.mark.parametrize(
    ("on", "fault"),
    [pytest.param(fault.stage, fault, id=fault.name) for fault in SHORT],
    indirect=["on"],
)
def test_nothing_is_lost_doubled_or_wrong(on: On, fault: Fault, postgres: Postgres, tmp_path: Path) -> None:
    assert fault.short is not None
    row = play(fault, fault.short, SEED, tmp_path / "scene", on, postgres)
    assert row.clean, row.found
    assert row.strikes >= fault.short.strikes
    assert row.refereed > 20


@pytest.mark.requirement("N-4")
@pytest.mark.requirement("N-10")
@pytest.mark.parametrize("on", ["one"], indirect=True)
def test_after_a_storm_all_is_there_once_and_can_be_made_again_from_kafka_alone(
    on: On, postgres: Postgres, tmp_path: Path
) -> None:
    [fault] = [fault for fault in FAULTS if fault.name == STORM]
    assert fault.short is not None
    row = play(fault, fault.short, SEED, tmp_path / "scene", on, postgres, made_again)
    assert row.clean, row.found
    assert row.strikes == fault.short.strikes
    assert row.refereed > 20


def made_again(scene: Scene) -> None:
    """What commands and new processes make of the log, after all of the storm has ended."""
    crossings = query(
        scene.postgres.dsn, f"SELECT cause FROM {scene.schema}.action_log WHERE cause = 'decay'"
    )
    assert len(crossings) > 20, "time did not do its part"
    exported_and_replayed(scene)
    projected_again(scene)
    restored(scene)


def exported_and_replayed(scene: Scene) -> None:
    """`leadstream log export` and `leadstream replay` give the actions and decisions that are there."""
    lines = replayed_by_command(scene.installation, scene.folder, "tenx", "--tenants", str(scene.tenants))
    live = set(scene.replayed.action_ids() + scene.replayed.decision_ids())
    found = [line["id"] for line in lines]
    assert len(found) == len(set(found))
    assert live <= set(found)
    # The replay ends at one instant for all partitions; live, some had seen less of time.
    later = [line for line in lines if line["id"] not in live]
    assert {line["cause"] for line in later} <= {"decay"}
    assert len(later) < len(live) / 10


def projected_again(scene: Scene) -> None:
    """A projector that begins anew fills another schema with the same rows."""
    schema = f"{scene.schema}_again"
    with scene.projector(schema, "projector-again") as role:
        role.ready()
        scene.until_projected(schema)
        role.terminate()
        assert role.ended(15) == 0
    for table in TABLES:
        assert rows(scene, schema, table) == rows(scene, scene.schema, table), table


def rows(scene: Scene, schema: str, table: str) -> list[tuple[object, ...]]:
    found = query(scene.postgres.dsn, f"SELECT * FROM {schema}.{table}")
    return sorted((tuple(row.values()) for row in found), key=repr)


def restored(scene: Scene) -> None:
    """A new worker restores the state from the changelog, and what comes now is scored upon it."""
    before = scene.replayed
    more: list[Sent] = generated(SEED + 1, 300, 1000, 5)
    with scene.worker("worker-again") as role:
        role.ready()
        scene.log.send(scene.installation.names.signals, more)
        scene.until_folded()
        role.terminate()
        assert role.ended(15) == 0
        assert role.log.count("partition open") == PARTITIONS
    after = Replayed(scene.installation, scene.catalog)
    after.check()
    assert after.records == before.records + len(more)
    assert len(after.action_ids()) > len(before.action_ids())
