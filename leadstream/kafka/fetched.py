"""From the bytes of a fetch response to records, where some of the bytes can't be read.

aiokafka's parser raises at a malformed record and never gets past it: the consumer fetches the same bytes
again, for ever. `install` puts these two classes into the place of aiokafka's own. A good batch goes through
aiokafka's parser as before. One that it refuses is read by `batches`, so that a bad record costs itself
alone; a batch that can't be read is passed over as one `Unreadable` with its offsets and bytes. What comes
out is a function of the log alone, wherever reading begins.

A CRC that is wrong may be the network's fault, not the log's. So the batch is fetched a second time, and is
unreadable only if the very same bytes come again.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from zlib import crc32

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from leadstream.kafka.aiokafka_fetching import PartitionRecords, replace_parser
from leadstream.kafka.batches import (
    CODEC,
    CONTROL,
    FRAME,
    HEADER,
    LEGACY,
    MAGIC,
    TRANSACTIONAL,
    BatchHeader,
    Item,
    Malformed,
    contradiction,
    read_batch,
    read_legacy,
    unreadable_bytes,
)
from leadstream.kafka.decompression import TooLarge, is_too_large
from leadstream.records.step import Unreadable

NEWEST_MAGIC = 2
MAX_SUSPECTS = 1000


class Slice(NamedTuple):
    """One batch in the bytes of a response; `batch` is aiokafka's parser of it, if it is one for it."""

    begin: int
    end: int
    magic: int
    batch: Any


class FetchedBytes:
    """The batches of one partition in a fetch response. Stands in for aiokafka's `MemoryRecords`."""

    def __init__(self, data: bytes | None) -> None:
        self.data = data or b""
        self._parser = MemoryRecords(self.data)

    def has_next(self) -> bool:
        """Whether anything was fetched."""
        return len(self.data) > 0

    def size_in_bytes(self) -> int:
        return len(self.data)

    def slices(self) -> Iterator[Slice]:
        """The whole batches, in their order; a broker may cut the last one, which is fetched again.

        Raises CorruptRecordException where it can't be told how far a batch goes.
        """
        data, size, place = self.data, len(self.data), 0
        parser = self._parser
        while size - place >= FRAME.size:
            offset, length = FRAME.unpack_from(data, place)
            if length < LEGACY.size - FRAME.size:
                raise CorruptRecordException(f"the batch at offset {offset} says it has {length} bytes")
            end = place + FRAME.size + length
            if end > size:
                break
            magic = data[place + MAGIC]
            batch = None
            if magic == NEWEST_MAGIC and end - place >= HEADER.size:
                batch = parser.next_batch()
            else:
                # Its parser reads past the end of a batch that is too short, and takes any format for one.
                parser = MemoryRecords(data[end:])
            yield Slice(place, end, magic, batch)
            place = end
        if place == 0:
            # Kafka gives a whole batch, however large, since 0.10.1.
            raise CorruptRecordException(f"{size} bytes were fetched, which are no whole batch")


