"""Where the topics that the worker writes are projected to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from leadstream.records.step import LogRecord


@dataclass(frozen=True, slots=True)
class Applied:
    """What one step wrote. `rows` went to the tables (those that were there already, or are newer there,
    included), `coalesced` snapshots were replaced by later ones of the same step, `dead` rows could not be
    stored. `newest` is the highest time of the fold among the rows (epoch ms), 0 without rows."""

    rows: int
    coalesced: int
    dead: int
    newest: int


class Sink(Protocol):
    """What a projector writes to. `tests/projection/sink_contract.py` holds any sink to what stands here.

    A sink keeps, of each partition of each topic, the position: the offset up to which it holds the topic.
    The position moves together with what the records before it lead to, or not at all; so each record counts
    once, whatever dies when.

    All methods are called on the projector's event loop, and none may hold it up for long: work that waits
    for a disk or a library is done in a thread. `open` comes first and `close` last; both may come again.
    Between them, for each assigned partition: `position`, then `apply` one after another, and `position`
    again after each error. Calls for one partition never overlap, those for different partitions do. Any
    call may be cancelled: what was under way is then undone, or done as a whole, and the next `position`
    tells which. Another process may use the same sink for a while and believe that a partition is its own:
    of two that apply the same step one gets `PositionMismatch`.

    Errors, and what the projector does then:

    | error | it says | the projector |
    |---|---|---|
    | `StoreUnavailable` | the sink is away, or not open; the step was written, or it was not | waits a while, reads the position, goes on from there |
    | `PositionMismatch` | the step does not begin at the position; nothing was written | reads the position, goes on from there |
    | `SchemaMismatch`, `OtherTopic` | an operator has to act | ends, with the message |
    | any other | a fault of the sink | ends, with the error |

    A record that can't be stored is no error: it goes to the sink's dead letters, in the same step.
    """  # noqa: E501 - a table

    topic_ids: Mapping[str, str]
    """The ids of the topics, as far as the broker has any; the projector sets them before `open`."""

    async def open(self) -> None:
        """Connects. Raises `StoreUnavailable` and `SchemaMismatch`, and may be called again after either."""
        ...

    async def position(self, topic: str, partition: int) -> int | None:
        """The offset up to which the sink holds the partition; None if it never held anything of it.

        Who asks has reason to: what the sink remembers of the partition may be no longer so. Raises
        `OtherTopic` if the position is one of a topic of the same name with another id, where both ids are
        known; `StoreUnavailable`.
        """
        ...

    async def apply(
        self, topic: str, partition: int, begin: int, end: int, records: Sequence[LogRecord]
    ) -> Applied:
        """Writes the records of the offsets [begin, end) and moves the position from begin to end, as one.

        Not every offset has a record, and there may be none at all. A partition without a position takes any
        `begin`. Raises ValueError if `end` is before `begin`; `PositionMismatch` with the position in
        `current`; `SchemaMismatch`; `StoreUnavailable`.
        """
        ...

    async def close(self) -> None:
        """Disconnects, after steps under way, or after some seconds without them. Raises nothing; without
        `open`, or called again, it does nothing."""
        ...
