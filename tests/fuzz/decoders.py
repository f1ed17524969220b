"""Every decoder of input from outside, as a function from bytes to whether they were accepted.

Each takes the refusals that the decoder documents, and raises nothing else; it looks at what a reader of the
outcome would see.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO, StringIO
from pathlib import Path

import msgspec
from aiokafka import TopicPartition

from leadstream.cli.models_import import System, import_
from leadstream.kafka.dead_letters import read_dead_letter
from leadstream.kafka.fetched import FetchedBytes, ReadableRecords
from leadstream.models import ModelError, load_catalog
from leadstream.models.errors import MOST
from leadstream.offline.lines import (
    BadLine,
    format_line,
    format_unreadable,
    parse_line,
    read_lines,
    signal_record,
)
from leadstream.offline.replay import replay
from leadstream.offline.script import read_script
from leadstream.projection.rows import read_records
from leadstream.records.keys import partition_of
from leadstream.records.outputs import Kind
from leadstream.records.rejection import REASONS, Rejected
from leadstream.records.step import Headers, Step, Unreadable
from leadstream.records.times import DAY, FIRST, LAST, parse_instant
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.partition.rows import POSITION, DamagedRow, ModelMismatch, NewerEngine
from tests.support.raw import Batch

TOPIC = "leadstream.signals"
NOW = 1_767_607_320_000
KEY = b"acme:l1"
SIGNAL = (
    b'{"id":"s1","tenant":"acme","lead":"l1","type":"email.replied","at":1767607000000,'
    b'"data":{"sentiment":"positive"}}'
)
MODELS = ("tenx", "advanced-l2", "governed")
MAX_ROW = 65_536
"""The most bytes of a lead's state after a few signals."""
MAX_LETTER = 600_000
"""The most bytes of a dead letter: 512 KiB of its value, and its key and headers."""


@dataclass
class Record:
    """A record of the log, or of another topic."""

    value: bytes | None
    key: bytes | None = KEY
    offset: int = 7
    timestamp: int = NOW
    partition: int = 0
    headers: Sequence[tuple[str, bytes | None]] = ()


catalog = cache(load_catalog)


def fold_of(model: str, rows: dict[bytes, bytes] | None = None) -> PartitionFold:
    """A partition that takes all keys."""
    return PartitionFold(
        app="leadstream", topic=TOPIC, partition=0, partitions=None, models=catalog(model), rows=rows or {}
    )


def signal(data: bytes) -> bool:
    """A record of the signals topic, through the fold and on into the tables."""
    try:
        key = signal_record(data)[0]
    except Rejected:
        key = KEY
    accepted = {folded(model, Record(data, key)) for model in MODELS}
    assert len(accepted) == 1, "whether a record is a signal does not depend on the model"
    line = format_line(TOPIC, 0, 7, NOW, key, data)
    again = parse_line(1, line.rstrip(b"\n"))
    assert (again.key, again.offset, again.timestamp) == (key, 7, NOW)
    return accepted.pop()


def key_of_signal(data: bytes) -> bool:
    """A key, of a record that is else good."""
    assert 0 <= partition_of(data, 12) < 12
    return folded("tenx", Record(SIGNAL, data))


def folded(model: str, record: Record) -> bool:
    """Whether the fold takes the record; else it is in the dead letters. All that comes out can be read."""
    fold = fold_of(model)
    assert fold.fold([record]) == 1
    step = fold.take(record.offset + 1)
    assert len(step.dead_letters) + sum(step.counts.outcomes.values()) + len(step.forwards) == 1
    check_outputs(step)
    later = fold_of(model, {key: row for key, row in step.changelog if row is not None})
    later.fold([Record(b"{}", b"\0tick", 8, NOW + 400 * DAY)], limit=1_000_000)
    check_outputs(later.take(9))
    return not step.dead_letters


def check_outputs(step: Step) -> None:
    """What a step puts out goes into the tables whole, and its dead letters can be listed."""
    kinds: list[tuple[Kind, list[tuple[bytes | None, bytes | None, Headers]]]] = [
        ("scores", step.scores), ("history", step.history), ("actions", step.actions),
        ("decisions", step.decisions),
    ]  # fmt: skip
    for kind, messages in kinds:
        batch = read_records(kind, 0, [Record(value, key) for key, value, _ in messages])
        assert not [dead.reason for dead in batch.dead if dead.reason != "bad_text"]
    for key, value, headers in step.dead_letters:
        letter = read_dead_letter(Record(value, key, headers=headers))
        assert letter.reason in REASONS
        assert letter.origin_offset == "7"
        assert len(value or b"") + len(key or b"") + sum(len(text) for _, text in headers) < MAX_LETTER
    assert all(len(row) <= MAX_ROW for key, row in step.changelog if row and not key.startswith(b"\0"))


@cache
def good_rows() -> dict[bytes, bytes]:
    """The changelog of a partition with one lead, scored with `tenx`."""
    fold = fold_of("tenx")
    fold.fold([Record(SIGNAL)])
    return {key: row for key, row in fold.take(8).changelog if row is not None}


