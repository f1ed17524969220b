"""`leadstream log export`: the log in a file, and its replay against a fold over the log itself."""

import asyncio
import json
import time

import pytest

from leadstream.cli.log import export
from leadstream.models import load_catalog
from leadstream.offline.replay import replay
from leadstream.records.keys import lead_key, partition_of
from leadstream.scoring.partition.fold import PartitionFold
from tests.support.installation import Installation
from tests.support.log import Log, Sent

TENX = load_catalog("tenx")
# A broker with LogAppendTime takes its own clock: signals of long ago would be worth nothing.
AT = int(time.time() * 1000) - 60_000
UNTIL = AT + 400 * 86_400_000


def record(number, lead, kind, **data):
    body = {"id": f"s{number}", "tenant": "acme", "lead": lead, "type": kind, "at": AT + number, "data": data}
    return Sent(lead_key("acme", lead), json.dumps(body).encode(), timestamp=AT + number)


def mixture():
    """Signals that cross and are skipped, duplicates, bad input of several kinds, ticks."""
    records = []
    for number in range(300):
        lead = f"lead-{number % 7}"
        records.append(record(number, lead, "form.submitted", channel="organic"))
        if number % 10 == 0:
            records.append(record(number, lead, "form.submitted", channel="organic"))
            records.append(record(5000 + number, lead, "lead.enriched", phone="+49 30 901820"))
            records.append(Sent(lead_key("acme", lead), b"\xff not json", timestamp=AT + number))
            records.append(Sent(None, b"{}", timestamp=AT + number))
            records.append(Sent(b"acme:other", record(number, lead, "x").value, timestamp=AT + number))
            records += [Sent(b"\0tick", b"{}", place, timestamp=AT + number) for place in range(3)]
    return records


def lines_of(installation, partition=None):
    lines: list[bytes] = []
    asyncio.run(export(installation.settings, lines.append, partition))
    return lines


class Seen:
    """A record as the fold wants it, from the independent client."""

    def __init__(self, message):
        self.offset = message.offset()
        self.timestamp = message.timestamp()[1]
        self.key = message.key()
        self.value = message.value()
        self.headers = message.headers() or []


def folded(installation):
    """The ids of all outputs, and each lead's snapshot, by a fold over the log as it stands."""
    ids = set()
    snapshots = {}
    messages = Log(installation.bootstrap).read(installation.names.signals)
    for partition in range(installation.partitions):
        records = [Seen(message) for message in messages if message.partition() == partition]
        fold = PartitionFold(
            app=installation.name,
            topic=installation.names.signals,
            partition=partition,
            partitions=installation.partitions,
            models=TENX,
            rows={},
        )
        done = 0
        while done < len(records):
            done = fold.fold(records, done)
        fold.fire_until(UNTIL)
        step = fold.take(0)
        ids |= {dict(headers)["ce_id"].decode() for _, _, headers in step.actions + step.decisions}
        for key, value, _ in step.scores:
            snapshots[key] = json.loads(value)
    return ids, snapshots


def agree(installation):
    """The replay of the exported log and the fold over the log come to the same."""
    lines = [line.rstrip(b"\n") for line in lines_of(installation)]
    result = replay(lines, TENX, installation.name, UNTIL, topic="none")
    ids, snapshots = folded(installation)
    assert {one.id for one in result.outputs} == ids
    for snapshot in snapshots.values():
        # Each at the instant that it carries.
        reading = result.reading(snapshot["tenant"], snapshot["lead"], snapshot["at"])
        assert reading.total == pytest.approx(snapshot["total"], abs=1e-9)
        assert (reading.score, reading.band) == (snapshot["score"], snapshot["band"])
    assert len(snapshots) == 7
    assert len(ids) > 20
    return result


@pytest.mark.requirement("N-10")
def test_the_replay_of_an_export_is_the_fold_of_the_log(installation):
    Log(installation.bootstrap).send(installation.names.signals, mixture())
    result = agree(installation)
    assert (result.counts.folded, result.counts.duplicates) == (330, 30)
    assert result.counts.dead_letters == {"not_json": 30, "bad_field": 30, "key_mismatch": 30}


