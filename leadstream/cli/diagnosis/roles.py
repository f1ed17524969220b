"""Checks of worker and projector: do they run, and how far have they come."""

import asyncio
from collections.abc import Mapping

from aiokafka import TopicPartition

from leadstream.cli.diagnosis.findings import Finding
from leadstream.kafka.clients import administration, group_coordinator
from leadstream.kafka.log_reader import bounds, read_tail
from leadstream.kafka.topics import TopicNames, partition_count
from leadstream.records.step import Unreadable
from leadstream.scoring.partition.rows import (
    DATA_VERSIONS,
    POSITION,
    DamagedRow,
    NewerEngine,
    PositionRow,
    read_position,
)
from leadstream.settings import Settings
from leadstream.stream.changelog import unreadable_row
from leadstream.stream.errors import LogTruncated, OtherLog
from leadstream.stream.preflight import added
from leadstream.stream.same_log import RETENTION_REMEDY, SameLog

WATCH_SECONDS = 3.0
"""A group that lags is looked at again after this time."""
TAIL = 10_000
"""Each step ends with a position row, and a step has fewer rows than this."""


async def check_worker(settings: Settings) -> list[Finding]:
    """Whether workers run and keep up with the signals."""
    names = TopicNames(settings.topic_prefix, settings.app)
    return await _check_group(settings, "worker", settings.app, [names.signals])


async def check_projector(settings: Settings) -> list[Finding]:
    """Whether projectors run and keep up with the outputs."""
    names = TopicNames(settings.topic_prefix, settings.app)
    topics = list(names.projected)
    return await _check_group(settings, "projector", f"{settings.app}-projector", topics)


async def check_positions(settings: Settings) -> list[Finding]:
    """Whether the positions in the changelog fit the log of signals."""
    names = TopicNames(settings.topic_prefix, settings.app)
    count = await partition_count(settings, names.signals)
    kept = min(count, await partition_count(settings, names.changelog))
    changelog = [TopicPartition(names.changelog, number) for number in range(kept)]
    log = await bounds(settings, [TopicPartition(names.signals, number) for number in range(count)])
    positions: dict[int, PositionRow] = {}
    data: dict[str, str] = {}
    try:
        async for records in read_tail(settings, changelog, TAIL):
            for record in records:
                if isinstance(record, Unreadable):
                    text = unreadable_row(names.changelog, record.partition, record)
                    return [Finding("state", "problem", text, "a worker that opens the partition is refused")]
                if record.key == POSITION and record.value is not None:
                    stored = positions[record.partition] = read_position(record.value)
                    data.update(stored.data)
    except NewerEngine as error:
        return [Finding("state", "problem", str(error), "run the newer release")]
    except DamagedRow as error:
        return [Finding("state", "problem", str(error), "find out what writes there")]
    findings = other_data(data)
    other = await _other_log(settings, names, positions)
    findings += told(other)
    waiting = 0
    for (_, number), (begin, end) in sorted(log.items()):
        row = positions.get(number)
        if row is None:
            waiting += end - begin
        elif number in other:
            continue
        elif row.position < begin:
            text = f"partition {number} is folded up to offset {row.position}, but its log begins at {begin}"
            findings.append(Finding("state", "problem", text, f"records were deleted: {RETENTION_REMEDY}"))
        else:
            waiting += end - row.position
    findings += added_partitions(names, positions, log)
    if waiting:
        text = f"{waiting:,} records of the log are not folded yet"
        findings.append(Finding("state", "note", text, "wait, if a worker runs; else start one"))
    if not findings:
        findings.append(Finding("state", "ok", "folded up to the end of the log"))
    return findings


async def _other_log(
    settings: Settings, names: TopicNames, positions: Mapping[int, PositionRow]
) -> dict[int, OtherLog | LogTruncated]:
    """By partition, why its position is not one of the log that is there."""
    found: dict[int, OtherLog | LogTruncated] = {}
    same = SameLog(settings, names)
    await same.start()
    try:
        for number, row in sorted(positions.items()):
            try:
                await same.check(number, row)
            except (OtherLog, LogTruncated) as error:
                found[number] = error
    finally:
        await same.stop()
    return found


