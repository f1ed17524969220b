"""Is the log still the one that the state was made of? A position means something only in its log.

Asked of each partition when it is opened, by its row of the changelog, and of the topics while a worker runs.
"""

import asyncio

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from leadstream.scoring.rows import LogIdentity, PositionRow, mark_of
from leadstream.settings import Settings
from leadstream.stream.clients import connection
from leadstream.stream.errors import LogTruncated, OtherLog
from leadstream.stream.log_reader import bounds, read_record
from leadstream.stream.preflight import when_kafka_answers
from leadstream.stream.topic_identity import TopicIdentity, identify
from leadstream.stream.topics import TopicNames

WATCH_SECONDS = 3.0
"""How often a worker looks at its topics."""
SEARCH_SECONDS = 5.0
"""A leader that is new may not show the end of its log at once."""
SEE = "docs/operations.md, `The log under the state`, says what can be done; nothing is lost as yet"


class SameLog:
    """The topics of signals and of the rows as they were when this process started."""

    def __init__(self, settings: Settings, names: TopicNames, *, copied: bool = False) -> None:
        """`copied`: another id is no objection where the last folded record is found again, as it was."""
        self._settings = settings
        self._names = names
        self._copied = copied
        self._client: AIOKafkaClient | None = None
        self._found: dict[str, TopicIdentity] = {}
        self.log = LogIdentity()

    async def start(self) -> None:
        """Learns which topics these are; waits while Kafka is away, or does not show them yet."""
        await self.stop()
        self._client = await when_kafka_answers(self._connect, "topics")
        while len(self._found) < 2:
            self._found = await when_kafka_answers(self._look, "topics")
            if len(self._found) < 2:
                await asyncio.sleep(0.2)
        signals, changelog = self._found[self._names.signals], self._found[self._names.changelog]
        placed_by = self._settings.key_partitions or signals.partitions
        self.log = LogIdentity(signals.id, changelog.id, placed_by)

    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def check(self, partition: int, stored: PositionRow) -> None:
        """Raises `OtherLog` or `LogTruncated` unless the stored position is one of the present log."""
        names = self._names
        if (found := await when_kafka_answers(self._changed, "topics")) is not None:
            raise found
        refuse_other_count(names, partition, stored, self.log)
        same = same_topics(stored, self.log)
        if not same and not self._copied:
            raise OtherLog(other_topic(names, partition, stored, self.log))
        known = await self._find_last(partition, stored)
        if not same and not known:
            raise OtherLog(
                f"{names.signals}-{partition} can't be shown to be a copy of the log that the state was made "
                f"of: its last folded record is not there any more; {SEE}"
            )

    async def watch(self) -> None:
        """Raises `OtherLog` when the topics are others, or have another number of partitions, than before."""
        last = False
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                found = await self._changed()
            except (KafkaError, OSError, TimeoutError):
                continue
            # One broker may not know yet what others do.
            if found is not None and last:
                raise found
            last = found is not None

    def grown(self, now: int) -> OtherLog:
        """What is wrong when the topic of signals turns out to have `now` partitions."""
        topic = self._names.signals
        return OtherLog(
            f"{topic} has {now} partitions, and had {self._found[topic].partitions} when this process started: "
            f"producers place keys by {now} now; {added(now, self.log.partitions)}"
        )

    async def _connect(self) -> AIOKafkaClient:
        client = AIOKafkaClient(**connection(self._settings))
        try:
            await client.bootstrap()
        except BaseException:
            await client.close()
            raise
        return client

    async def _look(self) -> dict[str, TopicIdentity]:
        assert self._client is not None
        return await identify(self._client, [self._names.signals, self._names.changelog])

    async def _changed(self) -> OtherLog | None:
        found = await self._look()
        for topic, before in self._found.items():
            now = found.get(topic)
            if now is None:
                return OtherLog(f"there is no topic {topic} any more: it was deleted; {SEE}")
            if now.id and before.id and now.id != before.id:
                return OtherLog(f"{topic} was deleted and made anew while this process ran; {SEE}")
            if now.partitions != before.partitions and topic == self._names.signals:
                return self.grown(now.partitions)
        return None

    async def _find_last(self, partition: int, stored: PositionRow) -> bool:
        """Whether the last folded record is where it was; False if retention has removed it.

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
                        f"last: this is another log than the state was made of; {SEE}"
                    )
                return True
            begin, end = (await bounds(self._settings, [tp]))[tp]
            if end >= stored.position:
                break
            if asyncio.get_running_loop().time() > give_up:
                raise LogTruncated(
                    f"{place} ends at {end}, but is folded up to {stored.position}: it was made anew, or has "
                    f"lost its end; {SEE}"
                )
            await asyncio.sleep(0.5)
        if last is None or begin > last.offset:
            return False
        raise OtherLog(
            f"{place} has no record at offset {last.offset}, where the one that was folded last was: this is "
            f"another log than the state was made of; {SEE}"
        )


def same_topics(stored: PositionRow, present: LogIdentity) -> bool:
    """Whether the ids are those of the row, as far as both know any."""
    pairs = ((stored.log.topic, present.topic), (stored.log.changelog, present.changelog))
    return all(before == now or not before or not now for before, now in pairs)


def other_topic(names: TopicNames, partition: int, stored: PositionRow, present: LogIdentity) -> str:
    """What is said of a row whose topics have other ids."""
    if stored.log.topic and present.topic and stored.log.topic != present.topic:
        return (
            f"{names.signals} has the id {present.topic}, but the state of partition {partition} was made of a "
            f"topic with the id {stored.log.topic}: it was deleted and made anew, or this is another cluster "
            f"or LEADSTREAM_TOPIC_PREFIX, and the position {stored.position} means nothing here; {SEE}"
        )
    return (
        f"{names.changelog} has the id {present.changelog}, but its partition {partition} has rows of the "
        f"topic with the id {stored.log.changelog}: it was made anew, and state is missing; {SEE}"
    )


def refuse_other_count(names: TopicNames, partition: int, stored: PositionRow, present: LogIdentity) -> None:
    """Raises `OtherLog` if the row's keys were placed by another number of partitions."""
    before, now = stored.log.partitions, present.partitions
    if before and before != now:
        raise OtherLog(
            f"the state of {names.signals}-{partition} was made with keys placed by {before} partitions, not "
            f"{now}: with {now} the state of leads would be split; {added(now, before)}"
        )


def added(now: int, before: int) -> str:
    """What to do when a topic of signals with state has got more partitions."""
    return (
        f"give all other topics {now} partitions as well, start with LEADSTREAM_KEY_PARTITIONS={before}, and "
        "make nothing anew, as the changelog is the state (docs/operations.md, `Partitions were added`)"
    )

