"""The rights of docs/operations.md are enough and none is too many; one that is missing is named."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadstream.devstack import apache
from leadstream.kafka.rights import Right, lacking, rights, table
from leadstream.kafka.topics import TopicNames
from leadstream.roles.projector import Projector
from leadstream.roles.worker import Worker
from leadstream.stream.errors import Denied
from tests.support.acl import Grants, Guarded, login
from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.processes import projector, worker
from tests.support.signals import many
from tests.support.waiting import until

from .bench import catalog
from .conftest import Install

NAME = "guarded"
NEEDED = rights(TopicNames(NAME, NAME))
PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ROLES = ["worker", "projector"]
OTHERS = [command for command in NEEDED if command not in ROLES]
guarded = [
    pytest.mark.kafka,
    pytest.mark.skipif(not apache.available(), reason="needs java and mvn to start a broker of its own"),
]


def singly(command: str) -> list[Right]:
    """The rights of a command, one operation each."""
    return [
        Right((operation,), right.resource, right.name)
        for right in NEEDED[command]
        for operation in right.operations
    ]


def user(command: str) -> str:
    return command.replace(" ", "_")


@pytest.fixture(scope="module")
def broker(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A broker with one user for each role and command, who has exactly the rights of the page."""
    with Guarded(tmp_path_factory.mktemp("guarded"), map(user, NEEDED)) as broker:
        Installation(broker.address, NAME, 2).create()
        for command, needed in NEEDED.items():
            Grants(broker.address.bootstrap, user(command)).grant(needed)
        yield broker


def installation(broker: Guarded, command: str) -> Installation:
    return Installation(broker.guarded, NAME, 2, login(user(command)))


def test_the_page_has_the_table_that_the_code_goes_by() -> None:
    assert table(TopicNames("<prefix>", "<app>")) in PAGE.read_text()


class TestRoles:
    pytestmark = guarded

    def test_they_are_enough(self, broker: Guarded, tmp_path: Path, postgres_dsn: str, unique: str) -> None:
        log = Log(broker.address.bootstrap)
        with (
            worker(tmp_path, installation(broker, "worker")) as folding,
            projector(tmp_path, installation(broker, "projector"), postgres_dsn, unique) as projecting,
        ):
            folding.ready()
            projecting.ready()
            # The second is on the wrong partition, and sent on.
            log.send(TopicNames(NAME, NAME).signals, many(0, 10))
            until(lambda: folding.metric("leadstream_signals_total") == 10, "it folds")
            until(
                lambda: projecting.metric("leadstream_projected_records_total", topic=f"{NAME}.history") > 0,
                "it projects",
            )
            for role in (folding, projecting):
                role.terminate()
                assert role.ended(15) == 0
                assert "Authorization" not in role.log

    @pytest.mark.parametrize(
        ("command", "right"),
        [
            pytest.param(command, right, id=f"{command}: {right}")
            for command in ROLES
            for right in singly(command)
        ],
    )
    def test_each_is_needed_and_named(self, broker: Guarded, command: str, right: Right) -> None:
        settings = installation(broker, command).settings
        run = Worker(settings, catalog(), None).run if command == "worker" else Projector(settings).run
        with (
            Grants(broker.address.bootstrap, command).without(right),
            pytest.raises(Denied) as caught,
        ):
            asyncio.run(run(asyncio.Event()))
        assert caught.value.exit_code == 2
        assert str(caught.value).startswith(f"User:{command} lacks {right}: grant it")

    def test_the_process_ends_with_2(self, broker: Guarded, tmp_path: Path) -> None:
        right = Right(("Read",), "Group", NAME)
        with (
            Grants(broker.address.bootstrap, "worker").without(right),
            worker(tmp_path, installation(broker, "worker")) as role,
        ):
            assert role.ended(30) == 2
        assert f"User:worker lacks Read on Group {NAME}: grant it" in role.log
        assert "Traceback" not in role.log

    def test_one_that_is_taken_away_later_ends_it_with_2(self, broker: Guarded, tmp_path: Path) -> None:
        right = Right(("Write",), "Topic", f"{NAME}.history")
        with worker(tmp_path, installation(broker, "worker")) as role:
            role.ready()
            with Grants(broker.address.bootstrap, "worker").without(right):
                Log(broker.address.bootstrap).send(TopicNames(NAME, NAME).signals, many(100, 110))
                assert role.ended(30) == 2
        assert "User:worker lacks Write on Topic guarded.history" in role.log


