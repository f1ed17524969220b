"""Acts of operators: written as an intent first, then as control records in every partition of signals.

Killed anywhere, the intent stands, and whoever acts next completes it: control records are idempotent by
their number. Of two operators at once one is first, and the other is told what that one did.
"""

from collections.abc import Callable
from uuid import uuid4

from leadstream.kafka.log_writer import LogWriter
from leadstream.kafka.topics import TopicNames, partition_count
from leadstream.models.catalog import compile_rules
from leadstream.models.published import Published, with_activations
from leadstream.records.control import ACTIVATE_KEY, control_value
from leadstream.records.intents import Intent, Intents, done_key, intent_key
from leadstream.settings import Settings
from leadstream.stream.model_topic import PARTITION, read_models

OnPartition = Callable[[int, int], None]
"""Called with how many partitions have an act's records, and how many there are."""


class ControlLog:
    """The topic of models and that of signals, as an operator's command writes to them."""

    def __init__(self, settings: Settings) -> None:
        names = TopicNames(settings.topic_prefix, settings.app)
        self._settings = settings
        self._signals = names.signals
        self._models = names.models

    async def read(self) -> tuple[Intents, Published]:
        """What stands in the topic of models; raises what `read_models` does."""
        return await read_models(self._settings, self._models)

    async def declare(self, intent: Intent) -> Intent:
        """Writes an intent; returns the one that holds under its number, maybe of another operator."""
        key = intent_key(intent.number, uuid4().hex)
        async with LogWriter(self._settings, self._models) as writer:
            await writer.add(PARTITION, key, control_value(intent))
        intents, _ = await self.read()
        return intents.by_number[intent.number][1]

    async def complete(self, intent: Intent, on_partition: OnPartition = lambda done, all: None) -> None:
        """Writes an intent's records to one partition after the other, then which models are in force, then
        that it is done.

        Records that a partition has already are ignored there.
        """
        partitions = await partition_count(self._settings, self._signals)
        async with LogWriter(self._settings, self._signals) as writer:
            for partition in range(partitions):
                for activation in intent.activations:
                    await writer.add(partition, ACTIVATE_KEY, control_value(activation))
                await writer.flush()
                on_partition(partition + 1, partitions)
        intents, published = await self.read()
        seed = {one.tenant: compile_rules(one.rules, one.timezone) for one in published.active()}
        async with LogWriter(self._settings, self._models) as writer:
            for key, value in published.lacking(with_activations(seed, intents)):
                await writer.add(PARTITION, key, value)
            await writer.add(PARTITION, done_key(intent.number), b"{}")
