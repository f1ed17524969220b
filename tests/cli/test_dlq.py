"""`leadstream dlq`: dead letters as the fold writes them."""

import json
import re

from leadstream.models import load_catalog
from leadstream.scoring.partition.fold import PartitionFold
from tests.cli.test_log import Seen
from tests.support.log import Log, Sent

SIGNAL = b'{"id":"s1","tenant":"acme","lead":"l1","type":"email.opened","at":1767607000000}'
SECRET = b"\x1b[31m\x07 not json"


def fold_into_dead_letters(installation, catalog=None):
    """Folds the log as it stands and writes the dead letters where the worker would."""
    log = Log(installation.bootstrap)
    messages = log.read(installation.names.signals)
    for partition in range(installation.partitions):
        fold = PartitionFold(
            app=installation.name,
            topic=installation.names.signals,
            partition=partition,
            partitions=installation.partitions,
            models=catalog or load_catalog("tenx"),
            rows={},
        )
        records = [Seen(message) for message in messages if message.partition() == partition]
        fold.fold(records)
        letters = fold.take(0).dead_letters
        log.send(
            installation.names.dead_letters,
            [Sent(key, value, partition, headers) for key, value, headers in letters],
        )


def send(installation, *records):
    Log(installation.bootstrap).send(installation.names.signals, records)


def test_listed_by_reason_with_the_newest(installation, leadstream):
    assert leadstream(installation, "dlq", "list").stdout == "no dead letters\n"
    send(
        installation,
        Sent(b"acme:l1", SECRET),
        Sent(b"acme:l2", SIGNAL),
        Sent(b"acme:l1", b"{"),
        Sent(b"a", b"}"),
    )
    fold_into_dead_letters(installation)
    result = leadstream(installation, "dlq", "list")
    assert result.exit_code == 0
    assert re.search(r"not_json +│ +3 ", result.stdout)
    assert re.search(r"key_mismatch +│ +1 ", result.stdout)
    only = leadstream(installation, "dlq", "list", "--reason", "key_mismatch", "--last", "5").stdout
    assert "not_json" not in only
    assert "acme:l2" in only
    wrong = leadstream(installation, "dlq", "list", "--reason", "other")
    assert wrong.exit_code == 1
    assert "key_mismatch" in wrong.stderr


def test_shown_with_its_headers_and_nothing_that_drives_a_terminal(installation, leadstream):
    send(
        installation,
        Sent(b"acme:l1", SECRET * 500, 1, headers=[("traceparent", b"00-1"), ("x\x1b[0m", b"\x07")]),
    )
    fold_into_dead_letters(installation)
    shown = leadstream(installation, "dlq", "show", "1-0").stdout
    assert "reason: not_json" in shown
    assert f"record: {installation.names.signals}-1-0" in shown
    assert "header 'traceparent': b'00-1'" in shown
    assert "key: b'acme:l1'" in shown
    assert f"value: {len(SECRET) * 500:,} bytes" in shown
    assert r"\x1b[31m\x07 not json" in shown
    assert not set("\x1b\x07") & set(shown)
    assert len(shown) < 6000
    # The name of the topic may stand before.
    assert leadstream(installation, "dlq", "show", f"{installation.names.dead_letters}-1-0").stdout == shown
    for place, said in (
        ("1-1", "no dead letter at 1-1"),
        ("9-0", "no dead letter"),
        ("x", "PARTITION-OFFSET"),
    ):
        result = leadstream(installation, "dlq", "show", place)
        assert result.exit_code == 1
        assert said in result.stderr


def test_sent_back_with_their_own_key_value_and_headers(installation, leadstream, tmp_path):
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text("- tenant: other\n")
    headers = [("traceparent", b"00-1")]
    send(
        installation,
        Sent(b"acme:l1", SIGNAL, headers=headers),
        Sent(b"acme:l1", b"nope"),
        Sent(None, b"no key", 2),
        Sent(b"acme:l1", b"x" * 600_000),
        Sent(b"acme:" + b"l" * 5000, b"{}"),
    )
    fold_into_dead_letters(installation, load_catalog("tenx", tenants))
    before = Log(installation.bootstrap).read(installation.names.signals)

    result = leadstream(installation, "dlq", "replay", "--reason", "unknown_tenant", "--yes")
    assert "1 records sent" in result.stdout
    after = Log(installation.bootstrap).read(installation.names.signals)
    assert len(after) == len(before) + 1
    places = {(one.partition(), one.offset()) for one in before}
    [again] = [one for one in after if (one.partition(), one.offset()) not in places]
    home = next(one.partition() for one in before if one.value() == SIGNAL)
    assert (again.key(), again.value(), again.headers(), again.partition()) == (
        b"acme:l1",
        SIGNAL,
        headers,
        home,
    )

    # All of them: the one that was cut stays out, the one without a key goes where it was.
    result = leadstream(installation, "dlq", "replay", "--yes")
    assert "2 of them can't be sent" in result.stdout
    assert "3 records sent" in result.stdout
    last = Log(installation.bootstrap).read(installation.names.signals)
    assert [one.value() for one in last if one.key() is None and one.partition() == 2] == [b"no key"] * 2


def test_it_asks_and_no_means_nothing_is_sent(installation, leadstream):
    assert "0 dead letters" in leadstream(installation, "dlq", "replay").stdout
    send(installation, Sent(b"acme:l1", b"nope"))
    fold_into_dead_letters(installation)
    refused = leadstream(installation, "dlq", "replay", stdin="n\n")
    assert refused.exit_code == 1
    nobody = leadstream(installation, "dlq", "replay")
    assert nobody.exit_code == 1
    assert nobody.stderr.startswith("error: ")
    assert len(Log(installation.bootstrap).read(installation.names.signals)) == 1
    assert leadstream(installation, "dlq", "replay", stdin="y\n").exit_code == 0
    assert len(Log(installation.bootstrap).read(installation.names.signals)) == 2


def test_a_foreign_record_in_the_topic_is_listed_and_not_sent(installation, leadstream):
    drive = b"\x1b[2J[red]"
    foreign = [
        ("leadstream-reason", b"bad_field"),
        ("leadstream-topic", b"billing"),
        ("leadstream-detail", drive),
    ]
    Log(installation.bootstrap).send(
        installation.names.dead_letters,
        [Sent(b"k", b"v", 0), Sent(b"k", json.dumps({}).encode(), 0, headers=foreign)],
    )
    listed = leadstream(installation, "dlq", "list").stdout
    assert "bad_field" in listed
    assert r"\x1b[2J[red]" in listed
    assert "\x1b" not in listed
    result = leadstream(installation, "dlq", "replay", "--yes")
    assert "2 of them can't be sent" in result.stdout
    assert Log(installation.bootstrap).read(installation.names.signals) == []