def row(key: bytes, data: bytes) -> bool:
    """A row of the changelog, restored, then needed."""
    try:
        fold = fold_of("tenx", good_rows() | {key: data})
        fold.fold([Record(SIGNAL.replace(b"s1", b"s2"), offset=8)])
        fold.take(9)
    except (DamagedRow, NewerEngine, ModelMismatch) as refused:
        return one_line(refused)
    return True


def projected(kind: Kind, data: bytes) -> bool:
    """A record of a projected topic."""
    batch = read_records(kind, 0, [Record(data)])
    for dead in batch.dead:
        columns = dead.row("topic", 0)
        assert len(columns[5]) <= 500
        assert "\0" not in columns[5]
    return not batch.dead


def lines(data: bytes) -> bool:
    """A file of `send` and `replay`."""
    bad = 0
    for number, line in enumerate(read_lines(BytesIO(data)), 1):
        if not line:
            continue
        try:
            parse_line(number, line)
        except BadLine as error:
            bad += not one_line(error)
    result = replay(read_lines(BytesIO(data)), catalog("tenx"), "leadstream", NOW, topic=TOPIC)
    list(result.lines())
    return not bad and not result.counts.dead_letters


def script(data: bytes) -> bool:
    """A script of `models simulate`."""
    try:
        read_script(data.decode(errors="replace"), "script.yaml")
    except ModelError as error:
        return one_line(error)
    return True


def tenants(data: bytes) -> bool:
    """A tenants file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tenants.yaml"
        path.write_bytes(data)
        try:
            load_catalog("concept", path)
        except ModelError as error:
            return one_line(error)
    return True


def rule_file(data: bytes) -> bool:
    """A rule file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.yaml"
        path.write_bytes(data)
        try:
            load_catalog(str(path))
        except ModelError as error:
            return one_line(error)
    return True


def export(system: System, data: bytes) -> bool:
    """Another system's rules."""
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(StringIO()), redirect_stdout(StringIO()):
        path = Path(folder) / "export.json"
        path.write_bytes(data)
        try:
            import_([path], system, Path(folder) / "made.yaml", None)
        except ModelError as error:
            return one_line(error)
        load_catalog(str(Path(folder) / "made.yaml"))
    return True


def one_line(error: Exception) -> bool:
    """False, as it is a refusal: one line of some length; of a rule file one for each error."""
    lines = str(error).splitlines()
    assert 1 <= len(lines) <= (MOST + 1 if isinstance(error, ModelError) else 1)
    assert all(0 < len(line) < 1500 for line in lines)
    return False


def batch(data: bytes) -> bool:
    """The records of a batch of three, as the broker hands them out, through the fold."""
    raw = Batch(payload=data, count=3, last_delta=2).build()
    place = TopicPartition(TOPIC, 0)
    found = list(ReadableRecords(place, FetchedBytes(raw), (), 0, None, None, True, 1))
    offsets = [offset for one in found for offset in (one.offset, getattr(one, "last", one.offset))]
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= 2 for offset in offsets)
    fold = fold_of("tenx")
    assert fold.fold(found) == len(found)
    live = fold.take(3)
    # What is exported of it gives the same dead letters.
    bad = [one for one in found if isinstance(one, Unreadable)]
    again = fold_of("tenx")
    again.fold([parse_line(1, format_unreadable(TOPIC, 0, one)) for one in bad])
    assert again.take(3).dead_letters == [
        letter for letter in live.dead_letters if ("leadstream-reason", b"unreadable") in letter[2]
    ]
    return not bad and len(found) == 3


def time(data: bytes) -> bool:
    """A time as it is given on the command line."""
    try:
        assert FIRST <= parse_instant(data.decode(errors="replace")) <= LAST
    except ValueError:
        return False
    return True


def headers(data: bytes) -> bool:
    """The headers of a dead letter, as pairs of name and text in JSON; what they do not say is a `?`."""
    try:
        pairs = msgspec.json.decode(data, type=list[tuple[str, str | None]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    found = [(name, None if text is None else text.encode()) for name, text in pairs]
    read_dead_letter(Record(None, headers=found))
    return True


DECODERS: dict[str, Callable[[bytes], bool]] = {
    "signal": signal,
    "key": key_of_signal,
    "row-lead": partial(row, KEY),
    "row-position": partial(row, POSITION),
    "row-model": partial(row, b"\0model:acme"),
    "row-turns": partial(row, b"\0turns:acme"),
    "scores": partial(projected, "scores"),
    "history": partial(projected, "history"),
    "actions": partial(projected, "actions"),
    "decisions": partial(projected, "decisions"),
    "lines": lines,
    "script": script,
    "tenants": tenants,
    "rule-file": rule_file,
    "mautic": partial(export, System.mautic),
    "hubspot": partial(export, System.hubspot),
    "batch": batch,
    "time": time,
    "dead-letter-headers": headers,
}