def told(errors: Mapping[int, OtherLog | LogTruncated]) -> list[Finding]:
    """One finding for each remedy: what is wrong with the first partition that needs it, and how many do."""
    by_remedy: dict[str, list[OtherLog | LogTruncated]] = {}
    for error in errors.values():
        by_remedy.setdefault(error.remedy, []).append(error)
    return [
        Finding(
            "state",
            "problem",
            found[0].what + (f" (and {len(found) - 1} more partitions)" if len(found) > 1 else ""),
            remedy,
        )
        for remedy, found in by_remedy.items()
    ]


def added_partitions(
    names: TopicNames, positions: Mapping[int, PositionRow], log: Mapping[TopicPartition, tuple[int, int]]
) -> list[Finding]:
    """What stands in partitions that were added: a worker begins with a position in each that there is."""
    unread = {
        place.partition: end - begin
        for place, (begin, end) in sorted(log.items())
        if place.partition not in positions
    }
    # Rows of codec 2 don't say how many there were; of a worker that is just starting some are missing.
    placed_by = max((row.log.partitions for row in positions.values()), default=0)
    before = placed_by or min(unread, default=0)
    if not positions or not unread or min(unread) < before or before == len(log):
        return []
    waiting = ", ".join(f"{number}: {count:,}" for number, count in unread.items())
    text = f"partitions were added to {names.signals}; records in them that nobody has read: {waiting}"
    return [Finding("state", "problem", text, added(len(log), before))]


def other_data(data: Mapping[str, str]) -> list[Finding]:
    """Whether the worker decides by other data on phones, time zones or crawlers than are here."""
    findings = []
    for name, version in sorted(data.items()):
        here = DATA_VERSIONS.get(name)
        if here is not None and here != version:
            text = f"the worker has {name} {version}, here is {here}: a replay here may decide otherwise"
            findings.append(Finding("state", "note", text, "run both from the same release"))
    return findings


async def _check_group(settings: Settings, role: str, group: str, topics: list[str]) -> list[Finding]:
    places = [
        TopicPartition(topic, number)
        for topic in topics
        for number in range(await partition_count(settings, topic))
    ]
    members, before = await _members_and_offsets(settings, group, places)
    ends = await bounds(settings, places)
    lag = _lag(before, ends)
    start = f"run `leadstream {role}`, or see why it ended in its log"
    if not members:
        return [Finding(role, "problem", f"none runs in group {group}; {lag:,} records behind", start)]
    runs = f"{members} in group {group}"
    if not lag:
        return [Finding(role, "ok", f"{runs}, at the end of its topics")]
    await asyncio.sleep(WATCH_SECONDS)
    _, after = await _members_and_offsets(settings, group, places)
    moved = sum(after.values()) - sum(before.values())
    if moved > 0:
        text = f"{runs}, {lag:,} records behind, moving at {moved / WATCH_SECONDS:,.0f}/s"
        return [Finding(role, "note", text, f"wait, or start one more {role}")]
    text = f"{runs}, {lag:,} records behind, and did not move in {WATCH_SECONDS:.0f} s"
    return [Finding(role, "problem", text, "see its log and its /readyz")]


async def _members_and_offsets(
    settings: Settings, group: str, places: list[TopicPartition]
) -> tuple[int, dict[TopicPartition, int]]:
    """How many members a group has, and its committed offsets."""
    async with administration(settings) as client:
        coordinator = await group_coordinator(client, group)
        [answer] = await client.describe_consumer_groups([group], coordinator)
        # The embedded broker can't be asked for all partitions at once: they are named.
        found = await client.list_consumer_group_offsets(group, coordinator, places)
    members = len(answer.to_object()["groups"][0]["members"])
    return members, {place: offset.offset for place, offset in found.items() if offset.offset >= 0}


def _lag(offsets: dict[TopicPartition, int], ends: dict[TopicPartition, tuple[int, int]]) -> int:
    """Records, markers included, between what is committed and what can be read."""
    return sum(max(0, end - max(begin, offsets.get(place, 0))) for place, (begin, end) in ends.items())