class ReadableRecords(PartitionRecords):
    """The records of one partition in a fetch response. Stands in for aiokafka's `PartitionRecords`."""

    fetched: FetchedBytes

    def tell(self, event: str, offset: int, reason: str) -> None:
        """Called for what can't be read; a role puts its log line in here."""

    def unpack(self) -> Iterator[Any]:
        tp, hand_out = self.place, self.hand_out
        data = self.fetched.data
        asked = self.next_fetch_offset
        for begin, end, magic, batch in self.fetched.slices():
            items: Iterable[Item] | None
            if batch is None or not batch.validate_crc():
                items = self._without_parser(data[begin:end], magic)
                if items is None:
                    return
                yield from self._passed(items)
                continue
            header = BatchHeader(*HEADER.unpack_from(data, begin))
            wrong = contradiction(header)
            if wrong is not None:
                yield from self._passed(
                    self._unless_aborted(header, [_whole(data[begin:end], header, wrong)])
                )
                continue
            behind = header.last + 1
            if self._is_aborted(header) or header.attributes & CONTROL:
                self.next_fetch_offset = behind
                continue
            compression = header.attributes & CODEC
            if compression and is_too_large(data[begin + HEADER.size : end], compression):
                # Its parser has no bound.
                yield from self._passed([_whole(data[begin:end], header, str(TooLarge()))])
                continue
            start, expected, dense = self.next_fetch_offset, header.base, header.is_dense
            try:
                for record in batch:
                    offset = record.offset
                    if offset != expected and (dense or not expected < offset < behind):
                        raise Malformed("a record is not where it should be")
                    expected = offset + 1
                    if offset >= start:
                        self.next_fetch_offset = offset + 1
                        yield hand_out(tp, record)
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001 - whatever the parser raises, it has given up the batch
                yield from self._passed(read_batch(data[begin:end], header))
            if behind > self.next_fetch_offset:
                self.next_fetch_offset = behind
        if self.next_fetch_offset == asked:
            raise CorruptRecordException(f"what was fetched at offset {asked} stands before it")

    def _passed(self, items: Iterable[Item]) -> Iterator[Any]:
        """Those that the position has not passed, as a consumer gets them; moves the position behind them."""
        for item in items:
            if not isinstance(item, Unreadable):
                if item.offset >= self.next_fetch_offset:
                    self.next_fetch_offset = item.offset + 1
                    yield self.hand_out(self.place, item)
            elif item.last >= self.next_fetch_offset:
                item.topic, item.partition = self.place
                # Reading may begin within it.
                item.offset = max(item.offset, self.next_fetch_offset)
                self.next_fetch_offset = item.last + 1
                self.tell("unreadable", item.offset, item.detail)
                yield item

    def _without_parser(self, raw: bytes, magic: int) -> Iterable[Item] | None:
        """A batch that aiokafka's parser must not see; None if it is to be fetched again."""
        base, length = FRAME.unpack_from(raw)
        if magic < NEWEST_MAGIC and crc32(raw[MAGIC:]) == LEGACY.unpack_from(raw)[2]:
            return read_legacy(raw, self.next_fetch_offset)
        if self._is_suspect(raw):
            return None
        if magic < NEWEST_MAGIC:
            first = min(self.next_fetch_offset, base)
            return [unreadable_bytes(raw, first, base, "the CRC of the message is wrong")]
        if magic > NEWEST_MAGIC:
            return [unreadable_bytes(raw, base, base, f"no batch has the format {magic}")]
        if len(raw) < HEADER.size:
            detail = f"the batch has {length} bytes, less than its fixed fields"
            return [unreadable_bytes(raw, base, base, detail)]
        header = BatchHeader(*HEADER.unpack_from(raw))
        # If the header contradicts itself, what stands behind the batch says where it ends.
        last = base if contradiction(header) else header.last
        damaged = unreadable_bytes(raw, base, last, "the CRC of the batch is wrong")
        return self._unless_aborted(header, [damaged])

    def _unless_aborted(self, header: BatchHeader, items: list[Item]) -> list[Item]:
        """Nothing, if the batch seems to be part of an aborted transaction."""
        if not self._is_aborted(header):
            return items
        self.next_fetch_offset = max(self.next_fetch_offset, header.last + 1)
        return []

    def _is_aborted(self, header: BatchHeader) -> bool:
        """Whether a batch is part of an aborted transaction; takes note of what it says of transactions."""
        if not self.is_committed_only:
            return False
        aborted, producer = self.aborted_producers_at(header.base), header.producer
        if not aborted or producer not in aborted:
            return False
        # The next marker of the producer can only be that of the abort, also if it is damaged.
        if header.attributes & CONTROL:
            aborted.discard(producer)
            return False
        return bool(header.attributes & TRANSACTIONAL)

    def _is_suspect(self, raw: bytes) -> bool:
        """Whether a damaged batch is seen the first time, so that it should be fetched again."""
        place = (*self.place, FRAME.unpack_from(raw)[0])
        seen = crc32(raw)
        if _suspects.pop(place, None) == seen:
            return False
        self.tell("damaged, fetched again", place[2], "the CRC or the format is wrong")
        _suspects[place] = seen
        while len(_suspects) > MAX_SUSPECTS:
            _suspects.popitem(last=False)
        return True


_suspects: OrderedDict[tuple[str, int, int], int] = OrderedDict()
"""The checksums of damaged batches seen once, by topic, partition and offset."""


def _whole(raw: bytes, header: BatchHeader, detail: str) -> Unreadable:
    last = max(header.base, header.last)
    return unreadable_bytes(raw, header.base, last, detail, header.max_timestamp, header.timestamp_type)


def install() -> None:
    """Let all consumers of this process read so."""
    replace_parser(FetchedBytes, ReadableRecords)
