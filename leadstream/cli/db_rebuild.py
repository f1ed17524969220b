"""`leadstream db rebuild`: the topics into new tables, in place of the live ones."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord

from leadstream.cli.console import err, progress
from leadstream.kafka.log_reader import read_topic
from leadstream.kafka.topics import TopicNames, partition_count
from leadstream.projection.rebuild import Rebuild
from leadstream.projection.store import ProjectionStore
from leadstream.settings import Settings

STEP_RECORDS = 20_000
"""The most records of one PostgreSQL transaction, but for the last pack."""


class Copier:
    """Writes one topic into the new tables, partition after partition."""

    def __init__(self, store: ProjectionStore, topic: str) -> None:
        self._store = store
        self._topic = topic
        self._waiting: list[ConsumerRecord] = []
        self._keys: set[bytes] = set()
        self.rows = 0

    @property
    def alive(self) -> int:
        """Of a compacted topic: keys whose last record has a value."""
        return len(self._keys)

    async def add(self, records: Sequence[ConsumerRecord]) -> None:
        """Takes the next records; those of one partition come together, in their order."""
        if self._waiting and self._waiting[0].partition != records[0].partition:
            await self._write()
        for record in records:
            if record.value is None:
                self._keys.discard(record.key)
            elif record.key is not None:
                self._keys.add(record.key)
        self._waiting.extend(records)
        if len(self._waiting) >= STEP_RECORDS:
            await self._write()

    async def finish(self, ends: dict[int, int]) -> None:
        """Moves each partition's position to its end (transaction markers may stand before it)."""
        await self._write()
        for partition, end in ends.items():
            position = await self._store.position(self._topic, partition)
            await self._store.apply(
                self._topic, partition, end if position is None else min(position, end), end, []
            )

    async def _write(self) -> None:
        records, self._waiting = self._waiting, []
        if not records:
            return
        partition, end = records[0].partition, records[-1].offset + 1
        position = await self._store.position(self._topic, partition)
        begin = records[0].offset if position is None else position
        applied = await self._store.apply(self._topic, partition, begin, end, records)
        self.rows += applied.rows


async def rebuild(settings: Settings) -> None:
    """Replays the topics into `<schema>_next`, checks it and switches. Says on stdout what came of it."""
    dsn = settings.postgres_dsn.get_secret_value()
    topics = TopicNames(settings.topic_prefix, settings.app).projected
    counts = {topic: await partition_count(settings, topic) for topic in topics}
    async with Rebuild(dsn, settings.postgres_schema) as work:
        await work.begin()
        store = ProjectionStore(dsn, work.made, topics)
        await store.open()
        leads = 0
        try:
            for topic, kind in topics.items():
                copier = await _copy(settings, store, topic, counts[topic])
                print(f"{topic}: {copier.rows:,} rows")
                if kind == "scores":
                    leads = copier.alive
        finally:
            await store.close()
        difference, dead = await work.check(leads)
        print(f"checked {leads:,} leads; {difference}")
        if dead:
            err.print(f"{dead:,} rows could not be stored: see projection_dead_letters", highlight=False)
        await work.switch()
        print(f"switched: {work.schema} is the new one; look at it, then `DROP SCHEMA {work.old} CASCADE`")


async def _copy(settings: Settings, store: ProjectionStore, topic: str, partitions: int) -> Copier:
    copier = Copier(store, topic)
    ends: dict[int, int] = {}
    with progress() as bar:
        task = bar.add_task(topic)

        def reached(partition: int, first: int, position: int, end: int) -> None:
            if partition not in ends:
                bar.update(task, total=sum(ends.values()) + end)
            ends[partition] = end
            bar.update(task, completed=sum(ends.values()) - end + position)

        async for records in read_topic(settings, topic, range(partitions), progress=reached):
            await copier.add(records)
    await copier.finish(ends)
    return copier
