"""A record that the client library can't parse is a dead letter, and the stream goes on."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from leadstream.devstack import ApacheKafka
from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.processes import projector
from tests.support.raw import GZIP, Batch, Raw, send_raw, send_raw_in_transaction
from tests.support.replaying import Replayed, run_command
from tests.support.signals import sent
from tests.support.waiting import until

from .bench import catalog
from .conftest import Install
from .live import counted, fold_all, refusal

LATIN = "währung".encode("latin-1")


def signal(number: int, lead: str = "l1") -> Raw:
    made = sent(number, lead, 0)
    return Raw(made.key, made.value)


def with_headers(number: int, *headers: tuple[bytes | None, bytes | None]) -> Raw:
    made = signal(number)
    return Raw(made.key, made.value, headers)


def renumbered(number: int, delta: int) -> Raw:
    """A signal that says another offset than it has."""
    return replace(signal(number), delta=delta)


def marked(number: int) -> Raw:
    return replace(signal(number), attributes=0x81)


def letters(log: Log, installation: Installation) -> list[tuple[dict[str, bytes], Any]]:
    return [(dict(one.headers()), one) for one in log.read(installation.names.dead_letters)]


@pytest.mark.kafka
def test_a_header_whose_name_is_no_utf8_costs_its_record_alone(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals
    bad = with_headers(2, (b"trace", b"1"), (LATIN, b"EUR"), (b"after", None))
    send_raw(
        apache_log.bootstrap, topic, [Batch([signal(1), bad, signal(3)]).build(), Batch([signal(4)]).build()]
    )
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 3
    [(headers, letter)] = letters(apache_log, installation)
    assert headers["leadstream-reason"] == b"unreadable"
    assert headers["leadstream-offset"] == b"1"
    assert (letter.key(), letter.value()) == (bad.key, bad.value)
    assert letter.headers()[:3] == [("trace", b"1"), ("w\\xe4hrung", b"EUR"), ("after", b"")]
    fold_all(installation, apache_log)  # a restart
    Replayed(installation, catalog()).check()


@pytest.mark.kafka
def test_a_batch_that_would_take_all_memory_is_one_dead_letter_live_and_in_replay(
    install_apache: Install, apache_log: Log
) -> None:
    installation = install_apache()
    topic = installation.names.signals
    # 130 records of 1 MiB each, which the broker takes, as it is 130 KiB that came.
    bomb = Batch([Raw(b"acme:l1", bytes(1 << 20)) for _ in range(130)], attributes=GZIP)
    batches = [Batch([signal(1)]).build(), bomb.build(), Batch([signal(2)]).build()]
    send_raw(apache_log.bootstrap, topic, batches)
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 2
    [(headers, _)] = letters(apache_log, installation)
    assert headers["leadstream-reason"] == b"unreadable"
    assert (headers["leadstream-offset"], headers["leadstream-last-offset"]) == (b"1", b"130")
    assert b"134,217,728 bytes" in headers["leadstream-detail"]
    fold_all(installation, apache_log)  # a restart
    Replayed(installation, catalog()).check()


STORED: dict[str, tuple[list[Raw], int, list[int]]] = {
    "a name in latin-1, compressed": (
        [signal(1), with_headers(2, (LATIN, b"EUR")), signal(3)], GZIP, [1],
    ),
    "two bad ones in a row": (
        [with_headers(1, (b"\xff", b"")), with_headers(2, (b"\xc3", None)), signal(3)], 0, [0, 1],
    ),
    "nothing but bad ones": ([with_headers(number, (LATIN, b"")) for number in range(3)], 0, [0, 1, 2]),
    "an offset that is taken": ([signal(1), renumbered(2, 0), signal(3)], 0, [1]),
    "an offset outside of the batch": ([signal(1), renumbered(2, 500), signal(3)], 0, [1]),
    "offsets in another order": ([renumbered(1, 2), signal(2), renumbered(3, 0)], 0, [0, 2]),
    "attributes that mean nothing": ([signal(1), marked(2), signal(3)], 0, []),
    "a tick with a bad header": ([signal(1), Raw(b"\0tick", b"{}", [(LATIN, b"")]), signal(3)], 0, [1]),
}  # fmt: skip
"""What Apache Kafka 4.1 stores: the records, the compression, and which of them are bad."""


@pytest.mark.kafka
def test_what_the_broker_stores_live_and_replay_read_alike(
    install_apache: Install, apache_log: Log, tmp_path: Path
) -> None:
    installation = install_apache()
    topic = installation.names.signals
    bad: list[int] = []
    good = 0
    for records, attributes, wrong in STORED.values():
        [base] = send_raw(apache_log.bootstrap, topic, [Batch(records, attributes=attributes).build()])
        bad += [base + number for number in wrong]
        good += len(records) - len(wrong)
    half = Installation(
        installation.address, installation.name, 1, {"step_signals": 5, "max_poll_records": 3}
    )
    fold_all(half, apache_log)  # packs and steps end within batches
    found = letters(apache_log, installation)
    assert [int(headers["leadstream-offset"]) for headers, _ in found] == bad
    assert {headers["leadstream-reason"] for headers, _ in found} == {b"unreadable"}
    fold_all(installation, apache_log)
    replayed = Replayed(installation, catalog())
    replayed.check()
    # The dead letters of the replay are those of the worker, to the last byte.
    assert [(one.key(), one.value(), one.headers()) for _, one in found] == replayed.written[0].dead_letters
    # The same when the log is read on from any offset.
    lines = run_command(installation, "log", "export").splitlines()
    assert [msgspec.json.decode(line)["offset"] for line in lines] == list(range(good + len(bad)))
    assert "unreadable" in run_command(installation, "dlq", "list").decode()


@pytest.mark.kafka
def test_a_record_with_a_bad_header_name_can_be_sent_again(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()
    bad = with_headers(1, (LATIN, b"EUR"))
    send_raw(apache_log.bootstrap, installation.names.signals, [Batch([bad]).build()])
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 0
    run_command(installation, "dlq", "replay", "--reason", "unreadable", "--yes")
    fold_all(installation, apache_log)
    assert counted(apache_log, installation) == 1
    again = apache_log.read(installation.names.signals)[-1]
    assert (again.key(), again.value(), again.headers()) == (bad.key, bad.value, [("w\\xe4hrung", b"EUR")])
    assert len(letters(apache_log, installation)) == 1


@pytest.mark.kafka
def test_a_bad_record_of_an_aborted_transaction_stays_out(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()
    topic = installation.names.signals
    bad = with_headers(1, (LATIN, b"EUR"))
    for number, commit in ((10, False), (20, True)):
        batch = Batch([bad, signal(number + 1)])
        send_raw_in_transaction(
            apache_log.bootstrap, f"{installation.name}-{number}", topic, signal(number), batch, commit=commit
        )
    send_raw(apache_log.bootstrap, topic, [Batch([signal(30)]).build()])
    fold_all(installation, apache_log)
    # Offsets 0 to 2 are aborted, 3 and 7 are markers.
    assert counted(apache_log, installation) == 3
    [(headers, _)] = letters(apache_log, installation)
    assert headers["leadstream-offset"] == b"5"
    Replayed(installation, catalog()).check()


@pytest.mark.kafka
@pytest.mark.usefixtures("processes")
def test_bytes_changed_on_the_brokers_disk_are_passed_over_and_named(tmp_path: Path, unique: str) -> None:
    with ApacheKafka(tmp_path / "kafka", heap="512m") as broker:
        installation = Installation(broker.address, unique).create()
        log, topic = Log(installation.bootstrap), installation.names.signals
        batches = [Batch([signal(number), signal(number + 1)]).build() for number in (1, 3, 5)]
        send_raw(log.bootstrap, topic, batches)
        segment = broker.data / f"{topic}-0" / "00000000000000000000.log"
        with segment.open("r+b") as file:
            stored = file.read()
            file.seek(stored.index(b'"s3"') + 1)
            file.write(b"x")
        fold_all(installation, log)
        assert counted(log, installation) == 4
        [(headers, letter)] = letters(log, installation)
        assert headers["leadstream-reason"] == b"unreadable"
        assert (headers["leadstream-offset"], headers["leadstream-last-offset"]) == (b"2", b"3")
        assert headers["leadstream-timestamp"] == b"-1"
        assert b"CRC" in headers["leadstream-detail"]
        assert b'"x3"' in letter.value()
        fold_all(installation, log)
        Replayed(installation, catalog()).check()
        for command in (("dlq", "list"), ("dlq", "show", "0-0"), ("log", "export")):
            assert "CRC of the batch is wrong" in run_command(installation, *command).decode()
        assert run_command(installation, "dlq", "replay", "--yes").decode().startswith("1 dead letters")


@pytest.mark.kafka
def test_unreadable_state_is_refused_and_named(install_apache: Install, apache_log: Log) -> None:
    installation = install_apache()
    apache_log.send(installation.names.signals, [sent(1)])
    fold_all(installation, apache_log)
    changelog = installation.names.changelog
    [offset] = send_raw(
        apache_log.bootstrap, changelog, [Batch([Raw(b"acme:l1", b"row", [(LATIN, b"")])]).build()]
    )
    message = str(refusal(installation))
    assert (
        f"{changelog}-0 can't be read at offset {offset}: header 1 of 1 has a name that is no UTF-8"
        in message
    )


@pytest.mark.kafka
def test_what_is_unreadable_in_an_output_does_not_stop_the_projector(
    install_apache: Install, apache_log: Log, postgres_dsn: str, unique: str, tmp_path: Path
) -> None:
    installation = install_apache()
    names = installation.names
    foreign = Batch([Raw(b"acme:l9", b"{}", [(LATIN, b"")])]).build()
    for topic in names.projected:
        send_raw(apache_log.bootstrap, topic, [foreign])
    apache_log.send(names.signals, [sent(1), sent(2)])
    fold_all(installation, apache_log)

    async def rows(query: str) -> list[Any]:
        connection = await asyncpg.connect(postgres_dsn)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    with projector(tmp_path, installation, postgres_dsn, unique) as role:
        role.ready()
        until(
            lambda: (
                len(asyncio.run(rows(f"SELECT 1 FROM {unique}.score_events"))) == 2
                and len(asyncio.run(rows(f"SELECT 1 FROM {unique}.projection_dead_letters")))
                == len(names.projected)
            ),
            "all is projected, and what is unreadable put aside",
        )
        role.terminate()
        assert role.ended(20) == 0
    found = asyncio.run(rows(f"SELECT topic, reason, key, value FROM {unique}.projection_dead_letters"))
    assert {row["topic"] for row in found} == set(names.projected)
    assert {(row["reason"], row["key"], row["value"]) for row in found} == {("unreadable", b"acme:l9", b"{}")}
