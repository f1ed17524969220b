"""Whatever stands in the topic, the stream goes on, and what can't be folded is in the dead letters."""

import asyncio
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from leadstream.models import load_catalog
from leadstream.records.keys import TICK_KEY, partition_of
from leadstream.scoring.compiled.model import ModelCatalog
from tests.support.installation import Installation
from tests.support.log import Log, Sent
from tests.support.signals import sent
from tests.support.waiting import until_async
from tests.support.workers import RunningWorker

from .conftest import Install

KEY = b"acme:l1"
HEADERS = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("empty", b"")]


def body(**fields: Any) -> bytes:
    """A signal of acme:l1 with some fields changed; a value of `...` leaves the field out."""
    signal = {
        "id": "s1", "tenant": "acme", "lead": "l1", "type": "email.replied", "at": 1_767_000_000_000,
        "data": {"sentiment": "positive"},
    }  # fmt: skip
    changed = {name: value for name, value in {**signal, **fields}.items() if value is not ...}
    return msgspec.json.encode(changed)


def raw(field: str, literal: bytes) -> bytes:
    """A signal with a field whose value JSON libraries would not write."""
    return body(**{field: "RAW"}).replace(b'"RAW"', literal)


BOMB = b'{"data":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
LARGE = body(data={"text": "x" * 2_000_000})
HUGE = body(data={"text": "x" * 10_000_000})

REJECTED: dict[str, tuple[bytes | None, bytes | None, str]] = {
    "not JSON": (KEY, b"\x00\x01 nonsense", "not_json"),
    "empty": (KEY, b"", "not_json"),
    "no value": (KEY, None, "not_json"),
    "cut off": (KEY, body()[:40], "not_json"),
    "two documents": (KEY, body() + body(), "not_json"),
    "invalid UTF-8": (KEY, body(id="a").replace(b'"a"', b'"\xff\xfe"'), "not_json"),
    "UTF-16": (KEY, b"\xff\xfe" + body().decode().encode("utf-16-le"), "not_json"),
    "a lone surrogate": (KEY, raw("id", b'"\\ud800"'), "not_json"),
    "nested bomb": (KEY, BOMB, "not_json"),
    "NaN": (KEY, raw("at", b"NaN"), "not_json"),
    "Infinity": (KEY, raw("at", b"-Infinity"), "not_json"),
    "NaN in data": (KEY, body(data={"points": "RAW"}).replace(b'"RAW"', b"NaN"), "not_json"),
    "an array": (KEY, b"[1,2]", "bad_field"),
    "wrong type": (KEY, body(id=7), "bad_field"),
    "wrong data": (KEY, body(data=[1]), "bad_field"),
    "missing field": (KEY, body(lead=...), "bad_field"),
    "empty id": (KEY, body(id=""), "bad_field"),
    "a long id": (KEY, body(id="x" * 10_000), "bad_field"),
    "NUL": (KEY, body(id="a\0b"), "bad_field"),
    "no time": (KEY, body(at="yesterday"), "bad_time"),
    "a time beyond numbers": (KEY, raw("at", b"1e400"), "bad_time"),
    "a fraction of a millisecond": (KEY, body(at=1.5), "bad_time"),
    "seconds": (KEY, body(at=1_585_254_348), "bad_time"),
    "seconds as a text": (KEY, body(at="1585254348"), "bad_time"),
    "a time without offset": (KEY, body(at="2026-01-05T10:00:00"), "bad_time"),
    "a time before year 1": (KEY, body(at=-62_135_596_800_001), "bad_time"),
    "a time after year 9999": (KEY, body(at=253_402_300_800_000), "bad_time"),
    "another lead's key": (b"acme:l2", body(), "key_mismatch"),
    "no key": (None, body(), "key_mismatch"),
    "a key that is no text": (b"\xff\xfe", body(), "key_mismatch"),
    "a tenant with a colon": (b"a:b:l1", body(tenant="a:b"), "bad_field"),
    "unknown tenant": (b"nobody:l1", body(tenant="nobody"), "unknown_tenant"),
    "a bump without points": (KEY, body(type="score.bumped", data={}), "bad_signal"),
    "a bump beyond measure": (
        KEY,
        body(type="score.bumped", data={"points": 1e300, "by": "me", "why": "?"}),
        "bad_signal",
    ),
    "an unknown control record": (b"\0other", b"{}", "bad_signal"),
    "2 MB": (KEY, LARGE, "too_large"),
    "10 MB": (KEY, HUGE, "too_large"),
}

