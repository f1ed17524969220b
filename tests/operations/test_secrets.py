"""Passwords that LeadStream is given stand nowhere that it writes, and leads stand in no log and no metric.

Planted are a password of Kafka and one of PostgreSQL, then everything is run and fails in real processes,
and all that comes out is searched, also for what an encoder would make of them.
"""

import asyncio
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

import asyncpg
import pytest

from leadstream.devstack import ApacheKafka, KafkaAddress, Postgres, apache
from leadstream.devstack.processes import ChildProcess, free_port
from leadstream.settings import Settings
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.processes import Role, projector, worker
from tests.support.signals import sent
from tests.support.waiting import until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(not apache.available(), reason="needs java and mvn to start a broker of its own"),
]

KAFKA_USER, KAFKA_PASSWORD = "scorer", "kfk/7Qz+W3x@9vB!mark"
POSTGRES_USER, POSTGRES_PASSWORD = "writer", "pgs/4Hn+T8k@2rL!mark"
WRONG = "wrg/5Jd+Y6c@1tF!mark"
"""A password that is not accepted is somebody's, too."""
SECRETS = (KAFKA_PASSWORD, POSTGRES_PASSWORD, WRONG)
LEAD, EMAIL, TOKEN = "lead-7f3kq9", "zoe.planted@example.org", "tok-99xw41"
"""Of the leads: in the topics and tables, where they belong, but nowhere else."""


class SaslKafka(ApacheKafka):
    """A broker with one more listener, that asks for user and password."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, heap="512m")
        self.sasl_port = free_port()

    def _prepare(self) -> ChildProcess:
        process = super()._prepare()
        settings = self.directory / "server.properties"
        text = settings.read_text()
        listener = f",SASL_PLAINTEXT://127.0.0.1:{self.sasl_port}"
        lines = [
            line + listener if line.startswith(("listeners=", "advertised.listeners=")) else line
            for line in text.splitlines()
        ]
        lines = [
            line + ",SASL_PLAINTEXT:SASL_PLAINTEXT" if line.startswith("listener.security") else line
            for line in lines
        ]
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        lines += [
            "sasl.enabled.mechanisms=PLAIN",
            "listener.name.sasl_plaintext.plain.sasl.jaas.config="
            f'{login} user_{KAFKA_USER}="{KAFKA_PASSWORD}";',
        ]
        settings.write_text("\n".join(lines) + "\n")
        return process


def forms(secret: str) -> set[bytes]:
    """The secret as it is, and as encoders would write it."""
    raw = secret.encode()
    found = {raw, quote(secret, safe="").encode(), quote(secret).encode(), quote_plus(secret).encode()}
    found |= {raw.hex().encode(), repr(secret)[1:-1].encode()}
    for whole in (raw, *(b"\0%s\0%s" % (user.encode(), raw) for user in (KAFKA_USER, POSTGRES_USER))):
        found |= {b64encode(whole).rstrip(b"="), urlsafe_b64encode(whole).rstrip(b"=")}
    return found


def leaks(texts: dict[str, bytes], secrets: tuple[str, ...]) -> list[tuple[str, str]]:
    """Where which secret stands."""
    return [
        (place, secret)
        for place, text in texts.items()
        for secret in secrets
        if any(form in text for form in forms(secret))
    ]


@dataclass
class Seen:
    """All that came out: what processes said, what their endpoints said, what is kept."""

    said: dict[str, bytes] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)


def command(installation: Installation, dsn: str, *arguments: str, **more: Any) -> bytes:
    """What a command says, on both outputs, however it ends."""
    done = subprocess.run(
        [sys.executable, "-m", "leadstream", *arguments],
        env=installation.environment(postgres_dsn=dsn, **more), stdin=subprocess.DEVNULL,
        capture_output=True, check=False, timeout=150,
    )  # fmt: skip
    return done.stdout + b"\n--- stderr, code %d\n" % done.returncode + done.stderr


def scram(postgres: Postgres) -> str:
    """Makes a user of the server log in by password; the DSN with it."""

    async def run() -> None:
        connection = await asyncpg.connect(postgres.dsn)
        try:
            await connection.execute(f"CREATE ROLE {POSTGRES_USER} LOGIN PASSWORD '{POSTGRES_PASSWORD}'")
            await connection.execute(f"GRANT ALL ON DATABASE leadstream TO {POSTGRES_USER}")
            rules = postgres.directory / "data" / "pg_hba.conf"
            rules.write_text(f"host all {POSTGRES_USER} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
            await connection.execute("SELECT pg_reload_conf()")
        finally:
            await connection.close()

    asyncio.run(run())
    return dsn_of(postgres, POSTGRES_PASSWORD)


def dsn_of(postgres: Postgres, password: str) -> str:
    port = urlsplit(postgres.dsn).port
    return f"postgresql://{POSTGRES_USER}:{quote(password, safe='')}@127.0.0.1:{port}/leadstream"


def tables(dsn: str) -> bytes:
    """All rows of all tables."""

    async def run() -> list[str]:
        connection = await asyncpg.connect(dsn)
        try:
            names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'leadstream'")
            rows = [await connection.fetch(f"SELECT t::text FROM leadstream.{name[0]} t") for name in names]
            return [row[0] for some in rows for row in some]
        finally:
            await connection.close()

    return "\n".join(asyncio.run(run())).encode()


def signals() -> list[Sent]:
    """Good ones and bad ones, of one lead, with what is nobody's business in them."""
    facts = {"email": EMAIL, "phone": "+12025550123", "token": TOKEN}
    good = [sent(0, LEAD, None, type="lead.updated", data=facts)]
    good += [sent(n, LEAD, None, type="form.submitted", data={"channel": "organic"}) for n in range(1, 5)]
    bad = [
        Sent(
            f"acme:{LEAD}".encode(), f'{{"id": "{TOKEN}", "lead": "{EMAIL}'.encode(), None, [("auth", b"x")]
        ),
        sent(9, LEAD, None, type="score.bumped", data={"points": TOKEN}),
        Sent(f"acme:{EMAIL}".encode(), good[0].value),
        sent(10, LEAD, None, at=TOKEN),
        # PostgreSQL can't hold it as an id: a row of its dead letters.
        sent(11, f"{LEAD}\ud800".encode(errors="replace").decode(), None),
    ]
    return good + bad


