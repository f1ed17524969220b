"""Where signals stopped: what came last from each source, what no rule names, what was rejected."""

from collections import Counter
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from leadstream.cli.diagnosis.findings import RECENT_MS, Finding, Level, age, wall_clock
from leadstream.kafka.dead_letters import DeadLetter, read_dead_letter
from leadstream.kafka.log_reader import read_tail
from leadstream.kafka.topics import TopicNames, partition_count
from leadstream.projection.queries import reading
from leadstream.records.keys import CONTROL_PREFIX, hashed_partition, partition_of
from leadstream.records.rejection import Rejected
from leadstream.records.signal import decode_signal
from leadstream.records.slips import nearest
from leadstream.records.step import Unreadable
from leadstream.records.types import SIGNAL_TYPES
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.settings import Settings

TAIL = 20_000
"""Signals looked at, over all partitions."""
DEAD_LETTER_TAIL = 1000
"""Dead letters looked at in each partition."""
MISPLACED_ALARM = 0.01

REMEDIES = {
    "not_json": "the producer must write one JSON object a record, in UTF-8",
    "bad_field": "the detail names the field: correct the producer",
    "bad_time": "`at` is RFC 3339 with an offset, or epoch milliseconds, not seconds: correct the producer",
    "key_mismatch": "the record's key must be tenant:lead as in its body: correct the producer",
    "unknown_tenant": "list it in the --tenants file, then `leadstream dlq replay --reason unknown_tenant`",
    "too_large": "send less in `data`: a signal has up to 1 MiB",
    "bad_signal": "the detail says what this type of signal needs: correct the producer",
    "unreadable": "correct the producer: names of headers are UTF-8; a wrong CRC is a damaged disk",
    "not_forwarded": "a producer sends to the wrong partition: set its partitioner to murmur2",
}


@dataclass(slots=True)
class Arrivals:
    """What came: per (type, source) when the last signal came (epoch ms), and the newest record of all."""

    last: dict[tuple[str, str], int] = field(default_factory=dict)
    newest: int | None = None
    seen: int = 0
    misplaced: int = 0
    create_time: bool = False
    unreadable: list[Unreadable] = field(default_factory=list)

    def add(self, kind: str, source: str, at: int) -> None:
        place = kind, source
        self.last[place] = max(at, self.last.get(place, at))


