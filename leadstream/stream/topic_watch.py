"""Topics as they are when a process starts, and whether they stay the same ones."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from leadstream.kafka.clients import connection
from leadstream.kafka.topic_identity import TopicIdentity, identify
from leadstream.settings import Settings
from leadstream.stream.errors import StreamError
from leadstream.stream.preflight import when_kafka_answers

WATCH_SECONDS = 3.0
"""How often a process looks at its topics."""

Judge = Callable[[str, TopicIdentity, TopicIdentity | None], StreamError | None]
"""What is wrong when a topic was one and is another, or absent (None), now; None if nothing is."""


class TopicWatch:
    """Looks at topics, over a connection of its own. `found` is what they were at the start."""

    def __init__(self, settings: Settings, topics: Sequence[str]) -> None:
        self._settings = settings
        self._topics = list(topics)
        self._client: AIOKafkaClient | None = None
        self.found: dict[str, TopicIdentity] = {}

    async def start(self) -> None:
        """Learns which topics these are; waits while Kafka is away, or does not show them yet."""
        await self.stop()
        self._client = await when_kafka_answers(self._connect, "topics")
        while True:
            self.found = await when_kafka_answers(self._look, "topics")
            if len(self.found) == len(self._topics):
                return
            await asyncio.sleep(0.2)

    async def stop(self) -> None:
        """Ends the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def check(self, judge: Judge) -> None:
        """Raises what `judge` says of a topic that is not what it was; waits while Kafka is away."""
        if (error := await when_kafka_answers(lambda: self._judged(judge), "topics")) is not None:
            raise error

    async def watch(self, judge: Judge) -> None:
        """Looks again and again until `judge` objects, and raises what it says."""
        before = None
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                error = await self._judged(judge)
            except (KafkaError, OSError, TimeoutError):
                continue
            # One broker may not know yet what others do.
            if error is not None and before is not None:
                raise error
            before = error

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
        return await identify(self._client, self._topics)

    async def _judged(self, judge: Judge) -> StreamError | None:
        now = await self._look()
        for topic, before in self.found.items():
            if (error := judge(topic, before, now.get(topic))) is not None:
                return error
        return None


@asynccontextmanager
async def watched(settings: Settings, topics: Sequence[str]) -> AsyncIterator[dict[str, TopicIdentity]]:
    """What topics are now, by name."""
    watch = TopicWatch(settings, topics)
    try:
        await watch.start()
        yield watch.found
    finally:
        await watch.stop()
