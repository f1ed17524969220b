"""Private members of aiokafka's producer, batches and administration client, each behind a name.

Written for aiokafka 0.14, which is pinned. tests/kafka/test_aiokafka_clients.py has a test of each that fails
when an upgrade changes it. What concerns the consumer is in aiokafka_fetching.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NodeNotReadyError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.api import Request
from aiokafka.protocol.metadata import MetadataRequest

from leadstream.backoff import Backoff

LISTED_WITHIN_SECONDS = 15.0
"""A broker that stood still is out of its cluster until it has registered again, which takes seconds."""

Append = Callable[[int, int, bytes | None, bytes | None, Sequence[tuple[str, bytes]]], Any]
"""Adds a record to a batch: number from 0, time (epoch ms), key, value, headers. None if it is full."""


class AdministrationClient(AIOKafkaAdminClient):
    """An administration client that waits while the cluster lists no broker, or the one asked is away.

    Any request then raises `NodeNotReadyError` after `LISTED_WITHIN_SECONDS`, where aiokafka's own client
    raises it at once; those that go to the controller wait in aiokafka by themselves. `start` raises
    `KafkaConnectionError` at once if nothing listens at any address.
    """

    async def start(self) -> None:
        """Connects, and returns when the cluster lists a broker."""
        await super().start()
        # Requests to the controller need to know it. Of no topic: bootstrapping asks the same.
        await self.request(MetadataRequest([]))

    async def request(self, request: Request[Any], node: int | None = None) -> Any:
        """The answer of a broker, of any by default, to a request for which aiokafka has no method.

        `AIOKafkaAdminClient._send_request` is what all its public methods send with.
        """
        return await self._send_request(request, node)

    async def _send_request(self, request: Request[Any], node_id: int | None = None) -> Any:
        backoff = Backoff(0.1, 1.0)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LISTED_WITHIN_SECONDS
        while True:
            try:
                return await super()._send_request(request, node_id)
            except NodeNotReadyError:
                # It has asked for metadata anew, so that the next try may know a broker.
                if loop.time() > deadline:
                    raise
            await asyncio.sleep(backoff.next())


def appender(batch: BatchBuilder) -> Append:
    """Adds records to a batch in a third of the time that `BatchBuilder.append` takes.

    It goes around that method's serializers and its count of records, which `seal` needs from the caller.
    """
    append: Append = batch._builder.append
    return append


def seal(batch: BatchBuilder, count: int) -> BatchBuilder:
    """Closes a batch that `appender` put `count` records into: `record_count` and the futures go by it."""
    batch._relative_offset = count
    batch.close()
    return batch


def has_ended_itself(opened: AIOKafkaProducer) -> bool:
    """Whether a transactional producer takes nothing more, not even an abort.

    aiokafka ends one at any error that it does not know; its public methods only raise then, without saying
    whether an abort would do.
    """
    transactions = opened._txn_manager
    return transactions is not None and bool(transactions.is_fatal_error())


def collect_transaction_error(opened: AIOKafkaProducer) -> None:
    """Retrieves the error of a producer's transaction, if it has one.

    The sends that failed with it have raised it. aiokafka keeps it in a future as well, which no public
    method gives out; asyncio would log that nobody retrieved it.
    """
    transactions = opened._txn_manager
    if transactions is not None and transactions._transaction_waiter is not None:
        waiter = transactions.wait_for_transaction_end()
        if waiter.done() and not waiter.cancelled():
            waiter.exception()
