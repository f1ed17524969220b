"""What a position row says of its log: which it is, and the record that was folded last."""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
import pytest

from leadstream.models import load_catalog
from leadstream.records.keys import TICK_KEY, lead_key, partition_of
from leadstream.scoring.partition.rows import (
    POSITION,
    UNKNOWN_LOG,
    LogIdentity,
    Mark,
    OtherPartitions,
    PositionRow,
    check_keys,
    mark_of,
    position_row,
    read_position,
)
from leadstream.scoring.state.lead_state import CODEC
from tests.scoring.folding import T0, Log, run
from tests.support.simulated import SimulatedRecord

TENX = load_catalog("tenx").default
HERE = LogIdentity("a" * 32, "b" * 32, 1)


def digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=8).digest()


def row_of(rows: dict[bytes, bytes | None]) -> PositionRow:
    return read_position(rows[POSITION] or b"")


@pytest.mark.parametrize(
    ("key", "value", "hashed"),
    [
        (b"acme:l1", b"{}", b"7:acme:l12:{}"),
        (b"acme:l", b"1{}", b"6:acme:l3:1{}"),
        (None, b"", b"-0:"),
        (b"", None, b"0:-"),
        (None, None, b"--"),
    ],
)
def test_a_mark_is_offset_time_and_a_hash_of_key_and_value(
    key: bytes | None, value: bytes | None, hashed: bytes
) -> None:
    assert mark_of(SimulatedRecord(7, T0, key, value)) == Mark(7, T0, digest(hashed))


@pytest.mark.parametrize(("cuts", "limit"), [((), 4000), ((3, 9), 4000), (range(21), 1), ((20,), 2)])
def test_the_mark_is_that_of_the_last_record_however_the_log_is_cut(cuts: Sequence[int], limit: int) -> None:
    log = Log()
    for number in range(20):
        log.add("email.opened", T0 + number, id=f"s{number}")
    log.tick(T0 + 50)
    whole = row_of(dict(run(log, TENX, packs=cuts, limit=limit, rows={}, log=HERE).steps[-1].changelog))
    assert whole.log == HERE
    assert whole.last == mark_of(log.records[-1])
    assert log.records[-1].key == TICK_KEY


def test_a_step_without_records_keeps_the_mark_and_ids_that_nobody_tells_now() -> None:
    last = Mark(4, T0, b"12345678")
    rows = {POSITION: position_row(5, T0, HERE, last)}
    step = run([], TENX, rows=rows, log=LogIdentity("", "", 1)).fold.take(9)
    row = row_of(dict(step.changelog))
    assert (row.position, row.log, row.last) == (9, HERE, last)


def test_a_record_that_is_rejected_or_sent_on_is_the_last_as_any_other() -> None:
    elsewhere = next(f"l{number}" for number in range(50) if partition_of(lead_key("acme", f"l{number}"), 2))
    sent_on, rejected = Log(), Log()
    sent_on.add("email.opened", T0, lead=elsewhere)
    rejected.raw(b"acme:l1", b"no signal", T0)
    for log in (sent_on, rejected):
        step = run(log, TENX, partitions=2, log=HERE).steps[-1]
        assert step.forwards or step.dead_letters
        assert row_of(dict(step.changelog)).last == mark_of(log.records[-1])


def test_a_row_of_codec_2_says_nothing_of_its_log_and_gains_it() -> None:
    rows = {POSITION: msgspec.msgpack.encode((2, 2, 5, T0, {}))}
    stored = read_position(rows[POSITION])
    assert (stored.log, stored.last) == (UNKNOWN_LOG, None)
    fold = run([], TENX, rows=rows, log=HERE).fold
    assert fold.gains_log()
    row = row_of(dict(fold.take(5).changelog))
    assert (row.codec, row.log, row.last) == (CODEC, HERE, None)


def test_leads_that_belong_elsewhere_show_another_number_of_partitions() -> None:
    leads = [key for number in range(50) if partition_of(key := lead_key("acme", f"l{number}"), 2) == 1]
    rows = [POSITION, *leads]
    check_keys(rows, 1, 2)
    check_keys([POSITION], 1, 4)
    for other in (3, 4, 12):
        with pytest.raises(OtherPartitions, match=f"belongs in [0-9]+ of {other}"):
            check_keys(rows, 1, other)