def run_everything(folder: Path, kafka: SaslKafka, postgres: Postgres, seen: Seen) -> None:
    """Both roles and the commands, as they should be and as they should not."""
    dsn = scram(postgres)
    login = {
        "kafka_security_protocol": "SASL_PLAINTEXT", "kafka_username": KAFKA_USER,
        "kafka_password": KAFKA_PASSWORD, "log_level": "debug",
    }  # fmt: skip
    address = KafkaAddress(f"127.0.0.1:{kafka.sasl_port}", transactions=True, create_time_only=False)
    good = Installation(address, "secrets", 1, login).create()
    log = Log(kafka.address.bootstrap)
    roles = (
        worker(folder, good, "worker", log_format="json"),
        projector(folder, good, dsn, "leadstream", "projector"),
    )
    with roles[0], roles[1]:
        for role in roles:
            role.ready()
        log.send(good.names.signals, signals())
        until(lambda: log.end(good.names.dead_letters) >= 4, "what is no signal is a dead letter", 90)
        until(lambda: LEAD.encode() in tables(postgres.dsn), "the lead is in the tables", 90)
        for arguments in (
            ["doctor"], ["--debug", "doctor"], ["lead", "show", "acme", LEAD], ["dlq", "list"],
            ["topics", "create", "--partitions", "1"], ["--debug", "topics", "create", "--partitions", "2"],
            ["db", "status"], ["db", "migrate"], ["report", "distribution", "acme"],
            ["--help"], ["log", "export"],
        ):  # fmt: skip
            seen.said[" ".join(arguments)] = command(good, dsn, *arguments)
        postgres.stop()
        log.send(good.names.signals, [sent(20, LEAD, None)])
        until(lambda: roles[1].get("/readyz")[0] == 503, "the projector misses PostgreSQL")
        for role in roles:
            for path in ("/metrics", "/healthz", "/readyz", "/none"):
                seen.pages[f"{role.port}{path}"] = role.get(path)[1].encode()
        seen.said["doctor without PostgreSQL"] = command(good, dsn, "--debug", "doctor")
        postgres.start()
        for role in roles:
            role.terminate()
            role.ended(15)
    wrong_dsn = dsn_of(postgres, WRONG)
    wrong = Installation(address, "secrets", 1, {**login, "kafka_password": WRONG})
    tls = Installation(address, "secrets", 1, {**login, "kafka_security_protocol": "SASL_SSL"})
    nobody = Installation(
        KafkaAddress("127.0.0.1:1", transactions=True, create_time_only=False), "secrets", 1, login
    )
    for name, installation, address_ in (
        ("wrong kafka", wrong, dsn), ("wrong postgres", good, wrong_dsn), ("tls", tls, dsn),
        ("nobody", nobody, f"postgresql://{POSTGRES_USER}:{quote(WRONG)}@127.0.0.1:1/leadstream"),
        ("unescaped", good, f"postgresql://{POSTGRES_USER}:{WRONG}@127.0.0.1/leadstream"),
        ("no dsn", good, f"host=127.0.0.1 user={POSTGRES_USER} password={WRONG}"),
    ):  # fmt: skip
        for arguments in (["--debug", "doctor"], ["--debug", "db", "status"]):
            seen.said[f"{name}: {arguments}"] = command(installation, address_, *arguments)
        if installation is good:
            failing(projector(folder, installation, address_, "leadstream", f"{name} projector"))
        else:
            failing(worker(folder, installation, f"{name} worker"))
    seen.said |= {path.name: path.read_bytes() for path in folder.glob("*.log")}
    names = good.names
    for topic in (names.signals, *names.projected, names.dead_letters, names.changelog):
        records = log.read(topic)
        parts = [
            part for one in records for part in (one.key(), one.value(), *map(repr, one.headers() or []))
        ]
        seen.kept[topic] = b"\n".join(p if isinstance(p, bytes) else str(p).encode() for p in parts)
    seen.kept["tables"] = tables(postgres.dsn)


