"""Live against replay: what an installation's topics hold, and what its exported log gives offline."""

import asyncio
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Message
from msgspec.structs import replace

from leadstream.cli.log import export
from leadstream.offline.lines import parse_line
from leadstream.records.keys import TICK_KEY
from leadstream.records.outputs import ScoreSnapshot
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.scoring.decay.totals import Score, accumulators, sum_at
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.partition.rows import POSITION, Mark, read_position
from leadstream.stream.transaction import GUARANTEE_ROW
from tests.support.installation import Installation
from tests.support.log import Log
from tests.support.simulated import Written

TOLERANCE = 1e-9


def run_command(installation: Installation, *arguments: str) -> bytes:
    """The output of `leadstream <arguments>`; fails if the command does."""
    done = subprocess.run(
        [sys.executable, "-m", "leadstream", *arguments],
        env=installation.environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def as_marked(message: Message) -> Mark:
    """What a position row has to say of its last folded record, made of what another client reads."""
    parts = [b"-" if part is None else b"%d:" % len(part) + part for part in (message.key(), message.value())]
    digest = blake2b(b"".join(parts), digest_size=8).digest()
    return Mark(message.offset(), message.timestamp()[1], digest)


def stored_position(rows: dict[bytes, bytes]) -> int:
    """The offset up to which a partition's changelog says that its log is folded."""
    position: int = msgspec.msgpack.decode(rows[b"\0position"])[2]
    return position


class Replayed:
    """An installation's log, exported and folded anew, each partition up to its stored position."""

    def __init__(self, installation: Installation, catalog: ModelCatalog) -> None:
        self.installation = installation
        self.log = Log(installation.bootstrap)
        names = installation.names
        numbers = range(installation.partitions)
        self.changelog = {number: self.log.rows(names.changelog, number) for number in numbers}
        self.positions = {number: stored_position(self.changelog[number]) for number in numbers}
        self.written = {number: Written() for number in numbers}
        self.folds = {
            number: PartitionFold(
                app=installation.name,
                topic=names.signals,
                partition=number,
                partitions=installation.settings.key_partitions or installation.partitions,
                models=catalog,
                rows={},
            )
            for number in numbers
        }
        self.unfolded: list[Any] = []
        """Records, ticks aside, that live has not folded."""
        lines: list[bytes] = []
        asyncio.run(export(installation.settings, lines.append))
        records = [parse_line(number, line) for number, line in enumerate(lines, start=1)]
        self.records = sum(record.key != TICK_KEY for record in records)
        """Records, ticks aside, in the whole log. Time may ask for a tick at any moment."""
        for number, fold in self.folds.items():
            mine = [record for record in records if record.partition == number]
            folded = [record for record in mine if record.offset < self.positions[number]]
            self.unfolded += [record for record in mine[len(folded) :] if record.key != TICK_KEY]
            done = 0
            while done < len(folded):
                done = fold.fold(folded, done)
            self.written[number].add(fold.take(self.positions[number]))

    @property
    def leads(self) -> dict[bytes, PartitionFold]:
        """The fold that has a lead, by its key."""
        return {key: fold for fold in self.folds.values() for key, _ in fold.leads()}

    def reading(self, key: bytes, at: int) -> Score:
        """A lead's score at an instant, summed from its accumulators."""
        fold = self.leads[key]
        state = fold.state_of(key)
        assert state is not None
        model = fold.model_of(key)
        total = sum_at(accumulators(state, model), at, model.caps)
        return Score(
            total,
            int(min(max(total, 0.0), 100.0) + TOLERANCE),
            model.bands[model.band_of(total, state.band)].name,
        )

    def action_ids(self) -> list[str]:
        """The ids of all records of the actions topic."""
        return [
            dict(headers)["ce_id"].decode()
            for written in self.written.values()
            for _, _, headers in written.actions
        ]

    def decision_ids(self) -> list[str]:
        """The ids of all records of the decisions topic."""
        return [
            dict(headers)["ce_id"].decode()
            for written in self.written.values()
            for _, _, headers in written.decisions
        ]

    def check(self) -> None:
        """Every topic holds what the replay gives, record for record: nothing lost, nothing twice."""
        for number, written in self.written.items():
            self._check_changelog(number, written)
            self._check_scores(number)
            self._check_outputs(number, written)

    def _check_changelog(self, number: int, written: Written) -> None:
        live = {key: row for key, row in self.changelog[number].items() if key != GUARANTEE_ROW}
        differing = {
            key for key in live.keys() | written.rows.keys() if live.get(key) != written.rows.get(key)
        }
        assert differing <= {POSITION}, f"changelog of partition {number}: {differing}"
        # Lines of an export are other bytes than the records, and a file is no topic.
        here, there = read_position(live[POSITION]), read_position(written.rows[POSITION])
        assert replace(here, log=there.log, last=there.last) == there
        folded = [
            message
            for message in self.log.read(self.installation.names.signals, partition=number)
            if message.offset() < here.position
        ]
        assert here.last == (as_marked(folded[-1]) if folded else None)
        placed_by = self.installation.settings.key_partitions or self.installation.partitions
        assert here.log.partitions == placed_by

    def _check_scores(self, number: int) -> None:
        rows = self.log.rows(self.installation.names.scores, number)
        leads = {key for key, _ in self.folds[number].leads()}
        assert rows.keys() == leads, f"scores of partition {number}"
        for key, row in rows.items():
            live = msgspec.json.decode(row, type=ScoreSnapshot)
            expected = self.reading(key, live.at)
            assert abs(live.total - expected.total) <= TOLERANCE, (live, expected)
            assert (live.score, live.band) == (expected.score, expected.band), (live, expected)

    def _check_outputs(self, number: int, written: Written) -> None:
        names = self.installation.names
        for topic, expected in ((names.actions, written.actions), (names.decisions, written.decisions)):
            live = [
                (message.key(), message.value(), message.headers())
                for message in self.log.read(topic, partition=number)
            ]
            assert live == expected, f"{topic}-{number}: {len(live)} records, not {len(expected)}"
        history = [
            entry
            for message in self.log.read(names.history, partition=number)
            for entry in msgspec.json.decode(message.value())["entries"]
        ]
        assert history == written.history, f"history of partition {number}"
        dead = [_place(message.headers()) for message in self.log.read(names.dead_letters, partition=number)]
        assert dead == [_place(headers) for _, _, headers in written.dead_letters]


def _place(headers: Any) -> tuple[bytes, bytes]:
    found = dict(headers)
    return found["leadstream-offset"], found["leadstream-reason"]


def replayed_by_command(installation: Installation, folder: Path, model: str, *arguments: str) -> list[Any]:
    """The actions and decisions that the commands `log export` and `replay` give up to the end of the log."""
    log, actions = folder / "log.ndjson", folder / "actions.ndjson"
    run_command(installation, "log", "export", "--to", str(log))
    end = max(msgspec.json.decode(line)["received_at"] for line in log.read_bytes().splitlines())
    run_command(
        installation,
        *("replay", "--model", model, "--signals", str(log), "--at", end, "--actions", str(actions)),
        *arguments,
    )
    return [msgspec.json.decode(line) for line in actions.read_bytes().splitlines()]
