"""`leadstream doctor`: what is found, each with a remedy, whatever half of it is down."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec
import pytest

from leadstream.cli.diagnosis.findings import Finding
from leadstream.cli.diagnosis.roles import other_data
from leadstream.cli.diagnosis.signals import Arrivals, judge
from leadstream.cli.doctor import Diagnosis, diagnose
from leadstream.devstack import KafkaAddress
from leadstream.models import load_catalog
from leadstream.records.keys import lead_key, partition_of
from leadstream.records.types import SIGNAL_TYPES
from leadstream.scoring.partition.rows import (
    DATA_VERSIONS,
    POSITION,
    LogIdentity,
    read_position,
)
from leadstream.settings import Settings
from tests.support.durations import DAY
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.waiting import until

TENX = load_catalog("tenx").default
NOWHERE = "postgresql://127.0.0.1:1/none"


def now():
    return int(time.time() * 1000)


def signal(number, kind="email.opened", source="crm", lead=None, timestamp=None, **data):
    lead = lead or f"l{number}"
    body = {"id": f"s{number}", "tenant": "acme", "lead": lead, "type": kind, "at": now(), "source": source}
    return Sent(lead_key("acme", lead), json.dumps(body | {"data": data}).encode(), timestamp=timestamp)


def examine(installation: Installation, model=TENX) -> Diagnosis:
    return asyncio.run(diagnose(installation.settings, model))


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        *[(kind, None) for kind in SIGNAL_TYPES if kind not in TENX.plans],
        ("email.opend", "email.opened"), ("Email.Opened", "email.opened"), ("email.click", "email.clicked"),
        ("page_view", "page.viewed"), ("deal_won", "deal.won"), ("email.deferred", None),
        ("invoice.paid", None),
    ],
)  # fmt: skip
def test_a_slip_is_asked_about_and_a_documented_type_is_none(kind, meant):
    found = Arrivals(seen=2)
    found.add("email.opened", "crm", now())
    found.add(kind, "crm", now())
    [rule] = [one for one in judge(found, TENX, Settings()) if one.area == "rules"]
    assert rule.text == f"type {kind}: no rule of tenx/1 names it"
    question = f"did the producer mean {meant}?"
    assert rule.remedy == (question if meant else "add a rule, or leave it: it costs nothing")


def of(diagnosis: Diagnosis, area: str) -> list[Finding]:
    return [finding for finding in diagnosis.findings if finding.area == area]


def levels(diagnosis: Diagnosis) -> dict[str, str]:
    """The worst level of each area."""
    order = ["ok", "note", "problem"]
    found: dict[str, str] = {}
    for finding in diagnosis.findings:
        worst = max(order.index(finding.level), order.index(found.get(finding.area, "ok")))
        found[finding.area] = order[worst]
    return found


@contextmanager
def role(installation: Installation, *arguments: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "leadstream", *arguments], env=installation.environment()
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()


def test_everything_down(unique, leadstream):
    nowhere = Installation(
        KafkaAddress("127.0.0.1:1", True, False), unique, options={"postgres_dsn": NOWHERE}
    )
    diagnosis = examine(nowhere)
    assert levels(diagnosis) == {"broker": "problem", "tables": "problem"}
    assert all(finding.remedy for finding in diagnosis.findings)
    result = leadstream(nowhere, "doctor", "--model", "nonsense")
    assert result.exit_code == 1
    assert "127.0.0.1:1" in result.stdout
    assert "nonsense" in result.stdout


def test_kafka_without_topics(kafka, unique):
    diagnosis = examine(Installation(kafka, unique, options={"postgres_dsn": NOWHERE}))
    assert levels(diagnosis)["broker"] == "ok"
    [topics] = of(diagnosis, "topics")
    assert (topics.level, topics.remedy) == ("problem", "run `leadstream topics create`")


def test_nothing_runs_and_nothing_came(kafka, unique, postgres_dsn):
    installation = Installation(
        kafka, unique, 2, {"postgres_dsn": postgres_dsn, "postgres_schema": unique}
    ).create()
    diagnosis = examine(installation)
    found = levels(diagnosis)
    assert (found["topics"], found["guarantee"], found["dead letters"]) == ("ok", "ok", "ok")
    assert (found["worker"], found["projector"], found["signals"]) == ("problem", "problem", "problem")
    assert "run `leadstream worker`" in of(diagnosis, "worker")[0].remedy
    assert "leadstream send" in of(diagnosis, "signals")[0].remedy
    # PostgreSQL is there, its tables are not.
    [tables] = of(diagnosis, "tables")
    assert "leadstream db migrate" in tables.text + tables.remedy


@pytest.mark.requirement("S0-15")
def test_where_signals_stopped(kafka, unique):
    installation = Installation(kafka, unique, 2, {"postgres_dsn": NOWHERE}).create()
    log = Log(kafka.bootstrap)
    misplaced = signal(500)
    home = partition_of(misplaced.key, 2)
    log.send(
        installation.names.signals,
        [
            *(signal(number) for number in range(9)),
            signal(20, "email.openned"),
            signal(21, "page.viewed", source="web"),
            misplaced._replace(partition=1 - home),
            Sent(b"acme:l1", b"nope"),
        ],
    )
    rejected = [("leadstream-reason", b"unknown_tenant"), ("leadstream-detail", b"tenant 'x'")]
    log.send(installation.names.dead_letters, [Sent(b"x:l", b"{}", 0, headers=rejected)] * 3)
    diagnosis = examine(installation)

    assert diagnosis.arrivals is not None
    assert set(diagnosis.arrivals.last) == {
        ("email.opened", "crm"),
        ("email.openned", "crm"),
        ("page.viewed", "web"),
    }
    [rule] = of(diagnosis, "rules")
    assert rule.level == "note"
    assert "email.openned" in rule.text
    assert rule.remedy == "did the producer mean email.opened?"
    [sent_on] = [finding for finding in of(diagnosis, "signals") if "wrong partition" in finding.text]
    # 1 of 13 records.
    assert sent_on.level == "problem"
    assert sent_on.text.startswith("7.7% of the last 13 records")
    assert "murmur2_random" in sent_on.remedy
    [letters] = of(diagnosis, "dead letters")
    assert letters.level == "problem"
    assert letters.text.startswith("unknown_tenant: 3, ")
    assert "--tenants" in letters.remedy
    [worker] = of(diagnosis, "worker")
    assert "13 records behind" in worker.text


def test_a_source_that_fell_silent_and_a_model_that_names_nothing(embedded_kafka, unique):
    # Only a broker without LogAppendTime lets a record be three days old.
    installation = Installation(embedded_kafka, unique, 1, {"postgres_dsn": NOWHERE}).create()
    log = Log(embedded_kafka.bootstrap)
    log.send(
        installation.names.signals,
        [
            signal(1, "odd.one", source="crm", timestamp=now() - 3 * DAY),
            signal(2, "odd.other", source="web", timestamp=now()),
        ],
    )
    diagnosis = examine(installation)
    [silent] = [finding for finding in of(diagnosis, "signals") if finding.level == "note"]
    assert silent.text == "source crm has been silent since 3 d ago"
    [rules] = of(diagnosis, "rules")
    assert rules.level == "problem"
    assert "no score can move" in rules.text
    log.send(installation.names.signals, [])
    old = Installation(embedded_kafka, f"{unique}o", 1, {"postgres_dsn": NOWHERE}).create()
    log.send(old.names.signals, [signal(1, timestamp=now() - 2 * DAY)])
    [stopped] = of(examine(old), "signals")
    assert (stopped.level, stopped.text) == ("problem", "the last one came 2 d ago")


def test_producers_that_set_the_time_are_a_problem_unless_allowed(embedded_kafka, unique):
    options = {"postgres_dsn": NOWHERE, "allow_create_time": False}
    installation = Installation(embedded_kafka, unique, 1, options).create()
    Log(embedded_kafka.bootstrap).send(installation.names.signals, [signal(1)])
    diagnosis = examine(installation)
    assert [finding.level for finding in of(diagnosis, "signals")] == ["ok", "problem"]
    assert "LogAppendTime" in of(diagnosis, "signals")[1].remedy
    [topics] = of(diagnosis, "topics")
    assert topics.level == "problem"


@pytest.mark.kafka
def test_a_guarantee_that_the_broker_does_not_fit(apache_kafka, embedded_kafka, unique):
    weak = Installation(embedded_kafka, unique, 1, {"processing_guarantee": "exactly_once"}).create()
    [guarantee] = of(examine(weak), "guarantee")
    assert guarantee.level == "problem"
    assert "at_least_once" in guarantee.remedy
    strong = Installation(apache_kafka, unique, 1, {"processing_guarantee": "at_least_once"}).create()
    [guarantee] = of(examine(strong), "guarantee")
    assert guarantee.level == "note"


@pytest.mark.requirement("S0-15")
def test_a_sound_installation_has_no_problem(kafka, unique, postgres_dsn, leadstream):
    options = {"postgres_dsn": postgres_dsn, "postgres_schema": unique}
    installation = Installation(kafka, unique, 2, options).create()
    Log(kafka.bootstrap).send(installation.names.signals, [signal(number) for number in range(50)])
    with ExitStack() as stack:
        stack.enter_context(role(installation, "worker"))
        stack.enter_context(role(installation, "projector"))
        until(
            lambda: not {"problem", "note"} & set(levels(examine(installation)).values()),
            "everything is folded and projected",
            seconds=90,
        )
        result = leadstream(installation, "doctor")
    assert result.exit_code == 0, result.stdout
    assert "50 leads (cold 50)" in result.stdout
    # Once all is folded the tables know the sources too.
    assert "crm" in result.stdout


@pytest.mark.kafka
def test_a_state_that_is_ahead_of_its_log(apache_kafka, unique, postgres_dsn):
    options = {"postgres_dsn": postgres_dsn, "postgres_schema": unique}
    installation = Installation(apache_kafka, unique, 1, options).create()
    log = Log(apache_kafka.bootstrap)
    log.send(installation.names.signals, [signal(number) for number in range(5)])
    with role(installation, "worker"):
        until(
            lambda: log.rows(installation.names.changelog).get(b"\0position"),
            "a step is committed",
            seconds=60,
        )
    [position] = of(examine(installation), "state")
    assert position.level == "ok"
    # As if the topic had been made anew with fewer records, on brokers that have no ids of topics.
    row = read_position(log.rows(installation.names.changelog)[POSITION])
    nameless = msgspec.structs.replace(row, log=LogIdentity("", "", 1))
    rows = {POSITION: msgspec.msgpack.encode(nameless)}
    ahead = Installation(apache_kafka, f"{unique}n", 1, {"postgres_dsn": NOWHERE}).create()
    log.send(ahead.names.signals, [signal(1)])
    log.send(ahead.names.changelog, [Sent(b"\0position", rows[b"\0position"], 0)])
    [state] = of(examine(ahead), "state")
    assert state.level == "problem"
    assert "ends at 1, but is folded up to 5" in state.text
    # And as if the log's beginning had been deleted before it was folded.
    behind = Installation(apache_kafka, f"{unique}b", 1, {"postgres_dsn": NOWHERE}).create()
    log.send(behind.names.signals, [signal(number) for number in range(20)])
    log.delete_before(behind.names.signals, 0, 15)
    log.send(behind.names.changelog, [Sent(b"\0position", rows[b"\0position"], 0)])
    [state] = of(examine(behind), "state")
    assert "its log begins at 15" in state.text


@pytest.mark.kafka
def test_a_log_that_is_another_one(apache_kafka, unique, postgres_dsn):
    options = {"postgres_dsn": NOWHERE}
    installation = Installation(apache_kafka, unique, 2, options).create()
    names = installation.names
    log = Log(apache_kafka.bootstrap)
    log.send(names.signals, [signal(number) for number in range(60)])

    def folded() -> bool:
        positions = [log.rows(names.changelog, number).get(POSITION) for number in range(2)]
        return all(row is not None and read_position(row).last is not None for row in positions)

    with role(installation, "worker"):
        until(folded, "both partitions are folded", seconds=60)
    assert levels(examine(installation))["state"] == "ok"
    # Partitions are added, to the topic of signals and then to all: nothing says that a topic be made anew.
    log.grow(names.signals, 4)
    log.send(names.signals, [signal(number) for number in range(60, 160)])
    unread = [len(log.read(names.signals, partition=number)) for number in (2, 3)]
    assert min(unread) > 5
    for grown in (2, 4):
        for topic in (names.changelog, names.actions, names.decisions, names.scores, names.history):
            if grown > 2:
                log.grow(topic, grown)
        diagnosis = examine(installation)
        found = of(diagnosis, "state")
        texts = [finding.text for finding in found if finding.level == "problem"]
        assert any("made with keys placed by 2 partitions, not 4" in text for text in texts)
        assert any(f"nobody has read: 2: {unread[0]}, 3: {unread[1]}" in text for text in texts)
        remedies = [finding.remedy for finding in found if finding.level == "problem"]
        assert all("LEADSTREAM_KEY_PARTITIONS=2" in remedy for remedy in remedies)
        counts = [finding for finding in of(diagnosis, "topics") if "partitions=2" in finding.text]
        assert len(counts) == (6 if grown == 2 else 1)
        assert all("make none anew" in finding.remedy for finding in counts)
    # The topic of signals is made anew, with as many records as were folded.
    log.make_anew(names.signals, 2, message_timestamp_type="LogAppendTime")
    log.send(names.signals, [signal(number) for number in range(60)])
    diagnosis = examine(installation)
    [state] = [finding for finding in of(diagnosis, "state") if finding.level == "problem"]
    assert "was made of a topic with the id" in state.text
    assert state.text.endswith("(and 1 more partitions)")
    assert "Another log under the state" in state.remedy


@pytest.mark.kafka
def test_more_partitions_of_an_output_are_no_problem(apache_kafka, unique):
    installation = Installation(apache_kafka, unique, 2, {"postgres_dsn": NOWHERE}).create()
    log = Log(apache_kafka.bootstrap)
    log.grow(installation.names.actions, 3)
    [note, ok] = sorted(of(examine(installation), "topics"), key=lambda finding: finding.level)
    assert (note.level, ok.level) == ("note", "ok")


def test_a_worker_with_other_data_on_phones_or_zones_is_named():
    same = {**DATA_VERSIONS, "unheard-of": "1"}
    assert other_data(same) == []
    (finding,) = other_data({**same, "tzdata": "1999.1"})
    assert (finding.area, finding.level) == ("state", "note")
    assert "tzdata 1999.1" in finding.text
