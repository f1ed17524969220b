"""Publishing the models that a worker scores with to the topic of models."""

import asyncio

import structlog

from leadstream.kafka.log_reader import read_topic
from leadstream.kafka.log_writer import LogWriter
from leadstream.models.published import Published, models_of, with_activations
from leadstream.records.intents import Intents
from leadstream.records.step import Unreadable
from leadstream.scoring.compiled.model import ModelCatalog
from leadstream.settings import Settings

log = structlog.get_logger()

PARTITION = 0
"""The only one: the order of a tenant's records says which model is in force."""


async def read_models(settings: Settings, topic: str) -> tuple[Intents, Published]:
    """What stands in the topic of models; what can't be read counts as absent.

    Raises Kafka's errors, `TopicAbsent`, and `ValueError` for a broken intent.
    """
    intents, published = Intents(), Published()
    async for records in read_topic(settings, topic, [PARTITION]):
        for record in records:
            if not isinstance(record, Unreadable):
                intents.add(record.key, record.value)
                published.add(record.key, record.value, record.timestamp)
    return intents, published


class ModelTopic:
    """Publishes a catalog to the topic of models, once in a process of a worker."""

    def __init__(self, settings: Settings, topic: str, catalog: ModelCatalog) -> None:
        self._settings = settings
        self._topic = topic
        self._catalog = catalog
        self._telling = asyncio.Lock()
        self._told = False

    async def tell(self) -> None:
        """Writes what the topic does not say yet; when it returns, the topic says what the catalog has.

        Each partition awaits it when its rows were found to fit the models and before it folds: a worker that
        is refused for another model publishes nothing. Processes that start together may each write the same
        record; it means the same, and compaction leaves one. Of workers with different models, that of the
        last to start counts. Raises Kafka's errors, `TopicAbsent` and `TimeoutError`.
        """
        async with self._telling:
            if self._told:
                return
            intents, published = await read_models(self._settings, self._topic)
            lacking = published.lacking(with_activations(models_of(self._catalog), intents))
            if lacking:
                async with LogWriter(self._settings, self._topic) as writer:
                    for key, value in lacking:
                        await writer.add(PARTITION, key, value)
                log.info("models published", topic=self._topic, records=len(lacking))
            self._told = True
