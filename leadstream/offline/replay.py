"""The fold over a file: the same scores and outputs as live, without Kafka."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter

import msgspec

from leadstream.offline.lines import BadLine, LineRecord, parse_line
from leadstream.offline.outputs import Outputs
from leadstream.records.control import CONTROL_KEYS
from leadstream.records.counts import Output
from leadstream.records.keys import lead_key
from leadstream.records.outputs import Accumulator, FactorShare
from leadstream.records.step import Step, Unreadable
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog
from leadstream.scoring.decay.totals import Score, accumulators, contribution, explain, sum_at
from leadstream.scoring.kernels.kernel import score_of
from leadstream.scoring.partition.fold import PartitionFold
from leadstream.scoring.state.lead_state import LeadState

BUFFERED = 4000
"""Records held over all partitions before they are folded."""
WINDOW = 3_600_000
"""Timers of this many milliseconds are fired at once at the end."""

OnBad = Callable[[int, str], None]
"""Called in their order with the number (from 1) of a line that could not be folded, and the reason."""


@dataclass(slots=True)
class Counts:
    """What a replay met. `signals` are records but control records and misplaced ones, so bad ones and
    duplicates are among them; `left_out` came after the end; `dead_letters` count by reason, `bad_lines` are
    no records at all."""

    lines: int = 0
    signals: int = 0
    folded: int = 0
    duplicates: int = 0
    left_out: int = 0
    bad_lines: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    outputs: Counter[Output] = field(default_factory=Counter)


class LeadLine(msgspec.Struct, frozen=True):
    """One line of `replay --scores`. `dimensions` has the points by category, within their caps."""

    tenant: str
    lead: str
    total: float
    score: int
    band: str
    dimensions: dict[str, float]
    factors: tuple[FactorShare, ...]


class Replay:
    """A replay in progress: `feed` it lines, then `finish` it. Memory grows with leads, not with lines.

    `at` (epoch ms) is where it ends: later records are left out, and timers fire up to then. `topic` is for
    lines that name none; it is part of the ids, as `app` is.
    """

    def __init__(
        self,
        catalog: ModelCatalog,
        app: str,
        at: int,
        *,
        topic: str,
        on_bad: OnBad = lambda number, reason: None,
    ) -> None:
        self.at = at
        self.counts = Counts()
        self.outputs = Outputs()
        self._catalog = catalog
        self._app = app
        self._default_topic = topic
        self._topic: str | None = None
        self._on_bad = on_bad
        self._folds: dict[int, PartitionFold] = {}
        self._last: dict[int, int] = {}
        self._buffers: dict[int, list[LineRecord | Unreadable]] = {}
        self._buffered = 0
        self._bad: list[tuple[int, str]] = []

    def feed(self, text: bytes) -> None:
        """Takes the next line; each counts, also blank and bad ones."""
        self.counts.lines += 1
        if not text:
            return
        number = self.counts.lines
        try:
            record = parse_line(number, text)
            self._check_place(record)
        except BadLine as bad:
            self.counts.bad_lines += 1
            self._bad.append((number, str(bad)))
            self._wait()
            return
        self._last[record.partition] = record.last if isinstance(record, Unreadable) else record.offset
        if record.timestamp > self.at:
            self.counts.left_out += 1
            return
        if record.key not in CONTROL_KEYS:
            self.counts.signals += 1
        self._buffers.setdefault(record.partition, []).append(record)
        self._wait()

    def finish(self) -> "ReplayResult":
        """Fires what is due up to the end."""
        self._flush()
        for partition, fold in self._folds.items():
            while (due := fold.next_due()) is not None and due <= self.at:
                fold.fire_until(min(self.at, due + WINDOW))
                self._take(partition, fold, [])
        return ReplayResult(self.counts, self.outputs, self.at, self._folds)

    def _wait(self) -> None:
        self._buffered += 1
        if self._buffered >= BUFFERED:
            self._flush()

    def _check_place(self, record: LineRecord | Unreadable) -> None:
        if self._topic is None:
            self._topic = record.topic or self._default_topic
        if record.topic is not None and record.topic != self._topic:
            raise BadLine(
                f"bad_field: topic {record.topic} after lines of {self._topic}: replay one log at a time"
            )
        last = self._last.get(record.partition, -1)
        if record.offset <= last:
            place = f"offset {record.offset} of partition {record.partition}"
            raise BadLine(f"bad_field: {place} is not after {last}")

    def _flush(self) -> None:
        for partition, records in self._buffers.items():
            fold = self._folds.get(partition)
            if fold is None:
                assert self._topic is not None
                fold = self._folds[partition] = PartitionFold(
                    app=self._app,
                    topic=self._topic,
                    partition=partition,
                    partitions=None,
                    models=self._catalog,
                    rows={},
                )
            done = 0
            while done < len(records):
                done = fold.fold(records, done)
                self._take(partition, fold, records)
        self._buffers.clear()
        self._buffered = 0
        for number, reason in sorted(self._bad):
            self._on_bad(number, reason)
        self._bad.clear()

    def _take(self, partition: int, fold: PartitionFold, records: list[LineRecord | Unreadable]) -> None:
        step = fold.take(self._last[partition] + 1)
        self.outputs.add(partition, step)
        self._count(step, records)

    def _count(self, step: Step, records: list[LineRecord | Unreadable]) -> None:
        counts = self.counts
        for (_, outcome), number in step.counts.outcomes.items():
            if outcome == "duplicate":
                counts.duplicates += number
            else:
                counts.folded += number
        counts.outputs.update(step.counts.outputs)
        if step.dead_letters:
            numbers = {record.offset: record.number for record in records}
            for _, _, headers in step.dead_letters:
                texts = {name: text.decode() for name, text in headers}
                reason = texts["leadstream-reason"]
                counts.dead_letters[reason] += 1
                line = numbers[int(texts["leadstream-offset"])]
                self._bad.append((line, f"{reason}: {texts['leadstream-detail']}"))


class ReplayResult:
    """What a replay came to at its end, `at`."""

    def __init__(self, counts: Counts, outputs: Outputs, at: int, folds: dict[int, PartitionFold]) -> None:
        self.counts = counts
        self.outputs = outputs
        self.at = at
        self._folds = folds

    @property
    def leads(self) -> int:
        """The number of leads with state."""
        return sum(1 for fold in self._folds.values() for _ in fold.leads())

    def reading(self, tenant: str, lead: str, at: int) -> Score | None:
        """A lead's score at an instant (epoch ms) not before its last signal; None for an unknown lead.

        It is summed from the accumulators, so timers that fired after `at` don't matter.
        """
        key = lead_key(tenant, lead)
        for fold in self._folds.values():
            state = fold.state_of(key)
            if state is not None:
                return _reading(state, fold.model_of(key), at)
        return None

    def lines(self) -> Iterator[LeadLine]:
        """Every lead at the end, by tenant and lead."""
        keys = []
        for fold in self._folds.values():
            for key, _ in fold.leads():
                tenant, _, lead = key.decode().partition(":")
                keys.append((tenant, lead, fold))
        for tenant, lead, fold in sorted(keys, key=itemgetter(0, 1)):
            key = lead_key(tenant, lead)
            state, model = fold.state_of(key), fold.model_of(key)
            assert state is not None
            score = _reading(state, model, self.at)
            held = accumulators(state, model)
            shares = tuple(
                FactorShare(factor.factor, factor.points) for factor in explain(held, self.at, model.caps)
            )
            yield LeadLine(
                tenant, lead, score.total, score.score, score.band, _dimensions(held, model, self.at), shares
            )


def replay(
    lines: Iterable[bytes],
    catalog: ModelCatalog,
    app: str,
    at: int,
    *,
    topic: str,
    on_bad: OnBad = lambda number, reason: None,
) -> ReplayResult:
    """Replays lines (without their ends) up to `at`, in epoch milliseconds."""
    replaying = Replay(catalog, app, at, topic=topic, on_bad=on_bad)
    for line in lines:
        replaying.feed(line)
    return replaying.finish()


def _reading(state: LeadState, model: CompiledModel, at: int) -> Score:
    total = sum_at(accumulators(state, model), at, model.caps)
    return Score(total, score_of(total), model.bands[model.band_of(total, state.band)].name)


def _dimensions(held: tuple[Accumulator, ...], model: CompiledModel, at: int) -> dict[str, float]:
    """The points of each category of the model, within its cap."""
    sums = {category.name: 0.0 for category in model.categories if category.name}
    for one in held:
        if one.category in sums:
            sums[one.category] += contribution(one, at)
    for name, (low, high) in model.caps.items():
        sums[name] = min(max(sums[name], low), high)
    return sums