async def arrivals(settings: Settings) -> Arrivals:
    """What the tables and the end of the topic say; the tables may be away."""
    found = Arrivals()
    topic = TopicNames(settings.topic_prefix, settings.app).signals
    partitions = await partition_count(settings, topic)
    placed_by = settings.key_partitions or partitions
    places = [TopicPartition(topic, number) for number in range(partitions)]
    async for records in read_tail(settings, places, max(1, TAIL // partitions)):
        for record in records:
            readable = not isinstance(record, Unreadable)
            if readable and record.key is not None and record.key.startswith(CONTROL_PREFIX):
                continue
            found.seen += 1
            found.newest = max(record.timestamp, found.newest or 0)
            if not readable:
                found.unreadable.append(record)
                continue
            found.create_time |= record.timestamp_type == 0
            if record.key is not None:
                # Where partitions were added, producers place by all, and the worker sends on.
                found.misplaced += (
                    partition_of(record.key, placed_by) != record.partition
                    and hashed_partition(record.key, partitions) != record.partition
                )
            try:
                signal = decode_signal(record.key, record.value)
            except Rejected:
                continue
            found.add(signal.type, signal.source, record.timestamp)
    return found


async def add_projected(settings: Settings, found: Arrivals) -> None:
    """Adds what the tables know of earlier signals. Raises the projection's errors."""
    async with reading(settings.postgres_dsn.get_secret_value(), settings.postgres_schema) as tables:
        for kind, source, at in await tables.last_signals():
            found.add(kind, source, at)


def is_scored(model: CompiledModel, kind: str) -> bool:
    """Whether a signal of this type does anything to a lead: by a rule, or as the engine's own type."""
    return kind in model.plans


def judge(found: Arrivals, model: CompiledModel | None, settings: Settings) -> list[Finding]:
    """Where signals stopped."""
    topic = TopicNames(settings.topic_prefix, settings.app).signals
    findings = []
    if not found.last:
        text = (
            f"no signals in {topic}" if not found.seen else f"no good signals among the last {found.seen:,}"
        )
        mend = f"check the producers: broker {settings.kafka_bootstrap}, topic {topic}; try `leadstream send`"
        return [Finding("signals", "problem", text, mend)]
    newest = max(found.last.values())
    level: Level = "problem" if wall_clock() - newest > RECENT_MS else "ok"
    mend = "nothing comes any more: check the producers" if level == "problem" else ""
    findings.append(Finding("signals", level, f"the last one came {age(newest)}", mend))
    sources: dict[str, int] = {}
    for (_, source), at in found.last.items():
        sources[source] = max(at, sources.get(source, at))
    for source, at in sorted(sources.items()):
        if newest - at > RECENT_MS:
            text = f"source {source or '(none)'} has been silent since {age(at)}"
            findings.append(Finding("signals", "note", text, "check that producer, if it should send"))
    if found.misplaced:
        share = found.misplaced / found.seen
        text = f"{share:.1%} of the last {found.seen:,} records came to the wrong partition and were sent on"
        mend = "set the producers' partitioner to murmur2 (librdkafka: partitioner=murmur2_random)"
        findings.append(Finding("signals", "problem" if share > MISPLACED_ALARM else "note", text, mend))
    if found.unreadable:
        last = found.unreadable[-1]
        text = (
            f"{len(found.unreadable):,} of the last {found.seen:,} records can't be read, the last one at "
            f"offset {last.offset} of partition {last.partition}: {last.detail}"
        )
        findings.append(Finding("signals", "problem", text, REMEDIES["unreadable"]))
    if found.create_time and not settings.allow_create_time:
        text = "their timestamps are the producers', not the broker's"
        mend = "set message.timestamp.type=LogAppendTime on the topic"
        findings.append(Finding("signals", "problem", text, mend))
    if model is not None:
        findings.extend(_rules(found, model))
    return findings


def _rules(found: Arrivals, model: CompiledModel) -> list[Finding]:
    kinds = sorted({kind for kind, _ in found.last})
    unnamed = [kind for kind in kinds if not is_scored(model, kind)]
    if not unnamed:
        return [Finding("rules", "ok", f"model {model.label} has a rule for every type that came")]
    if len(unnamed) == len(kinds):
        text = f"model {model.label} has a rule for none of the types that came: no score can move"
        return [Finding("rules", "problem", text, f"it knows {', '.join(sorted(model.plans)[:8])}, ...")]
    findings = []
    for kind in unnamed:
        near = nearest(kind, [*SIGNAL_TYPES, *model.plans])
        mend = f"did the producer mean {near}?" if near else "add a rule, or leave it: it costs nothing"
        findings.append(Finding("rules", "note", f"type {kind}: no rule of {model.label} names it", mend))
    return findings


async def check_dead_letters(settings: Settings) -> list[Finding]:
    """Dead letters by reason, with the newest."""
    topic = TopicNames(settings.topic_prefix, settings.app).dead_letters
    places = [TopicPartition(topic, number) for number in range(await partition_count(settings, topic))]
    counts: Counter[str] = Counter()
    newest: dict[str, DeadLetter] = {}
    async for records in read_tail(settings, places, DEAD_LETTER_TAIL):
        for record in records:
            letter = read_dead_letter(record)
            counts[letter.reason] += 1
            if letter.reason not in newest or letter.at >= newest[letter.reason].at:
                newest[letter.reason] = letter
    if not counts:
        return [Finding("dead letters", "ok", "none")]
    findings = []
    for reason, count in counts.most_common():
        letter = newest[reason]
        level: Level = "problem" if wall_clock() - letter.at < RECENT_MS else "note"
        text = f"{reason}: {count:,}, the last {age(letter.at)} ({letter.place}): {letter.detail}"
        mend = REMEDIES.get(reason, "see `leadstream dlq show`")
        findings.append(Finding("dead letters", level, text, mend))
    return findings
