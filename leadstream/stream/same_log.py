"""Is the log still the one that the state was made of? A position means something only in its log.

Asked of each partition when it is opened, by its row of the changelog, and of the topics while a worker runs.
"""

import asyncio

from aiokafka import TopicPartition

from leadstream.kafka.log_reader import bounds, read_record
from leadstream.kafka.topic_identity import TopicIdentity
from leadstream.kafka.topics import TopicNames
from leadstream.scoring.partition.rows import LogIdentity, PositionRow, mark_of
from leadstream.settings import Settings
from leadstream.stream.errors import LogTruncated, OtherLog
from leadstream.stream.preflight import added
from leadstream.stream.topic_watch import TopicWatch

SEARCH_SECONDS = 5.0
"""A leader that is new may not show the end of its log at once."""
SEE = "see `Another log under the state` in docs/operations.md"
OTHER_LOG_REMEDY = f"bring the old topic back, or begin anew beside it: {SEE}"
RETENTION_REMEDY = f"restore them, or begin anew beside it: {SEE}"


class SameLog:
    """The topics of signals and of the rows as they are when this process starts; do they stay so?"""

    def __init__(self, settings: Settings, names: TopicNames, *, copied: bool = False) -> None:
        """`copied`: another id is no objection where the last folded record is found again, as it was."""
        self._settings = settings
        self._names = names
        self._copied = copied
        self._watch = TopicWatch(settings, [names.signals, names.changelog])
        self.log = LogIdentity()
        """What these topics are, as it is written beside a position."""

    async def start(self) -> None:
        """Learns which topics these are; waits while Kafka is away, or does not show them yet."""
        await self._watch.start()
        signals, changelog = (
            self._watch.found[name] for name in (self._names.signals, self._names.changelog)
        )
        placed_by = self._settings.key_partitions or signals.partitions
        self.log = LogIdentity(signals.id, changelog.id, placed_by)

    async def stop(self) -> None:
        """Ends the connection."""
        await self._watch.stop()

    async def check(self, partition: int, stored: PositionRow) -> None:
        """Raises `OtherLog` or `LogTruncated` unless the stored position is one of the present log."""
        await self._watch.check(self._judge)
        refuse_other_count(self._names, partition, stored, self.log)
        other = other_topic(self._names, partition, stored, self.log)
        if other is not None and not self._copied:
            raise other
        if not await self._find_last(partition, stored) and other is not None:
            raise OtherLog(
                f"{self._names.signals}-{partition} can't be shown to be a copy of the log that the state "
                "was made of: the record that was folded last is not there any more",
                OTHER_LOG_REMEDY,
            )

    async def watch(self) -> None:
        """Raises `OtherLog` when the topics are others, or have another number of partitions, than before."""
        await self._watch.watch(self._judge)

    def grown(self, now: int) -> OtherLog:
        """What is wrong when the topic of signals turns out to have `now` partitions."""
        topic = self._names.signals
        return OtherLog(
            f"{topic} has {now} partitions, and had {self._watch.found[topic].partitions} when this process "
            f"started: producers place keys by {now} now",
            added(now, self.log.partitions),
        )

    def _judge(self, topic: str, before: TopicIdentity, now: TopicIdentity | None) -> OtherLog | None:
        if other := replaced(topic, before, now):
            return OtherLog(other, OTHER_LOG_REMEDY)
        if topic == self._names.signals and now is not None and now.partitions != before.partitions:
            return self.grown(now.partitions)
        return None

    async def _find_last(self, partition: int, stored: PositionRow) -> bool:
        """Whether the last folded record is where it was; False if retention has removed it, or if there is
        none.

        Raises `OtherLog` where another record or none is in its place, `LogTruncated` where the log ends
        before it.
        """
        last = stored.last
        tp = TopicPartition(self._names.signals, partition)
        place = f"{tp.topic}-{tp.partition}"
        give_up = asyncio.get_running_loop().time() + SEARCH_SECONDS
        while True:
            record = None
            if last is not None:
                record = await read_record(self._settings, tp.topic, tp.partition, last.offset)
            if record is not None and last is not None:
                if mark_of(record) != last:
                    raise OtherLog(
                        f"{place} has another record at offset {last.offset} than the one that was folded "
                        "last: this is another log than the state was made of",
                        OTHER_LOG_REMEDY,
                    )
                return True
            begin, end = (await bounds(self._settings, [tp]))[tp]
            if end >= stored.position:
                break
            if asyncio.get_running_loop().time() > give_up:
                raise LogTruncated(
                    f"{place} ends at {end}, but is folded up to {stored.position}: it was made anew, or has "
                    "lost its end",
                    OTHER_LOG_REMEDY,
                )
            await asyncio.sleep(0.5)
        if last is None or begin > last.offset:
            return False
        raise OtherLog(
            f"{place} has no record at offset {last.offset}, where the one was that was folded last: this is "
            "another log than the state was made of",
            OTHER_LOG_REMEDY,
        )


def replaced(topic: str, before: TopicIdentity, now: TopicIdentity | None) -> str | None:
    """What became of a topic while a process ran; None if it is the same."""
    if now is None:
        return f"there is no topic {topic} any more: it was deleted"
    if now.id and before.id and now.id != before.id:
        return f"{topic} was deleted and made anew while this ran"
    return None


def other_topic(
    names: TopicNames, partition: int, stored: PositionRow, present: LogIdentity
) -> OtherLog | None:
    """What is wrong with a row whose topics have other ids, as far as both ids are known; None if nothing."""
    before = stored.log
    if before.topic and present.topic and before.topic != present.topic:
        return OtherLog(
            f"{names.signals} has the id {present.topic}, but the state of partition {partition} was made of "
            f"a topic with the id {before.topic}: it was made anew, or this is another cluster or "
            f"LEADSTREAM_TOPIC_PREFIX; the position {stored.position} means nothing here",
            OTHER_LOG_REMEDY,
        )
    if before.changelog and present.changelog and before.changelog != present.changelog:
        return OtherLog(
            f"{names.changelog} has the id {present.changelog}, but the rows of its partition {partition} "
            f"were written to a topic with the id {before.changelog}: it was made anew, and state is missing",
            OTHER_LOG_REMEDY,
        )
    return None


def refuse_other_count(names: TopicNames, partition: int, stored: PositionRow, present: LogIdentity) -> None:
    """Raises `OtherLog` if the row's keys were placed by another number of partitions."""
    before, now = stored.log.partitions, present.partitions
    if before and before != now:
        raise OtherLog(
            f"the state of {names.signals}-{partition} was made with keys placed by {before} partitions, not "
            f"{now}: with {now} the state of leads would be split",
            added(now, before),
        )
