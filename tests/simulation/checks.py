"""What must be true of a run when all faults are over."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from leadstream.projection.rows import read_records
from leadstream.records.keys import CONTROL_PREFIX
from leadstream.records.outputs import Kind
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.partition.rows import POSITION
from leadstream.stream.transaction import GUARANTEE_ROW
from tests.simulation.kafka import Entry
from tests.simulation.model import catalog
from tests.simulation.projector import TOPICS
from tests.simulation.referee import judge
from tests.simulation.store import key_of
from tests.simulation.worker import NAMES, make_fold
from tests.simulation.world import World
from tests.support.simulated import Written

REFEREED = 10
"""One seed in so many is judged by the oracle too, which takes as long as all the rest."""

Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]


@dataclass
class Folded:
    """One undisturbed fold of a partition's log, in one go, and what it wrote."""

    fold: PartitionFold
    end: int
    written: Written = field(default_factory=Written)


def check(world: World) -> None:
    """Raises AssertionError unless every topic holds what an undisturbed fold of the log gives."""
    partitions = range(world.scenario.partitions)
    for number in partitions:
        found = positions(world, number)
        assert found, f"partition {number} has no position"
        assert all(a <= b for a, b in pairwise(found)), f"positions fall: {found}"
    folded = [undisturbed(world, number) for number in partitions]
    for number in partitions:
        check_partition(world, number, folded[number].written)
    if world.scenario.seed % REFEREED == 0:
        for number in partitions:
            referee(world, number, folded[number])
    check_forwards(world, folded)
    check_projection(world)
    ids = Counter(
        dict(headers)["ce_id"]
        for one in folded
        for _, _, headers in one.written.actions + one.written.decisions
    )
    twice = [identity for identity, count in ids.items() if count > 1]
    assert not twice, f"ids that are there twice: {twice}"


def undisturbed(world: World, number: int) -> Folded:
    """The partition's log up to the position that is stored, folded as if nothing had ever gone wrong."""
    fold = make_fold(catalog(), number, world.scenario.partitions, {})
    position = positions(world, number)[-1]
    log = world.kafka.partition(NAMES.signals, number)
    records, end = log.read(0, position)
    assert end == position, f"partition {number} is folded up to {position}, and ends at {end}"
    rest = log.read(position, log.end)[0]
    assert not rest, f"partition {number}: records behind the position {position}: {[r.offset for r in rest]}"
    done = 0
    while done < len(records):
        done = fold.fold(records, done)
    found = Folded(fold, position)
    found.written.add(fold.take(position))
    return found


def referee(world: World, number: int, folded: Folded) -> None:
    """The fold itself, judged by the oracle."""
    forwarded = {
        int((place(headers) or b"").rpartition(b"-")[2]) for _, (_, _, headers) in folded.written.forwards
    }
    records, _ = world.kafka.partition(NAMES.signals, number).read(0, folded.end)
    judge(number, records, forwarded, folded.written, folded.fold)


def positions(world: World, number: int) -> list[int]:
    """The positions that the partition's changelog ever held, as far as it is not compacted."""
    return [
        msgspec.msgpack.decode(entry.value)[2]
        for entry in world.kafka.partition(NAMES.changelog, number).committed()
        if entry.key == POSITION and entry.value is not None
    ]


def check_partition(world: World, number: int, expected: Written) -> None:
    same("actions", number, outputs(world, NAMES.actions, number), expected.actions)
    same("decisions", number, outputs(world, NAMES.decisions, number), expected.decisions)
    same("dead letters", number, outputs(world, NAMES.dead_letters, number), expected.dead_letters)
    history = [
        entry
        for _, value, _ in outputs(world, NAMES.history, number)
        for entry in msgspec.json.decode(value or b"")["entries"]
    ]
    same("history", number, history, expected.history)
    offsets = [entry["offset"] for entry in history]
    assert offsets == sorted(set(offsets)), f"history of partition {number} by offset: {offsets}"
    rows = world.kafka.partition(NAMES.changelog, number).rows()
    rows.pop(GUARANTEE_ROW, None)
    same("changelog", number, rows, expected.rows)
    scores = world.kafka.partition(NAMES.scores, number).rows()
    same("scores", number, scores, expected.scores)
    leads = {key for key in rows if key is not None and not key.startswith(CONTROL_PREFIX)}
    assert leads == set(scores), f"leads of partition {number}: {leads}, scores of {set(scores)}"


def check_projection(world: World) -> None:
    """The tables hold each row of the projected topics, once; of leads the last."""
    tables = world.tables
    expected: dict[Kind, dict[tuple[object, ...], object]] = {kind: {} for kind in tables.rows}
    for topic, number in world.places:
        kind = TOPICS[topic]
        log = world.kafka.partition(topic, number)
        batch = read_records(kind, number, log.committed())
        assert not batch.dead, f"{topic}-{number}: {batch.dead}"
        expected[kind].update({key_of(kind, row): row for row in batch.rows})
    for kind, rows in expected.items():
        same(kind, -1, tables.rows[kind], rows)
    assert not tables.repeated, f"{tables.repeated} rows were written twice"


def check_forwards(world: World, folded: list[Folded]) -> None:
    """Each record that belongs elsewhere went there, once."""
    sent = Counter(
        (number, place(headers)) for one in folded for number, (_, _, headers) in one.written.forwards
    )
    found = Counter(
        (number, place(entry.headers))
        for number in range(world.scenario.partitions)
        for entry in world.kafka.partition(NAMES.signals, number).committed()
        if place(entry.headers) is not None
    )
    assert sent == found, f"sent on {sent - found} and not arrived, arrived {found - sent} and not sent"


def place(headers: list[tuple[str, bytes]]) -> bytes | None:
    return dict(headers).get("leadstream-forwarded-from")


def outputs(world: World, topic: str, number: int) -> list[Row]:
    return [_row(entry) for entry in world.kafka.partition(topic, number).committed()]


def _row(entry: Entry) -> Row:
    return entry.key, entry.value, entry.headers


def same(what: str, number: int, found: Any, expected: Any) -> None:
    """Fails with the first difference."""
    if found == expected:
        return
    if isinstance(found, dict):
        keys = [key for key in {**found, **expected} if found.get(key) != expected.get(key)]
        raise AssertionError(
            f"{what} of partition {number} differ for {keys}: "
            f"found {readable(found.get(keys[0]))}, expected {readable(expected.get(keys[0]))}"
        )
    at = next(
        (i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b),
        min(len(found), len(expected)),
    )
    raise AssertionError(
        f"{what} of partition {number}: {len(found)} records, not {len(expected)}; number {at} is "
        f"{found[at : at + 1]}, expected {expected[at : at + 1]}"
    )


def readable(row: Any) -> Any:
    """A row of the changelog as values; anything else as it is."""
    try:
        return msgspec.msgpack.decode(row)
    except (TypeError, ValueError):
        return row
