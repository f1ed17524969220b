"""`leadstream send`: what arrives, what is named, what is refused."""

import json
import signal
import subprocess
import sys
import threading

import pytest

from leadstream.devstack import EmbeddedKafka
from leadstream.records.keys import lead_key
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.waiting import until


def line(number, lead="l1", **more):
    body = {"id": f"s{number}", "tenant": "acme", "lead": lead, "type": "email.opened",
            "at": 1_767_607_200_000 + number}  # fmt: skip
    return json.dumps(body | more).encode()


def arrived(installation):
    return Log(installation.bootstrap).read(installation.names.signals)


def test_every_signal_arrives_in_order_in_the_partition_that_the_java_client_chooses(
    installation, leadstream
):
    leads = [f"lead-{number}" for number in range(50)]
    lines = [line(number, leads[number % 50]) for number in range(5000)]
    result = leadstream(installation, "send", "-", stdin=b"\n".join(lines))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("5,000 signals sent in ")
    found = arrived(installation)
    by_lead: dict[bytes, list[bytes]] = {}
    for message in found:
        by_lead.setdefault(message.key(), []).append(message.value())
    assert by_lead == {lead_key("acme", lead): lines[number::50] for number, lead in enumerate(leads)}
    # librdkafka's own murmur2, for the same keys.
    log = Log(installation.bootstrap)
    log.send(installation.names.history, [Sent(key, b"") for key in by_lead])
    theirs = {message.key(): message.partition() for message in log.read(installation.names.history)}
    assert {message.key(): message.partition() for message in found} == theirs


def test_bad_lines_are_named_with_number_and_reason_and_the_rest_is_sent(installation, leadstream, tmp_path):
    file = tmp_path / "signals.ndjson"
    file.write_bytes(
        b"\n".join([line(1), b"", b"{", line(4, tenant="a:b"), line(5, at="2026-01-05"), line(6)])
    )
    result = leadstream(installation, "send", str(file))
    assert result.exit_code == 1
    assert [one.split(":")[:2] for one in result.stderr.splitlines()] == [
        ["line 3", " not_json"],
        ["line 4", " bad_field"],
        ["line 5", " bad_time"],
    ]
    assert "2 signals sent" in result.stdout
    assert "3 bad lines" in result.stdout
    assert [message.value() for message in arrived(installation)] == [line(1), line(6)]


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_strict_sends_all_or_nothing(installation, leadstream, tmp_path, source):
    def send(content):
        if source == "pipe":
            return leadstream(installation, "send", "--strict", "-", stdin=content)
        file = tmp_path / "signals.ndjson"
        file.write_bytes(content)
        return leadstream(installation, "send", "--strict", str(file))

    refused = send(line(1) + b"\nnope\n" + line(2) + b"\n")
    assert refused.exit_code == 1
    first, second = refused.stderr.splitlines()
    assert first.startswith("line 2: not_json")
    assert second == "error: 1 of 3 lines are bad, nothing was sent; correct them"
    assert arrived(installation) == []
    assert send(line(1) + b"\n" + line(2) + b"\n").exit_code == 0
    assert [message.value() for message in arrived(installation)] == [line(1), line(2)]


def test_a_signal_of_the_greatest_size_is_sent(installation, leadstream):
    lines = [line(1), line(2, data={"text": "x" * 1_000_000}), line(3)]
    assert leadstream(installation, "send", "-", stdin=b"\n".join(lines)).exit_code == 0
    assert sorted(map(len, (message.value() for message in arrived(installation)))) == sorted(map(len, lines))


def test_without_topics_nothing_is_made(kafka, unique, leadstream):
    installation = Installation(kafka, unique)
    result = leadstream(installation, "send", "-", stdin=line(1))
    assert result.exit_code == 1
    assert result.stderr == (f"error: there is no topic {unique}.signals: run `leadstream topics create`\n")


@pytest.mark.kafka
def test_a_slow_pipe_is_sent_as_it_comes(apache_kafka, unique, spawn):
    installation = Installation(apache_kafka, unique).create()
    process = spawn(
        [sys.executable, "-m", "leadstream", "send", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=installation.environment(),
    )
    assert process.stdin is not None
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        for number in range(2):
            # The next line is written only after this one is in the log.
            process.stdin.write(line(number) + b"\n")
            process.stdin.flush()
            until(lambda wanted=number + 1: len(arrived(installation)) == wanted, "the line is in the log")
        output, _ = process.communicate()
    finally:
        timer.cancel()
        process.kill()
    assert process.returncode == 0
    assert output.startswith(b"2 signals sent")


def piped(spawn, installation, **settings):
    """`leadstream send -` with a pipe that the test writes to."""
    return spawn(
        [sys.executable, "-m", "leadstream", "send", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=installation.environment(**settings),
    )


def test_kafka_goes_away_in_between(tmp_path, unique, spawn):
    with EmbeddedKafka(tmp_path) as broker:
        installation = Installation(broker.address, unique).create()
        process = piped(spawn, installation, step_deadline_seconds=3)
        assert process.stdin is not None
        process.stdin.write(line(1) + b"\n")
        process.stdin.flush()
        until(lambda: len(arrived(installation)) == 1, "the line is in the log")
        broker.kill()
        _, errors = process.communicate(line(2) + b"\n", timeout=60)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 1, errors.decode()
    assert errors.decode().startswith("error: Kafka took 1 signals and then no more")


def test_ctrl_c_while_a_pipe_is_silent(installation, spawn):
    process = piped(spawn, installation)
    assert process.stdin is not None
    process.stdin.write(line(1) + b"\n")
    process.stdin.flush()
    until(lambda: len(arrived(installation)) == 1, "the line is in the log")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    process.stdin.close()
