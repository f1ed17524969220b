"""A simulated Kafka: partitions with offsets, transactions with markers, fencing, compaction.

It keeps Kafka's promises (a transaction is visible as a whole or not at all, a new producer of a
transactional id fences the one before, a reader of committed records stops at the first open transaction)
and nothing else. Requests take no time here; who sends them waits.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import partial

from aiokafka.errors import InvalidProducerEpoch, InvalidTxnState

from leadstream.records.step import Headers, Message


class Transaction:
    """`open`, then `committed` or `aborted`; `pending` counts the partitions that lack its marker then."""

    __slots__ = ("partitions", "pending", "state", "timer")

    def __init__(self) -> None:
        self.state = "open"
        self.partitions: list[Partition] = []
        self.pending = 0
        self.timer: asyncio.TimerHandle | None = None


class Entry:
    """A record of a partition, or a transaction's marker (`marker`). As the fold sees it: LogRecord."""

    __slots__ = ("headers", "key", "marker", "offset", "timestamp", "transaction", "value")

    def __init__(
        self,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        transaction: Transaction | None = None,
        marker: bool = False,
    ) -> None:
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
        self.transaction = transaction
        self.marker = marker

    @property
    def is_visible(self) -> bool:
        """Whether a reader of committed records gets it, once it may read so far."""
        return not self.marker and (self.transaction is None or self.transaction.state == "committed")


def _offset(entry: Entry) -> int:
    return entry.offset


class Partition:
    """One partition's log. `open` has the first offset of each transaction without a marker here."""

    def __init__(self, topic: str, number: int) -> None:
        self.topic = topic
        self.number = number
        self.entries: list[Entry] = []
        self.end = 0
        self.open: dict[Transaction, int] = {}
        self.waiting: list[Callable[[], None]] = []
        """Readers at the end, each called once when there may be more."""

    @property
    def stable(self) -> int:
        """The end of what readers of committed records may see."""
        return min(self.open.values(), default=self.end)

    def append(self, timestamp: int, message: Message, transaction: Transaction | None = None) -> Entry:
        key, value, headers = message
        entry = Entry(self.end, timestamp, key, value, headers, transaction)
        self.entries.append(entry)
        self.end += 1
        return entry

    def mark(self, timestamp: int, transaction: Transaction) -> None:
        """Writes the transaction's marker: what it wrote here is decided for readers."""
        self.entries.append(Entry(self.end, timestamp, None, None, [], transaction, marker=True))
        self.end += 1
        self.open.pop(transaction, None)
        self.wake()

    def wake(self) -> None:
        waiting, self.waiting = self.waiting, []
        for reader in waiting:
            reader()

    def read(self, position: int, offsets: int, *, committed: bool = True) -> tuple[list[Entry], int]:
        """Records among the next `offsets` offsets, and the position behind them."""
        end = min(self.stable if committed else self.end, position + offsets)
        first = bisect_left(self.entries, position, key=_offset)
        last = bisect_left(self.entries, end, key=_offset)
        part = self.entries[first:last]
        if committed:
            return [entry for entry in part if entry.is_visible], max(position, end)
        return [entry for entry in part if not entry.marker], max(position, end)

    def committed(self) -> list[Entry]:
        """All committed records."""
        return self.read(0, self.end)[0]

    def rows(self) -> dict[bytes | None, bytes | None]:
        """The last committed value of each key."""
        return {entry.key: entry.value for entry in self.committed()}

    def compact(self) -> int:
        """Removes committed records that a later one of their key replaces, and aborted ones."""
        stable = self.stable
        last = {
            entry.key: entry.offset for entry in self.entries if entry.offset < stable and entry.is_visible
        }
        before = len(self.entries)
        self.entries = [
            entry
            for entry in self.entries
            if entry.offset >= stable or entry.marker or last.get(entry.key) == entry.offset
        ]
        return before - len(self.entries)


class _Identity:
    """A transactional id, as its coordinator knows it."""

    __slots__ = ("epoch", "transaction")

    def __init__(self) -> None:
        self.epoch = 0
        self.transaction: Transaction | None = None


