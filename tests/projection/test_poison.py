"""Rows that can't be stored: put aside in the same transaction, and the rest goes on."""

import hashlib
import json
import re
import secrets
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.projection.storable import storable

from .made import Database, Record, band_changed, entry, history, requested, run, skipped, snapshot

FFFD = "\ufffd"


def changed(record: Record, **changes: Any) -> Record:
    """The record with other values in its JSON, also such as no worker would write."""
    assert record.value is not None
    record.value = json.dumps({**json.loads(record.value), **changes}).encode()
    return record


def raw(offset: int, value: bytes | None, key: bytes | None = b"acme:x") -> Record:
    return Record(offset, key, value)


def lead_ids(database: Database) -> list[str]:
    return [row["lead_id"] for row in run(database.rows("SELECT lead_id FROM leads ORDER BY 1"))]


def dead(database: Database) -> dict[int, str]:
    rows = run(database.rows("SELECT log_offset, reason FROM projection_dead_letters ORDER BY 1, item"))
    return {row["log_offset"]: row["reason"] for row in rows}


def test_unreadable_snapshots_are_put_aside(database: Database) -> None:
    records = [
        snapshot(0, "good-1"),
        raw(1, b"\x00\xff not json"),
        raw(2, b'{"tenant": "acme"}'),
        raw(3, b'{"a":' * 100_000),
        raw(4, b'{"tenant": NaN}'),
        raw(5, snapshot(5, "x", total=1.0).value, key=b"acme:y"),
        raw(6, snapshot(6).value, key=None),
        raw(7, None, key=b"no colon"),
        changed(snapshot(8, "x8"), at=10**15),
        changed(snapshot(9, "x9"), last_activity=-(10**14)),
        changed(snapshot(10, "x10"), accumulators=[["factor", "", "not a number"]]),
        changed(snapshot(11, "x11"), score=2**31),
        changed(snapshot(12, "x12"), offset=2**63),
        snapshot(13, f"x13{secrets.token_hex(5000)}"),  # larger than an index entry may be
        snapshot(14, "good-2"),
    ]
    run(database.fill("t.scores", records))
    assert lead_ids(database) == ["good-1", "good-2"]
    assert dead(database) == {
        1: "not_json", 2: "bad_field", 3: "not_json", 4: "not_json", 5: "key_mismatch", 6: "key_mismatch",
        7: "key_mismatch", 8: "bad_time", 9: "bad_time", 10: "bad_field", 11: "refused", 12: "refused",
        13: "refused",
    }  # fmt: skip
    assert run(database.rows("SELECT position FROM projection_positions")) == [{"position": 15}]


def test_a_tombstone_of_no_possible_lead_is_put_aside(database: Database) -> None:
    """Its key is larger than an index takes."""
    long = f"acme:{secrets.token_hex(5000)}".encode()
    run(database.fill("t.scores", [snapshot(0, "a"), raw(1, None, key=long), raw(2, None, key=b"acme:b")]))
    assert lead_ids(database) == ["a"]
    assert dead(database) == {1: "key_mismatch"}


def test_an_older_snapshot_stands_in_for_an_unreadable_one(database: Database) -> None:
    records = [snapshot(0, "a", score=70), snapshot(1, "a", score=71), raw(2, b"{", key=b"acme:a")]
    run(database.fill("t.scores", records))
    assert run(database.rows("SELECT score_total FROM leads")) == [{"score_total": 71}]
    assert dead(database) == {2: "not_json"}


