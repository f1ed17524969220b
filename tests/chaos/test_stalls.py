"""Workers that stand still and wake, and one that is stopped under load."""

import re
import time
from pathlib import Path

import pytest

from leadstream.devstack import KafkaAddress
from leadstream.models import load_catalog
from tests.support.installation import Installation
from tests.support.load import Load, generated
from tests.support.log import Log
from tests.support.processes import Role, worker
from tests.support.replaying import Replayed
from tests.support.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.heavy]

PARTITIONS = 4
SIGNALS = 60_000
SECONDS = 60.0
TRIES = 40
# Small steps: there is nearly always a transaction under way.
SMALL = {"step_signals": 20, "max_poll_records": 20}


def folded(log: Log, installation: Installation) -> None:
    """Waits until what is in the log now is folded."""
    topic, group = installation.names.signals, installation.name
    ends = {number: log.stable_end(topic, number) for number in range(PARTITIONS)}
    until(
        lambda: all((log.committed(group, topic, number) or 0) >= end for number, end in ends.items()),
        f"everything up to {ends} is folded",
        90,
    )


def checked(installation: Installation) -> Replayed:
    """The replay, after comparing everything that is live with it."""
    replayed = Replayed(installation, load_catalog("tenx", None))
    replayed.check()
    return replayed


def open_transactions(log: Log, installation: Installation) -> list[int]:
    """The partitions whose step is under way, as the changelog shows."""
    changelog = installation.names.changelog
    return [
        number
        for number in range(installation.partitions)
        if log.stable_end(changelog, number) < log.end(changelog, number)
    ]


def kept(log: str) -> set[int]:
    """The partitions whose state a worker kept over the last rebalance of its log."""
    [*_, found] = re.findall(r"partitions revoked +kept=\[([0-9, ]*)\]", log)
    return {int(number) for number in found.split(",") if number.strip()}


def stall_in_a_transaction(role: Role, log: Log, installation: Installation) -> list[int]:
    """Stalls a worker at a moment when it has transactions open; returns their partitions."""
    for _ in range(TRIES):
        role.stall()
        found = open_transactions(log, installation)
        if found:
            return found
        role.wake()
        before = role.metric("leadstream_steps_total")
        until(lambda before=before: role.metric("leadstream_steps_total") > before, "it goes on")
    raise AssertionError(f"{TRIES} stalls, and no transaction was open at any of them")


def test_a_worker_that_wakes_after_its_partitions_have_moved_can_not_write(
    apache_kafka: KafkaAddress, unique: str, tmp_path: Path
) -> None:
    # The transactions outlive the session: only fencing keeps the sleeper from committing them.
    installation = Installation(
        apache_kafka, unique, PARTITIONS, {**SMALL, "transaction_timeout_ms": 60_000}
    ).create()
    log, topic = Log(installation.bootstrap), installation.names.signals
    with worker(tmp_path, installation, "sleeper") as sleeper:
        sleeper.ready()
        with Load(log, topic, generated(1, 400, SIGNALS, SECONDS), SECONDS) as load:
            until(lambda: sleeper.metric("leadstream_signals_total") > 1000, "it folds")
            held = stall_in_a_transaction(sleeper, log, installation)
            with worker(tmp_path, installation, "heir") as heir:
                heir.ready()
                until(lambda: heir.metric("leadstream_open_partitions") == PARTITIONS, "the heir has all")
                until(lambda: heir.metric("leadstream_signals_total") > 1000, "the heir folds")
                # Opening fenced the sleeper: what it had open is aborted.
                assert sleeper.runs
                sleeper.wake()
                until(lambda: "partitions revoked" in sleeper.log, "the sleeper hears of it")
                # Its commits were refused, so it keeps nothing of what was under way.
                assert not set(held) & kept(sleeper.log)
                until(
                    lambda: (
                        sleeper.metric("leadstream_open_partitions") > 0
                        and sleeper.metric("leadstream_open_partitions")
                        + heir.metric("leadstream_open_partitions")
                        == PARTITIONS
                    ),
                    "both have their part again",
                )
                load.cut()
                folded(log, installation)
                for role in (sleeper, heir):
                    role.terminate()
                assert (sleeper.ended(10), heir.ended(10)) == (0, 0)
    replayed = checked(installation)
    assert (replayed.records, replayed.unfolded) == (load.sent, [])


def test_a_worker_stalled_beyond_the_transaction_timeout_opens_its_partitions_by_itself_and_drains_under_load(
    apache_kafka: KafkaAddress, unique: str, tmp_path: Path
) -> None:
    installation = Installation(
        apache_kafka,
        unique,
        PARTITIONS,
        {**SMALL, "transaction_timeout_ms": 1000, "session_timeout_ms": 45_000},
    ).create()
    log, topic = Log(installation.bootstrap), installation.names.signals
    with worker(tmp_path, installation) as role:
        role.ready()
        with Load(log, topic, generated(2, 400, SIGNALS, SECONDS), SECONDS) as load:
            until(lambda: role.metric("leadstream_signals_total") > 1000, "it folds")
            stall_in_a_transaction(role, log, installation)
            until(lambda: not open_transactions(log, installation), "the broker aborts what was open", 40)
            role.wake()
            until(lambda: role.metric("leadstream_reopened_partitions_total") > 0, "it opens them again")
            until(lambda: role.metric("leadstream_open_partitions") == PARTITIONS, "all are open")
            before = role.metric("leadstream_signals_total")
            until(lambda: role.metric("leadstream_signals_total") > before + 500, "it folds on")
            # Nobody else was there, and no rebalance.
            assert role.log.count("partitions assigned") == 1
            asked = time.monotonic()
            role.terminate()
            assert role.ended(10) == 0
            assert time.monotonic() - asked < 10
            load.cut()
    stopped = checked(installation)
    assert stopped.unfolded, "it was not under load when it was stopped"
    with worker(tmp_path, installation, "next") as role:
        role.ready()
        folded(log, installation)
        role.terminate()
        assert role.ended(10) == 0
    replayed = checked(installation)
    assert (replayed.records, replayed.unfolded) == (load.sent, [])