@pytest.mark.kafka
def test_of_transactions_only_what_is_committed_is_exported(apache_kafka, unique):
    installation = Installation(apache_kafka, unique, partitions=3).create()
    log = Log(apache_kafka.bootstrap)
    records = mixture()
    never = [record(number, "lead-1", "form.submitted", channel="organic") for number in range(1000, 1040)]
    log.send_in_transaction(f"{unique}-a", installation.names.signals, records[:200])
    log.send_in_transaction(f"{unique}-a", installation.names.signals, never, commit=False)
    log.send(installation.names.signals, records[200:])
    log.send_in_transaction(f"{unique}-a", installation.names.signals, never, commit=False)
    with log.transactional(f"{unique}-b") as producer:
        producer.begin_transaction()
        producer.produce(installation.names.signals, never[0].value, never[0].key)
        producer.flush(20)
        # Behind the open transaction nothing can be read, and nobody waits for it.
        log.send(installation.names.signals, never[:1])
        result = agree(installation)
        producer.abort_transaction(20)
    assert result.counts.folded == 330
    offsets = [json.loads(line)["offset"] for line in lines_of(installation, partition=0)]
    # The markers at the ends of the transactions are offsets without records.
    assert offsets[0] == 0
    assert len(offsets) < offsets[-1] + 1


@pytest.mark.kafka
def test_a_log_that_no_longer_has_its_beginning_is_told(apache_kafka, unique, leadstream):
    installation = Installation(apache_kafka, unique).create()
    log = Log(apache_kafka.bootstrap)
    log.send(installation.names.signals, [record(number, "l1", "email.opened") for number in range(20)])
    log.delete_before(installation.names.signals, 0, 5)
    result = leadstream(installation, "log", "export")
    assert result.stderr.splitlines() == [
        "note: the log of partition 0 begins at offset 5: what was before is gone",
        "15 records exported",
    ]
    assert json.loads(result.stdout.splitlines()[0])["offset"] == 5


def test_a_record_on_the_wrong_partition_is_marked(installation):
    signal = record(1, "lead-1", "status.changed", **{"from": "prospect", "to": "lead"})
    home = partition_of(signal.key, 3)
    wrong = (home + 1) % 3
    log = Log(installation.bootstrap)
    log.send(installation.names.signals, [signal._replace(partition=wrong), signal])
    by_partition = {json.loads(line)["partition"]: json.loads(line) for line in lines_of(installation)}
    assert by_partition[wrong]["misplaced"] is True
    assert "misplaced" not in by_partition[home]
    lines = [line.rstrip(b"\n") for line in lines_of(installation)]
    result = replay(lines, TENX, installation.name, UNTIL, topic="none")
    assert (result.counts.folded, result.leads) == (1, 1)


def test_one_partition_to_a_file_and_all_to_stdout(installation, leadstream, tmp_path):
    Log(installation.bootstrap).send(installation.names.signals, mixture())
    to = tmp_path / "log.ndjson"
    one = leadstream(installation, "log", "export", "--partition", "1", "--to", str(to))
    assert (one.exit_code, one.stdout) == (0, "")
    every = leadstream(installation, "log", "export")
    lines = [json.loads(line) for line in every.stdout.splitlines()]
    places = [(line["partition"], line["offset"]) for line in lines]
    assert places == sorted(places)
    assert {partition for partition, _ in places} == {0, 1, 2}
    assert [json.loads(line) for line in to.read_text().splitlines()] == [
        line for line in lines if line["partition"] == 1
    ]
    assert every.stderr == f"{len(mixture()):,} records exported\n"
    assert (
        "no partition 7; its partitions are 0 to 2"
        in leadstream(installation, "log", "export", "--partition", "7").stderr
    )


def test_an_empty_log_is_an_empty_file(installation, leadstream):
    result = leadstream(installation, "log", "export")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "0 records exported\n")