FOLDED = {
    "year 1": body(id="first", at=-62_135_596_800_000),
    "year 9999, as of now": body(id="last", at="9999-12-31T23:59:59.999Z"),
    "an unknown type": body(id="unknown", type="no.such"),
    "fields that nobody asked for": body(id="more", extra={"a": [1]}, at="2026-01-05T10:00:00+02:00"),
    "numbers that overflow in data": body(id="big", data={"n": "RAW"}).replace(b'"RAW"', b"123456789e80"),
}
"""Read as they stand."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> ModelCatalog:
    tenants = tmp_path_factory.mktemp("tenants") / "tenants.yaml"
    tenants.write_text("- tenant: acme\n- tenant: a-b\n")
    return load_catalog("tenx", tenants)


def fold(installation: Installation, log: Log, catalog: ModelCatalog, records: list[Sent], good: int) -> None:
    """Sends records and folds them, then a signal of another lead: `good` of them are signals."""

    async def run() -> None:
        async with RunningWorker(installation, catalog) as worker:
            await worker.opened()
            await worker.caught_up(log)
            await until_async(lambda: len(history(log, installation)) == good + 1, "all signals are folded")

    log.send(installation.names.signals, [*records, sent(999, "behind", None)])
    asyncio.run(run())


def history(log: Log, installation: Installation) -> list[dict[str, Any]]:
    return [
        entry
        for message in log.read(installation.names.history)
        for entry in msgspec.json.decode(message.value())["entries"]
    ]


def test_each_bad_record_is_a_dead_letter_with_its_bytes_place_and_reason(
    install: Install, log: Log, catalog: ModelCatalog
) -> None:
    installation = install()
    signals = installation.names.signals
    records = [Sent(key, value, 0, HEADERS) for key, value, _ in REJECTED.values()]
    good = [Sent(KEY, value, 0) for value in FOLDED.values()]
    fold(installation, log, catalog, [*records, *good], len(good))
    letters = log.read(installation.names.dead_letters)
    found = {}
    for letter, (name, (key, value, _)) in zip(letters, REJECTED.items(), strict=True):
        headers = dict(letter.headers())
        found[name] = headers["leadstream-reason"].decode()
        place = len(found) - 1
        assert letter.headers()[: len(HEADERS)] == HEADERS, name
        assert (headers["leadstream-topic"], headers["leadstream-partition"]) == (signals.encode(), b"0"), (
            name
        )
        assert headers["leadstream-offset"] == str(place).encode(), name
        assert int(headers["leadstream-timestamp"]) > 0, name
        assert 0 < len(headers["leadstream-detail"]) <= 1024, name
        assert letter.key() == key, name
        if value is None or len(value) <= 524_288:
            assert letter.value() == value, name
            assert "leadstream-length" not in headers, name
        else:
            assert letter.value() == value[:524_288], name
            assert headers["leadstream-length"] == str(len(value)).encode(), name
            assert headers["leadstream-sha256"] == sha256(value).hexdigest().encode(), name
    assert found == {name: reason for name, (_, _, reason) in REJECTED.items()}
    entries = {entry["signal"]: entry for entry in history(log, installation)}
    assert entries.keys() == {"first", "last", "unknown", "more", "big", "s999"}
    # The effective time of what is ahead of now is now.
    assert (entries["last"]["at"], entries["last"]["future"]) == (entries["last"]["now"], True)
    assert entries["unknown"]["outcome"] == "unmatched"


def test_a_record_on_the_wrong_partition_is_sent_on_and_scored_once(
    install: Install, log: Log, catalog: ModelCatalog
) -> None:
    installation = install(2)
    signals = installation.names.signals
    lead = next(f"l{number}" for number in range(99) if partition_of(f"acme:l{number}".encode(), 2) == 1)
    astray = [sent(number, lead, 0) for number in range(3)]
    # One that was sent on before and is astray still would go round for ever.
    lost = Sent(astray[0].key, astray[0].value, 0, [("leadstream-forwarded-from", b"x-1-7")])
    fold(installation, log, catalog, [*astray, lost, Sent(TICK_KEY, b"{}", 0)], 3)
    forwarded = [
        dict(message.headers())["leadstream-forwarded-from"]
        for message in log.read(signals, partition=1)
        if message.headers()
    ]
    assert forwarded == [f"{signals}-0-{offset}".encode() for offset in range(3)]
    scored = [entry for entry in history(log, installation) if entry["lead"] == lead]
    assert [(entry["signal"], entry.get("outcome", "scored")) for entry in scored] == [
        (f"s{number}", "scored") for number in range(3)
    ]
    [letter] = log.read(installation.names.dead_letters)
    assert dict(letter.headers())["leadstream-reason"] == b"not_forwarded"