def test_a_bad_entry_of_a_batch_costs_the_others_nothing(database: Database) -> None:
    good, late, refused = entry(1), entry(2, at=10**15), entry(3, score_after=2**31)
    record = history(5, good, late, refused, entry(4))
    malformed = changed(history(6, entry(7), entry(8)))
    malformed.value = malformed.value.replace(b'"s8"', b"8")  # type: ignore[union-attr]
    run(database.fill("t.history", [record, malformed, raw(7, b'{"partition": 0}')]))
    rows = run(database.rows("SELECT source_offset FROM score_events ORDER BY 1"))
    assert [row["source_offset"] for row in rows] == [1, 4, 7]
    letters = run(database.rows("SELECT * FROM projection_dead_letters ORDER BY log_offset, item"))
    assert [(row["log_offset"], row["item"], row["reason"]) for row in letters] == [
        (5, 1, "bad_time"), (5, 2, "refused"), (6, 1, "bad_field"), (7, 0, "bad_field"),
    ]  # fmt: skip
    assert [json.loads(row["value"]).get("offset") for row in letters] == [2, 3, 8, None]


def test_bad_actions_are_put_aside(database: Database) -> None:
    records = [
        requested(0, "a0"),
        changed(requested(1, "a1"), at="yesterday"),
        changed(requested(2, "a2"), channel=None),
        changed(band_changed(3, "b3"), type="lead.merged"),  # of a later version: the common part is kept
        raw(4, b"[]"),
    ]
    run(database.fill("t.actions", records))
    rows = run(database.rows("SELECT id, type, previous_band FROM action_log ORDER BY log_offset"))
    assert [tuple(row.values()) for row in rows] == [
        ("a0", "lead.action.requested", None), ("b3", "lead.merged", None),
    ]  # fmt: skip
    assert dead(database) == {1: "bad_time", 2: "bad_field", 4: "bad_field"}


def test_a_dead_letter_keeps_place_bytes_and_digest(database: Database) -> None:
    value = b"x" * 600_000
    run(database.fill("t.scores", [Record(0, b"acme:\x00\xff", value, timestamp=10**18)], partition=4))
    [row] = run(database.rows("SELECT * FROM projection_dead_letters"))
    assert (row["topic"], row["partition"], row["log_offset"], row["item"]) == ("t.scores", 4, 0, 0)
    assert (row["key"], row["value"], row["value_bytes"]) == (b"acme:\x00\xff", value[:524_288], 600_000)
    assert row["value_sha256"] == hashlib.sha256(value).digest()
    assert row["detail"]


def test_text_that_postgresql_cannot_hold_is_replaced_and_marked(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0, "a", band="ho\0t", version="1" * 60), snapshot(1, "b")]))
    rows = run(database.rows("SELECT score_band, score_version, altered FROM leads ORDER BY lead_id"))
    assert [tuple(row.values()) for row in rows] == [
        (f"ho{FFFD}t", "1" * 50, True), ("hot", "1", False),
    ]  # fmt: skip
    data = {"note": "a\0b", "back\\slash": "\\u0000", "😀": "\\"}
    lone = changed(history(1, entry(2)))
    lone.value = lone.value.replace(b'"demo"', rb'"\ud83d\ude00 \ud83d"')  # type: ignore[union-attr]
    invalid = history(2, entry(3))
    invalid.value = invalid.value.replace(b'"demo"', b'"\xff"')  # type: ignore[union-attr]
    run(database.fill("t.history", [history(0, entry(1, data=data, signal="s\0")), lone, invalid]))
    rows = run(
        database.rows("SELECT signal_id, event_data, altered FROM score_events ORDER BY source_offset")
    )
    assert [json.loads(row["event_data"]) for row in rows] == [
        {"note": f"a{FFFD}b", "back\\slash": "\\u0000", "😀": "\\"}, {"form": f"😀 {FFFD}"}, {"form": FFFD},
    ]  # fmt: skip
    assert [row["altered"] for row in rows] == [True, True, True]
    assert rows[0]["signal_id"] == f"s{FFFD}"
    assert dead(database) == {}


def test_an_id_is_not_replaced(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0, "a\0"), snapshot(1, f"a{FFFD}")]))
    assert lead_ids(database) == [f"a{FFFD}"]
    assert dead(database) == {0: "bad_text"}


