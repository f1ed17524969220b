"""A partition's fold: places, ids, bad input, restore, splits."""

import hashlib
import json

import msgspec
import pytest

from leadstream.models import load_catalog
from leadstream.records.keys import partition_of
from leadstream.records.outputs import HistoryEntry
from leadstream.records.rejection import REASONS
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.partition.fold import ModelMismatch, NewerEngine
from leadstream.scoring.partition.rows import PositionRow, position_row, read_position
from leadstream.scoring.partition.snapshot import MAX_BATCH, HistoryWriter
from leadstream.scoring.state.lead_state import CODEC, ENGINE, LeadState, encode_state
from tests.scoring.folding import DAY, HOUR, T0, Log, Result, run

TENX = load_catalog("tenx").default
PHONE = {"phone": "+4930123456"}


def busy() -> Log:
    """Three leads over some weeks: all kinds of crossings, timers, a bad record, a tick."""
    log = Log()
    for number in range(3):
        log.add("lead.created", T0, lead=f"l{number}", data=PHONE if number else {})
    for week in range(6):
        now = T0 + week * 7 * DAY
        for number in range(3):
            log.add("form.submitted", now, lead=f"l{number}", data={"channel": "organic"})
            log.add("page.viewed", now + HOUR, lead=f"l{number}", data={"url": "/pricing"})
            log.add("email.opened", now + 2 * HOUR, lead=f"l{number}")
        log.add("email.replied", now + 3 * HOUR, lead="l1", data={"sentiment": "positive"})
        log.add("score.bumped", now + 3 * HOUR, lead="l2", data={"points": 15})
        log.tick(now + 5 * DAY)
    return log.add("email.unsubscribed", T0 + 40 * DAY, lead="l1").tick(T0 + 300 * DAY)


def without_snapshots(result: Result) -> tuple[object, ...]:
    """All that must not depend on where steps begin and end."""
    steps = result.steps
    return (
        [message for step in steps for message in step.actions],
        [message for step in steps for message in step.decisions],
        result.outputs,
        result.history,
        [message for step in steps for message in step.dead_letters],
        sum((step.counts.outcomes for step in steps), start=type(steps[0].counts.outcomes)()),
    )


@pytest.mark.requirement("N-10")
def test_the_same_log_gives_the_same_bytes() -> None:
    first, second = run(busy(), TENX), run(busy(), TENX)
    assert first.steps == second.steps
    assert len(first.outputs) > 20


@pytest.mark.parametrize("limit", [1, 2, 7, 4000])
def test_packs_and_steps_split_anywhere_give_the_same(limit: int) -> None:
    log = busy()
    whole = run(log, TENX)
    for packs in ([1], [17, 18, 30], range(len(log.records))):
        split = run(log, TENX, packs=list(packs), limit=limit)
        assert without_snapshots(split) == without_snapshots(whole)
        assert dict(split.fold.leads()) == dict(whole.fold.leads())
        assert [split.snapshot(f"l{n}") for n in range(3)] == [whole.snapshot(f"l{n}") for n in range(3)]


def test_a_limit_stops_between_timers_and_now_waits_for_them() -> None:
    log = Log()
    for number in range(5):
        log.add("score.bumped", T0, lead=f"l{number}", data={"points": 60, "by": "ann", "why": "test"})
    log.tick(T0 + 5 * DAY)
    result = run(log.records[:5], TENX)
    assert result.fold.fold(log.records[5:], 0, limit=3) == 0
    waiting = result.fold.take(5)
    due = result.fold.next_due()
    assert due is not None
    assert T0 < waiting.now < due
    while result.fold.fold(log.records[5:], 0, limit=3) == 0:
        pass
    assert result.fold.now == T0 + 5 * DAY
    assert run(log, TENX).fold.next_due() == result.fold.next_due()