class TestCommands:
    pytestmark = guarded

    @pytest.mark.parametrize(
        ("arguments", "right"),
        [
            ("topics create --partitions 2", Right(("Describe",), "Topic", f"{NAME}.scores")),
            ("topics create --partitions 2", Right(("DescribeConfigs",), "Topic", f"{NAME}.scores")),
            ("send -", Right(("Write",), "Topic", f"{NAME}.signals")),
            ("log export", Right(("Read",), "Topic", f"{NAME}.signals")),
            ("dlq list", Right(("Read",), "Topic", f"{NAME}.dead-letters")),
            ("dlq show 0-0", Right(("Read",), "Topic", f"{NAME}.dead-letters")),
        ],
    )
    def test_a_missing_one_is_named(self, broker: Guarded, arguments: str, right: Right) -> None:
        words = arguments.split()
        command = next(name for name in NEEDED if arguments.startswith(name))
        with Grants(broker.address.bootstrap, user(command)).without(right):
            done = self.run(broker, command, *words)
        assert (done.returncode, done.stderr.splitlines()) == (
            2,
            [
                f"error: User:{user(command)} lacks {right}: grant it (docs/operations.md lists all rights)",
            ],
        )

    def test_create_is_named_where_a_topic_is_absent(self, broker: Guarded) -> None:
        grants = Grants(broker.address.bootstrap, "topics_create")
        fresh = TopicNames("fresh", "fresh")
        grants.grant([right for right in rights(fresh)["topics create"] if right.resource == "Topic"])
        right = Right(("Create",), "Cluster", "")
        names = {"LEADSTREAM_APP": "fresh", "LEADSTREAM_TOPIC_PREFIX": "fresh"}
        with grants.without(right):
            done = self.run(broker, "topics create", "topics", "create", "--partitions", "1", **names)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: User:topics_create lacks {right}: grant it")

    def test_they_are_enough_for_the_doctor_who_names_what_is_missing(self, broker: Guarded) -> None:
        done = self.run(broker, "doctor", "doctor")
        assert "lacks" not in done.stdout
        right = Right(("Read",), "Topic", f"{NAME}.dead-letters")
        with Grants(broker.address.bootstrap, "doctor").without(right):
            done = self.run(broker, "doctor", "doctor")
        assert done.returncode == 2
        assert f"User:doctor lacks {right}" in " ".join(done.stdout.split())

    @pytest.mark.parametrize("command", OTHERS)
    def test_none_is_missed_where_all_are_there(self, broker: Guarded, command: str) -> None:
        assert asyncio.run(lacking(installation(broker, command).settings, NEEDED[command])) == []

    @pytest.mark.parametrize("arguments", ["topics create --partitions 2", "send -", "dlq list"])
    def test_they_are_enough(self, broker: Guarded, arguments: str) -> None:
        command = next(name for name in NEEDED if arguments.startswith(name))
        done = self.run(broker, command, *arguments.split())
        assert (done.returncode, done.stderr) == (0, "")

    @staticmethod
    def run(broker: Guarded, command: str, *words: str, **names: str) -> "subprocess.CompletedProcess[str]":
        signal = '{"id": "s1", "tenant": "acme", "lead": "l1", "type": "email.opened", "at": 1767600120000}\n'
        return subprocess.run(
            [sys.executable, "-m", "leadstream", *words],
            input=signal if command == "send" else "",
            capture_output=True,
            text=True,
            timeout=60,
            env={**installation(broker, command).environment(), "COLUMNS": "200", **names},
        )


def test_a_broker_that_does_not_tell_is_not_doubted(install_embedded: Install) -> None:
    made = install_embedded()
    needed = rights(made.names)
    assert asyncio.run(lacking(made.settings, [*needed["worker"], *needed["topics create"]])) == []


@pytest.mark.kafka
def test_a_broker_without_rights_allows_all(install_apache: Install) -> None:
    made = install_apache()
    for needed in rights(made.names).values():
        assert asyncio.run(lacking(made.settings, needed)) == []
