"""Checks of worker and projector: do they run, and how far have they come."""

import asyncio
from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError

from leadstream.cli.diagnosis.findings import Finding
from leadstream.records.step import Unreadable
from leadstream.scoring.rows import DATA_VERSIONS, POSITION, DamagedRow, NewerEngine, read_position
from leadstream.settings import Settings
from leadstream.stream.changelog import unreadable_row
from leadstream.stream.clients import admin
from leadstream.stream.log_reader import bounds, read_tail
from leadstream.stream.topics import TopicNames, partition_count

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
    changelog = [TopicPartition(names.changelog, number) for number in range(count)]
    log = await bounds(settings, [TopicPartition(names.signals, number) for number in range(count)])
    positions: dict[int, int] = {}
    data: dict[str, str] = {}
    try:
        async for records in read_tail(settings, changelog, TAIL):
            for record in records:
                if isinstance(record, Unreadable):
                    text = unreadable_row(names.changelog, record.partition, record)
                    return [Finding("state", "problem", text, "a worker that opens the partition is refused")]
                if record.key == POSITION and record.value is not None:
                    row = read_position(record.value)
                    positions[record.partition] = row.position
                    data.update(row.data)
    except NewerEngine as error:
        return [Finding("state", "problem", str(error), "run the newer release")]
    except DamagedRow as error:
        return [Finding("state", "problem", str(error), "find out what writes there")]
    findings = other_data(data)
    waiting = 0
    for (_, number), (begin, end) in sorted(log.items()):
        position = positions.get(number)
        if position is None:
            waiting += end - begin
        elif position > end:
            text = f"partition {number} is folded up to offset {position}, but its log ends at {end}"
            mend = "the log was made anew: use another LEADSTREAM_APP, or restore the log"
            findings.append(Finding("state", "problem", text, mend))
        elif position < begin:
            text = f"partition {number} is folded up to offset {position}, but its log begins at {begin}"
            mend = "records were deleted before they were folded: see docs/operations.md on --start-at"
            findings.append(Finding("state", "problem", text, mend))
        else:
            waiting += end - position
    if waiting:
        text = f"{waiting:,} records of the log are not folded yet"
        findings.append(Finding("state", "note", text, "wait, if a worker runs; else start one"))
    if not findings:
        findings.append(Finding("state", "ok", "folded up to the end of the log"))
    return findings


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
    client = admin(settings)
    try:
        await client.start()
        while True:
            try:
                coordinator = await client.find_coordinator(group)
                break
            except GroupCoordinatorNotAvailableError:
                # A new cluster makes the topic of offsets when it is first asked.
                await asyncio.sleep(0.2)
        [answer] = await client.describe_consumer_groups([group], coordinator)
        # The embedded broker can't be asked for all partitions at once: they are named.
        found = await client.list_consumer_group_offsets(group, coordinator, places)
    finally:
        await client.close()
    members = len(answer.to_object()["groups"][0]["members"])
    return members, {place: offset.offset for place, offset in found.items() if offset.offset >= 0}


def _lag(offsets: dict[TopicPartition, int], ends: dict[TopicPartition, tuple[int, int]]) -> int:
    """Records, markers included, between what is committed and what can be read."""
    return sum(max(0, end - max(begin, offsets.get(place, 0))) for place, (begin, end) in ends.items())
