"""Private members of aiokafka's consumer, its fetcher and its group coordinator, each behind a name.

Written for aiokafka 0.14, which is pinned. tests/kafka/test_aiokafka_fetching.py has a test of each that
fails when an upgrade changes it. Producers and administration are in aiokafka_clients.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.errors import ConsumerStoppedError

from leadstream.records.step import LogRecord

Tell = Callable[[TopicPartition, str, int, str], None]
"""Called for what can't be read, with its partition, what happened, the offset and the reason."""


def is_assigned(consumer: AIOKafkaConsumer, tp: TopicPartition) -> bool:
    """Whether a partition is the consumer's now. `assignment()` makes a set of all for each question."""
    return bool(consumer._subscription.is_assigned(tp))


def is_coordinated(consumer: AIOKafkaConsumer) -> bool:
    """Whether the group's coordinator is known: it is not while Kafka is away. From any thread.

    The public API shows a lost coordinator by nothing but errors of the next request.
    """
    return consumer._coordinator.coordinator_id is not None


async def confirmed_generation(consumer: AIOKafkaConsumer) -> int | None:
    """The generation of the group if its coordinator confirms this member in it now, else None.

    The public API has no generation, and sends heartbeats by its own clock only.
    """
    coordinator = consumer._coordinator
    generation: int = coordinator.generation
    if generation < 0 or coordinator.need_rejoin(consumer._subscription.subscription):
        return None
    confirmed = await coordinator._do_heartbeat()
    subscription = consumer._subscription.subscription
    if not confirmed or coordinator.generation != generation or coordinator.need_rejoin(subscription):
        return None
    return generation


class Fetching:
    """What a consumer has fetched, without waiting: `getmany` waits, and does not say up to where it read.

    Raises `ConsumerStoppedError` for a consumer that is closed.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._fetcher: Fetcher = consumer._fetcher
        if consumer._closed or self._fetcher._closed:
            raise ConsumerStoppedError

    @property
    def is_closed(self) -> bool:
        """Whether the consumer was closed since."""
        return bool(self._fetcher._closed)

    def polling(self) -> AbstractContextManager[None]:
        """Within it the consumer counts as polled, as within `getmany`: else it leaves its group in time."""
        context: AbstractContextManager[None] = self._fetcher._subscriptions.fetch_context()
        return context

    def arrival(self) -> asyncio.Future[Any]:
        """Is done when something more was fetched, or failed."""
        future: asyncio.Future[Any] = self._fetcher._create_fetch_waiter()
        return future

    def assignment(self) -> Any:
        """aiokafka's `Assignment` with the fetch positions of all partitions; None while it changes."""
        subscriptions = self._fetcher._subscriptions
        subscription = subscriptions.subscription
        if subscriptions.reassignment_in_progress or subscription is None:
            return None
        return subscription.assignment

    def keep_as_read(self, tp: TopicPartition, tell: Tell) -> None:
        """Let the fetched records of a partition be handed out as the parser makes them.

        aiokafka would copy each into an object of its own first, which takes as long as parsing it did.
        """
        result = self._fetcher._records.get(tp)
        if type(result) is FetchResult and result._partition_records is not None:
            result._partition_records._consumer_record = _as_read
            result._partition_records.tell = partial(tell, tp)

    async def take(
        self, tps: Collection[TopicPartition], most: int | None
    ) -> dict[TopicPartition, list[Any]]:
        """At most `most` fetched records of these partitions; moves their positions.

        While no reassignment is under way it never gives up the event loop.
        """
        taken: dict[TopicPartition, list[Any]] = await self._fetcher.fetched_records(
            set(tps), timeout=0, max_records=most
        )
        return taken


def _as_read(tp: TopicPartition, record: LogRecord) -> LogRecord:
    return record


class PartitionRecords(fetcher.PartitionRecords):
    """aiokafka's iterator over the records of one partition in a fetch response; `unpack` makes them.

    `next_fetch_offset` is the position, which `unpack` moves before it yields.
    """

    next_fetch_offset: int

    def unpack(self) -> Iterator[Any]:
        """The records, or what stands for them."""
        raise NotImplementedError

    @property
    def place(self) -> TopicPartition:
        """The partition."""
        return self._tp

    @property
    def fetched(self) -> Any:
        """What `replace_parser`'s first class made of the bytes."""
        return self._records

    @property
    def is_committed_only(self) -> bool:
        """Whether records of aborted transactions are left out."""
        return bool(self._isolation_level == fetcher.READ_COMMITTED)

    def aborted_producers_at(self, offset: int) -> set[int]:
        """The producers whose transaction at this offset was aborted, to be asked in ascending order.

        The set is aiokafka's own: what is taken out of it stays out until the next transaction.
        """
        self._consume_aborted_up_to(offset)
        aborted: set[int] = self._aborted_producers
        return aborted

    @property
    def hand_out(self) -> Callable[[TopicPartition, Any], Any]:
        """Makes of a parsed record what the consumer gets."""
        made: Callable[[TopicPartition, Any], Any] = self._consumer_record
        return made

    def _unpack_records(self) -> Iterator[Any]:
        return self.unpack()


def replace_parser(batches: type, records: type[PartitionRecords]) -> None:
    """Let all consumers of this process read with these, in place of `MemoryRecords` and `PartitionRecords`.

    The fetcher takes both by their names in its module; there is no parameter for them.
    """
    fetcher.MemoryRecords = batches
    fetcher.PartitionRecords = records