def test_extreme_but_legal_values_are_stored(database: Database) -> None:
    year_1, year_9999 = -62_135_596_800_000, 253_402_300_799_999
    records = [
        snapshot(0, "a", at=year_1, last_activity=year_1, total=-1.7e308),
        snapshot(1, "b", at=year_9999, next_change=10**16, total=5e-324),
    ]
    run(database.fill("t.scores", records))
    rows = run(
        database.rows(
            "SELECT extract(epoch FROM score_updated_on) * 1000 AS ms, total, next_change_on FROM leads "
            "ORDER BY lead_id"
        )
    )
    assert [tuple(row.values()) for row in rows] == [
        (year_1, -1.7e308, rows[0]["next_change_on"]), (year_9999, 5e-324, None),
    ]  # fmt: skip
    deep = json.loads("[" * 500 + "]" * 500)
    run(
        database.fill(
            "t.history", [history(0, entry(1, data={"n": 10**300, "deep": deep, "text": "x" * 10**6}))]
        )
    )
    [row] = run(database.rows("SELECT event_data FROM score_events"))
    assert json.loads(row["event_data"])["n"] == 10**300
    assert dead(database) == {}


HOSTILE: dict[str, dict[str, Any]] = {
    "nul": {"band": "a\0b", "type": "lead.\0"},
    "surrogate": {"band": "a\ud83d", "type": "lead.\ud83d"},
    "evidence of 1 MB": {
        "evidence": "x" * 10**6,
        "payload": {"note": "x" * 10**6},
        "data": {"note": "x" * 10**6},
    },
    "score": {"score": 2**31, "score_after": 2**31},
    "total": {"total": 10**400, "after": 10**400, "total_after": 10**400},
    "offset": {"offset": 2**63, "threshold": 10**400},
    "far past": {"at": -(10**15)},
    "far future": {"at": 10**18, "now": 10**18},
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_record_of_any_kind_holds_nothing_up(database: Database, hostile: str) -> None:
    """Each is stored or put aside with its reason; what comes before and after it is stored."""

    def made(kind: str, number: int) -> Record:
        if kind == "history":
            record = history(number, entry(number, f"l{number}"))
        elif kind == "scores":
            record = snapshot(number, f"l{number}")
        else:
            record = (requested if kind == "actions" else skipped)(number, f"{kind}{number}")
        if number != 1:
            return record
        if kind != "history":
            return changed(record, **HOSTILE[hostile])
        assert record.value is not None
        batch = json.loads(record.value)
        return changed(record, entries=[{**batch["entries"][0], **HOSTILE[hostile]}])

    for kind, table in (
        ("scores", "leads"),
        ("history", "score_events"),
        ("actions", "action_log"),
        ("decisions", "decision_log"),
    ):
        run(database.fill(f"t.{kind}", [made(kind, number) for number in range(3)]))
        place = {"leads": "log_offset", "score_events": "source_offset"}.get(table, "log_offset")
        stored = {row["n"] for row in run(database.rows(f"SELECT {place} AS n FROM {table}"))}
        buried = run(
            database.rows(f"SELECT log_offset AS n FROM projection_dead_letters WHERE topic = 't.{kind}'")
        )
        assert {0, 2} <= stored
        assert (1 in stored) != ({"n": 1} in buried), kind


texts = st.text(st.characters(exclude_categories=()) | st.sampled_from('\0\ud800\udc00\\"u0{}'))
values = st.recursive(
    texts | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(texts, inner)
)


def cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub("[\0\ud800-\udfff]", FFFD, value)
    if isinstance(value, list):
        return [cleaned(one) for one in value]
    if isinstance(value, dict):
        return {cleaned(name): cleaned(one) for name, one in value.items()}
    return value


@given(values)
def test_replacing_touches_nothing_else(value: Any) -> None:
    original = json.dumps(value).encode()
    parsed = json.loads(original)  # two halves that stand together became one character
    result, altered = storable(original)
    assert json.loads(result) == cleaned(parsed)
    assert altered == (cleaned(parsed) != parsed)
    assert b"\\u0000" not in result.replace(b"\\\\", b"")