class Kafka:
    """The cluster. `now` is the brokers' time in epoch milliseconds, `later` runs something after seconds."""

    def __init__(
        self,
        now: Callable[[Partition], int],
        later: Callable[[float, Callable[[], None]], asyncio.TimerHandle],
    ) -> None:
        self._now = now
        self._later = later
        self._partitions: dict[tuple[str, int], Partition] = {}
        self._identities: dict[str, _Identity] = {}
        self.marker_delay: Callable[[], float] = lambda: 1.0
        """Seconds from a transaction's end to each of its markers, where they come late."""

    def partition(self, topic: str, number: int) -> Partition:
        found = self._partitions.get((topic, number))
        if found is None:
            found = self._partitions[topic, number] = Partition(topic, number)
        return found

    def has_open_transactions(self) -> bool:
        """Whether readers of committed records are kept from anything."""
        return any(partition.open for partition in self._partitions.values())

    def write(self, topic: str, number: int, messages: Iterable[Message]) -> list[Entry]:
        """Appends records outside any transaction."""
        partition = self.partition(topic, number)
        at = self._now(partition)
        written = [partition.append(at, message) for message in messages]
        partition.wake()
        return written

    # Transactions.

    def open_producer(self, identity: str) -> int | None:
        """InitProducerId: fences, aborts what is open; the epoch, or None while a transaction is ending."""
        state = self._identities.setdefault(identity, _Identity())
        transaction = state.transaction
        if transaction is not None and transaction.state == "open":
            # The epoch of the abort fences the producer at once; the next attempt gets one of its own.
            state.epoch += 1
            self._end(state, transaction, commit=False)
        if transaction is not None and transaction.pending:
            return None
        state.epoch += 1
        state.transaction = None
        return state.epoch

    def write_in_transaction(
        self,
        identity: str,
        epoch: int,
        topic: str,
        number: int,
        messages: Iterable[Message],
        timeout_seconds: float,
    ) -> bool:
        """Appends records in the id's transaction, begun with the first. False while the last one is ending.

        Raises InvalidProducerEpoch if the epoch is not the id's newest.
        """
        state = self._current(identity, epoch)
        transaction = state.transaction
        if transaction is not None and transaction.state != "open":
            if transaction.pending:
                return False
            transaction = None
        if transaction is None:
            transaction = state.transaction = Transaction()
            begun = transaction
            transaction.timer = self._later(timeout_seconds, lambda: self._expire(identity, begun))
        partition = self.partition(topic, number)
        if partition not in transaction.partitions:
            transaction.partitions.append(partition)
            partition.open[transaction] = partition.end
        at = self._now(partition)
        for message in messages:
            partition.append(at, message, transaction)
        return True

    def end_transaction(self, identity: str, epoch: int, *, commit: bool, late: bool = False) -> None:
        """EndTxn; `late` if the markers come some time after the answer.

        Raises InvalidProducerEpoch for an older producer, InvalidTxnState if no transaction is open.
        """
        state = self._current(identity, epoch)
        transaction = state.transaction
        wanted = "committed" if commit else "aborted"
        if transaction is None or transaction.state not in ("open", wanted):
            raise InvalidTxnState(f"{identity} has no open transaction")
        if transaction.state == "open":
            self._end(state, transaction, commit=commit, late=late)

    def expire(self, identity: str) -> bool:
        """What the brokers do with a transaction that takes too long: aborted, its producer fenced."""
        state = self._identities.get(identity)
        if state is None or state.transaction is None or state.transaction.state != "open":
            return False
        state.epoch += 1
        self._end(state, state.transaction, commit=False)
        return True

    def fence(self, identity: str) -> None:
        """What anybody does who opens the same transactional id."""
        if not self.expire(identity):
            self._identities.setdefault(identity, _Identity()).epoch += 1

    def _expire(self, identity: str, transaction: Transaction) -> None:
        if self._identities[identity].transaction is transaction:
            self.expire(identity)

    def _current(self, identity: str, epoch: int) -> _Identity:
        state = self._identities[identity]
        if epoch != state.epoch:
            raise InvalidProducerEpoch(f"{identity} is at epoch {state.epoch}, this is {epoch}")
        return state

    def _end(self, state: _Identity, transaction: Transaction, *, commit: bool, late: bool = False) -> None:
        transaction.state = "committed" if commit else "aborted"
        if transaction.timer is not None:
            transaction.timer.cancel()
        for partition in transaction.partitions:
            if late:
                transaction.pending += 1
                self._later(self.marker_delay(), partial(self._mark_late, partition, transaction))
            else:
                partition.mark(self._now(partition), transaction)

    def _mark_late(self, partition: Partition, transaction: Transaction) -> None:
        transaction.pending -= 1
        partition.mark(self._now(partition), transaction)
