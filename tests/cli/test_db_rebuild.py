"""`leadstream db rebuild`, from the topics of a broker."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from leadstream.devstack import KafkaAddress
from leadstream.projection.migrate import migrate
from tests.projection.made import (
    Database,
    Record,
    band_changed,
    crossed,
    entry,
    history,
    model,
    run,
    skipped,
    snapshot,
)
from tests.support.installation import Installation
from tests.support.log import Log, Sent

Run = Callable[..., Any]


@pytest.fixture
def installed(embedded_kafka: KafkaAddress, postgres_dsn: str, unique: str) -> Installation:
    """Two partitions a topic, and tables that nothing was ever projected into."""
    run(migrate(postgres_dsn, unique))
    options = {"postgres_dsn": postgres_dsn, "postgres_schema": unique}
    return Installation(embedded_kafka, unique, partitions=2, options=options).create()


def send(installed: Installation, topic: str, partition: int, records: Sequence[Record]) -> None:
    Log(installed.bootstrap).send(topic, [Sent(one.key, one.value, partition) for one in records])


def test_the_topics_become_the_tables(installed: Installation, leadstream: Run, postgres_dsn: str) -> None:
    names, tables = installed.names, Database(postgres_dsn, installed.name)
    first = [
        snapshot(0, "a", place=0, score=1, total=1.0),
        snapshot(1, "b", place=1),
        snapshot(2, "a", place=2),
    ]
    send(installed, names.scores, 0, [*first, snapshot(3, "gone"), Record(4, b"acme:gone", None)])
    send(installed, names.scores, 1, [snapshot(0, "c", place=0)])
    for partition in (0, 1):
        entries = [entry(place) for place in range(5)]
        send(installed, names.history, partition, [history(0, *entries, partition=partition)])
    send(installed, names.actions, 1, [crossed(0, "c1"), band_changed(1, "b1")])
    send(installed, names.decisions, 0, [skipped(0, "d1")])
    send(installed, names.models, 0, [model(0), model(1, "2")])
    result = leadstream(installed, "db", "rebuild")
    assert result.exit_code == 0, result.output
    assert "checked 3 leads; against the live tables: 3 leads more, 0 fewer, 0 with another" in result.output
    rows = run(tables.rows("SELECT lead_id, source_partition, log_offset FROM leads ORDER BY 1"))
    assert [tuple(row.values()) for row in rows] == [("a", 0, 2), ("b", 0, 1), ("c", 1, 0)]
    counts = [
        run(tables.rows(f"SELECT count(*) FROM {table}"))[0]["count"]
        for table in ("score_events", "action_log", "decision_log", "removed_leads")
    ]
    assert counts == [10, 2, 1, 1]
    positions = run(tables.rows("SELECT topic, partition, position FROM projection_positions ORDER BY 1, 2"))
    assert [tuple(row.values()) for row in positions] == sorted(
        [
            (names.scores, 0, 5), (names.scores, 1, 1), (names.history, 0, 1), (names.history, 1, 1),
            (names.actions, 0, 0), (names.actions, 1, 2), (names.decisions, 0, 1), (names.decisions, 1, 0),
            (names.models, 0, 2),
        ]
    )  # fmt: skip
    versions = run(tables.rows("SELECT version, is_active FROM lead_scoring_models ORDER BY 1"))
    assert [tuple(row.values()) for row in versions] == [("1", False), ("2", True)]
    # Once more: the tables of before the first time are not dropped unasked.
    again = leadstream(installed, "db", "rebuild")
    assert again.exit_code == 1
    assert f"DROP SCHEMA {installed.name}_old CASCADE" in again.output


def test_a_snapshot_that_contradicts_itself_stops_the_switch(
    installed: Installation, leadstream: Run, postgres_dsn: str
) -> None:
    send(installed, installed.names.scores, 0, [snapshot(0, "a", total=7.0, score=7)])
    result = leadstream(installed, "db", "rebuild")
    assert result.exit_code == 1
    assert "not those of their factors (acme:a): nothing switched" in result.output
    tables = Database(postgres_dsn, installed.name)
    assert run(tables.rows("SELECT count(*) FROM leads"))[0]["count"] == 0