def test_a_restore_in_the_middle_goes_on_as_if_nothing_had_happened() -> None:
    log = busy()
    whole = run(log, TENX)
    for cut in range(1, len(log.records), 5):
        before = run(log.records[:cut], TENX, packs=[cut // 2])
        rows: dict[bytes, bytes] = {}
        for step in before.steps:
            rows.update({key: value for key, value in step.changelog if value is not None})
        after = run(log.records[cut:], TENX, rows=dict(sorted(rows.items())))
        assert before.outputs + after.outputs == whole.outputs
        assert before.history + after.history == whole.history
        assert dict(after.fold.leads()) == dict(whole.fold.leads())
        assert (after.fold.now, after.fold.next_due()) == (whole.fold.now, whole.fold.next_due())


def test_the_position_and_the_model_have_rows_of_their_own() -> None:
    result = run(busy(), TENX, packs=[10])
    rows = dict(result.steps[0].changelog)
    position = read_position(rows[b"\0position"] or b"")
    assert (position.position, position.now, position.engine, position.codec) == (
        10,
        T0 + 2 * HOUR,
        ENGINE,
        CODEC,
    )
    assert position.data["phonenumbers"]
    assert b"\0model:acme" in rows
    assert b"\0model:acme" not in dict(result.steps[1].changelog)
    again = run([], TENX, rows=dict(result.fold.leads()) and {k: v for k, v in rows.items() if v is not None})
    assert (again.fold.position, again.fold.now) == (0, T0 + 2 * HOUR)


def test_another_model_over_existing_state_is_refused_with_both_names() -> None:
    rows = {key: value for key, value in run(busy(), TENX).steps[0].changelog if value is not None}
    with pytest.raises(ModelMismatch, match=r"tenant acme .* tenx/1 .* concept/1 .*same rule file"):
        run([], load_catalog("concept").default, rows=dict(rows))
    with pytest.raises(ModelMismatch, match=r"tenant acme .*not in the tenants file: list it again"):
        run([], ModelCatalog(TENX, {"other": TENX}), rows=dict(rows))
    run([], TENX, rows=dict(rows))


def test_rows_of_a_newer_release_are_refused() -> None:
    newer = msgspec.msgpack.encode(PositionRow(CODEC, ENGINE + 1, 5, T0, {}))
    with pytest.raises(NewerEngine, match="start the newer release"):
        run([], TENX, rows={b"\0position": newer})
    with pytest.raises(NewerEngine, match="codec"):
        run([], TENX, rows={b"acme:l1": encode_state(LeadState(codec=CODEC + 1))})


def test_ids_are_a_function_of_the_cause() -> None:
    log = Log().add("email.opened", T0).add("score.bumped", T0, data={"set": 60, "by": "ann", "why": "test"})
    result = run(log, TENX, until=T0 + 30 * DAY)

    def identity(kind: str, what: str, direction: str, ordinal: int) -> str:
        parts = ["leadstream", "acme", "l1", kind, what, direction, "leadstream.signals-0-1", str(ordinal)]
        return hashlib.blake2b("\0".join(parts).encode()).hexdigest()[:32]

    assert [one["id"] for one in result.outputs] == [
        identity("lead.threshold.crossed", "50.0", "up", 0),
        identity("lead.action.requested", "soft-nurture", "up", 1),
        identity("lead.band.changed", "warm", "up", 2),
        identity("lead.threshold.crossed", "50.0", "down", 3),
        identity("lead.band.changed", "cold", "down", 4),
    ]
    other = run(log, TENX, app="shadow")
    assert {one["id"] for one in other.outputs}.isdisjoint({one["id"] for one in result.outputs})


def test_actions_are_cloudevents_with_the_trace_of_the_signal() -> None:
    log = Log().add("score.bumped", T0, data={"set": 90, "by": "ann", "why": "test"})
    log.records[0].headers = [("traceparent", b"00-abc-def-01"), ("x", b"y")]
    step = run(log, TENX).steps[0]
    for key, value, headers in step.actions + step.decisions:
        body = json.loads(value or b"")
        assert key == b"acme:l1"
        assert dict(headers) == {
            "ce_specversion": b"1.0", "ce_id": body["id"].encode(), "ce_type": body["type"].encode(),
            "ce_source": b"/leadstream/leadstream", "ce_time": b"2026-01-01T00:00:00.000Z",
            "ce_subject": b"acme:l1", "content-type": b"application/json", "traceparent": b"00-abc-def-01",
        }  # fmt: skip
    assert len(step.decisions) == 1


def good(**changes: object) -> bytes:
    body = {
        "id": "s",
        "tenant": "acme",
        "lead": "l1",
        "type": "email.opened",
        "at": T0,
        "data": {},
        **changes,
    }
    return json.dumps(body).encode()


HOSTILE = [
    (b"acme:l1", None, "not_json"),
    (b"acme:l1", b"", "not_json"),
    (b"acme:l1", b"{", "not_json"),
    (b"acme:l1", b"[1]", "bad_field"),
    (b"acme:l1", b'{"id": NaN}', "not_json"),
    (b"acme:l1", good(data={"x": "PLACE"}).replace(b'"PLACE"', b"1e999"), "bad_field"),
    (b"acme:l1", good(id=5), "bad_field"),
    (b"acme:l1", good(id=""), "bad_field"),
    (b"acme:l1", good(id="x" * 10_000), "bad_field"),
    (b"acme:l1", good(id="a\nb"), "bad_field"),
    (b"acme:l1", good(data=[]), "bad_field"),
    (b"acme:l1", good(data=None), "bad_field"),
    (b"acme:l1", good(at="yesterday"), "bad_time"),
    (b"acme:l1", good(at="2026-01-01T00:00:00"), "bad_time"),
    (b"acme:l1", good(at=-(10**17)), "bad_time"),
    (b"acme:l1", good(at=10**30), "bad_time"),
    (b"acme:l1", good(at=1.5), "bad_time"),
    (b"acme:l1", b'{"id":"s"}', "bad_field"),
    (b"acme:l2", good(), "key_mismatch"),
    (None, good(), "key_mismatch"),
    (b"\xff\xfe", good(), "key_mismatch"),
    (b"a:b:l1", good(tenant="a:b"), "bad_field"),
    (b":l1", good(tenant=""), "bad_field"),
    (b"acme:l1", good().replace(b"email.opened", b"email.\xff\xfe"), "not_json"),
    (b"acme:l1", good().replace(b"email.opened", b"\\ud800"), "not_json"),
    (b"acme:l1", b"[" * 200_000, "bad_field"),
    (b"acme:l1", b'{"data":' * 100_000 + b"}", "not_json"),
    (b"acme:l1", b"x" * 1_048_577, "too_large"),
    (b"\0unknown", b"{}", "bad_signal"),
]


@pytest.mark.parametrize(("key", "value", "reason"), HOSTILE)
def test_what_is_no_signal_goes_to_the_dead_letters(
    key: bytes | None, value: bytes | None, reason: str
) -> None:
    log = Log().add("email.opened", T0).raw(key, value, T0 + 1, [("h", b"v")]).add("email.opened", T0 + 2)
    result = run(log, TENX)
    assert result.reasons == [reason]
    assert reason in REASONS
    ((sent_key, sent_value, headers),) = result.dead_letters
    assert sent_key == key
    assert sent_value == (value if value is None else value[:524_288])
    named = dict(headers)
    assert named["h"] == b"v"
    assert named["leadstream-topic"] == b"leadstream.signals"
    assert (named["leadstream-partition"], named["leadstream-offset"]) == (b"0", b"1")
    assert named["leadstream-timestamp"] == str(T0 + 1).encode()
    assert 0 < len(named["leadstream-detail"]) <= 1024
    if value is not None and len(value) > 524_288:
        assert named["leadstream-length"] == str(len(value)).encode()
        assert named["leadstream-sha256"] == hashlib.sha256(value).hexdigest().encode()
    assert len(result.history) == 2
    assert result.steps[0].counts.rejected[reason] == 1


ODD = [
    {"data": {"sentiment": {"deep": [1]}}, "type": "email.replied"},
    {"data": {"url": ["/pricing"]}, "type": "page.viewed"},
    {"data": {"url": 5}, "type": "page.viewed"},
    {"data": {"from": {}, "to": []}, "type": "status.changed"},
    {"data": {"channel": True}, "type": "form.submitted"},
    {"data": {"consent": [1, 2], "phone": {"a": 1}, "revenue": 10**40, "x": 1e308}, "type": "lead.updated"},
    {"data": {"consent": {"email": {"no": 1}}}, "type": "lead.updated"},
    {"data": {"email": "ä" * 600}, "type": "lead.updated"},
    {"at": "0001-01-01T00:00:00Z"},
    {"at": "9999-12-31T23:59:59.999Z"},
    {"at": -62_135_596_800_000},
    {"id": "Ä" * 256},
    {"type": "x" * 256},
    {"source": "\u202eodd"},
]


@pytest.mark.parametrize("changes", ODD)
def test_odd_but_legal_signals_are_folded(changes: dict[str, object]) -> None:
    log = Log().add("email.opened", T0).raw(b"acme:l1", good(**changes), T0).tick(T0 + DAY)
    result = run(log, TENX)
    assert result.reasons == []
    assert len(result.history) == 2


def nested(depth: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        ({"text": "x" * 2037}, True),
        ({"text": "x" * 2038}, False),
        (nested(31), True),
        (nested(33), False),
        (nested(300), False),
        ({"list": [[]] * 500}, True),
    ],
)
def test_evidence_is_bounded_and_says_what_is_left_out(data: dict[str, object], kept: bool) -> None:
    # {"text":"..."} has 11 characters around the text.
    log = Log().raw(b"acme:l1", good(data=data, type="status.changed", source="x" * 200), T0)
    log.add("score.bumped", T0, data={"set": 60, "by": "ann", "why": "x" * 3000})
    result = run(log, TENX)
    entry = result.history[0]
    length = len(json.dumps(data, separators=(",", ":")))
    assert (entry.data, entry.data_bytes) == ((data, 0) if kept else ({}, length))
    crossed = result.of_type("lead.threshold.crossed")[0]
    assert "data" not in crossed["signal"]


def test_a_record_that_breaks_the_fold_leaves_its_lead_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    # No input is known to do this; the promise is kept whatever a record brings.
    log = Log().add("form.submitted", T0, data={"channel": "organic"})
    log.add("score.bumped", T0, data={"points": 60, "by": "ann", "why": "test"}).add("email.opened", T0)
    real = msgspec.json.Encoder.encode_into
    calls = []

    class Breaking:
        def encode_into(self, *arguments: object) -> None:
            calls.append(1)
            if len(calls) == 2:
                raise RecursionError("too deep")
            real(msgspec.json.Encoder(), *arguments)

    monkeypatch.setattr("leadstream.scoring.partition.snapshot._entries", Breaking())
    result = run(log, TENX)
    assert result.reasons == ["bad_signal"]
    assert result.outputs == []
    assert [entry.type for entry in result.history] == ["form.submitted", "email.opened"]
    assert result.snapshot().total == 32


def test_records_of_another_partition_are_sent_on_once() -> None:
    key = next(f"acme:x{n}".encode() for n in range(100) if partition_of(f"acme:x{n}".encode(), 4) == 2)
    lead = key.decode().partition(":")[2]
    log = Log().add("email.opened", T0, lead=lead)
    log.records[0].headers = [("h", b"v")]
    result = run(log, TENX, partitions=4)
    ((target, (sent_key, value, headers)),) = result.steps[0].forwards
    assert (target, sent_key, value) == (2, key, log.records[0].value)
    assert headers == [("h", b"v"), ("leadstream-forwarded-from", b"leadstream.signals-0-0")]
    assert list(result.fold.leads()) == []
    log.records[0].headers = headers
    assert run(log, TENX, partitions=4).reasons == ["not_forwarded"]
    assert run(log, TENX, partitions=4, partition=2).reasons == []


def test_with_the_guard_a_lead_leaves_out_what_its_row_has() -> None:
    log = busy()
    first = run(log, TENX)
    rows = {key: value for key, value in first.steps[0].changelog if value is not None}
    again = run(log, TENX, rows=dict(rows), offset_guard=True)
    assert again.outputs == []
    assert dict(again.fold.leads()) == dict(first.fold.leads())
    left_out = sum(step.counts.events["guarded"] for step in again.steps)
    assert left_out + len(again.reasons) == len(first.history) + len(first.reasons)
    assert again.history == []


def test_history_is_packed_in_batches_of_bounded_size() -> None:
    log = Log()
    for number in range(400):
        log.add("page.viewed", T0, lead=f"l{number % 7}", data={"url": "/x", "title": "t" * 1900})
    step = run(log, TENX).steps[0]
    assert len(step.history) > 3
    assert all(MAX_BATCH / 2 < len(value or b"") <= MAX_BATCH for _, value, _ in step.history[:-1])
    assert [entry.offset for entry in run(log, TENX).history] == list(range(400))


def test_no_batch_of_history_is_longer_than_its_bound_to_the_byte() -> None:
    def entry(text: int) -> HistoryEntry:
        return HistoryEntry(1, "a", "l", "s", "t", "", T0, T0, 0.0, 0.0, 0.0, 0, 0, data={"x": "y" * text})

    size = len(msgspec.json.encode(entry(0)))
    for short in range(80):
        writer = HistoryWriter(3)
        writer.add(entry(MAX_BATCH - 2 * size - short))
        writer.add(entry(0))
        batches = [value or b"" for _, value, _ in writer.take()]
        assert all(len(value) <= MAX_BATCH for value in batches)
        assert sum(len(msgspec.json.decode(value)["entries"]) for value in batches) == 2


def test_with_the_guard_a_lead_does_not_go_back_in_time_with_the_position() -> None:
    # Rows and position are written one after the other: a crash between leaves a position that is older.
    log = Log().add("score.bumped", T0, data={"set": 60, "by": "ann", "why": "test"}).tick(T0 + 5 * DAY)
    log.add("lead.recompute", T0 + DAY)
    first = run(log.records[:2], TENX)
    rows = {key: value for key, value in first.steps[0].changelog if value is not None}
    rows[b"\0position"] = position_row(1, T0)
    again = run(log.records[2:], TENX, rows=rows, offset_guard=True)
    # 50 was passed downwards on the fourth day; on the first, where the log is read again, it was over it.
    assert first.crossings == [(50, "up", "signal"), (50, "down", "decay")]
    assert again.crossings == []


def test_no_timestamp_moves_now_beyond_the_year_9999() -> None:
    log = Log().add("score.bumped", T0, data={"set": 90, "by": "ann", "why": "test"}).tick(2**62)
    log.add("email.opened", -1, at=T0)
    result = run(log, TENX)
    assert result.history[1].now == 253_402_300_799_999
    assert result.reasons == []


def test_snapshots_carry_the_state_of_the_last_change() -> None:
    log = Log().add("form.submitted", T0, data={"channel": "organic"}).add("email.bounced", T0 + HOUR)
    snapshot = run(log, TENX).snapshot()
    assert (snapshot.tenant, snapshot.lead, snapshot.at, snapshot.offset) == ("acme", "l1", T0 + HOUR, 1)
    assert (snapshot.model, snapshot.version, snapshot.band) == ("tenx", "1", "cold")
    assert snapshot.total == pytest.approx(30 * 2 ** (-1 / 336) - 20, abs=1e-9)
    form, bounce = snapshot.accumulators
    assert (form.factor, form.points, form.mass, form.t_ref) == ("form.submitted:organic", 30, 1, T0)
    assert (form.kernel, form.half_life, form.count, form.last_at) == ("exponential", 14 * DAY, 1, T0)
    assert (bounce.factor, bounce.points, bounce.t_ref) == ("email.bounced", -20, T0 + HOUR)