def failing(role: Role) -> None:
    """Starts a role that can't work, until it has said so or has ended."""
    with role:
        until(lambda: not role.runs or len(role.log.splitlines()) > 2, "it fails", 90)


@pytest.fixture(scope="module")
def seen(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("secrets")
    found = Seen()
    with SaslKafka(folder / "kafka") as kafka, Postgres(folder / "postgres") as postgres:
        run_everything(folder, kafka, postgres, found)
    return found


def test_everything_ran_and_failed_as_it_was_meant_to(seen: Seen) -> None:
    assert b"partition open" in seen.said["worker.log"]
    assert b"28P01" in seen.said["wrong postgres projector.log"]
    assert b"Authentication failed" in seen.said["wrong kafka worker.log"]
    assert LEAD.encode() in seen.kept["secrets.dead-letters"]
    assert LEAD.encode() in seen.kept["tables"]
    assert leaks({"page": KAFKA_PASSWORD.encode()}, SECRETS) == [("page", KAFKA_PASSWORD)]


def test_no_password_stands_in_logs_outputs_metrics_records_dead_letters_or_tables(seen: Seen) -> None:
    assert leaks(seen.said | seen.pages | seen.kept, SECRETS) == []


def test_no_lead_stands_in_a_log_or_a_metric(seen: Seen) -> None:
    logs = {name: text for name, text in seen.said.items() if name.endswith(".log")}
    assert leaks(logs | seen.pages, (LEAD, EMAIL, TOKEN)) == []


def test_settings_do_not_show_their_secrets() -> None:
    settings = Settings(kafka_password=KAFKA_PASSWORD, postgres_dsn=f"postgresql://u:{POSTGRES_PASSWORD}@h/d")
    shown = [repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()]
    assert leaks({"settings": "".join(shown).encode()}, SECRETS) == []
