"""From records of the log to rows of PostgreSQL. Pure."""

from collections.abc import Callable, Sequence

from leadstream.projection.batch import Batch
from leadstream.projection.history_rows import read_history
from leadstream.projection.lead_rows import read_scores
from leadstream.projection.log_rows import read_actions, read_decisions
from leadstream.projection.model_rows import read_models
from leadstream.projection.storable import Unfit
from leadstream.records.outputs import Kind
from leadstream.records.step import LogRecord, Unreadable

Reader = Callable[[int, Sequence[LogRecord], Batch], None]
"""Takes a partition's number and some records of it, in their order, and puts their rows into the batch, and
those that can't become rows among its dead ones."""

READERS: dict[Kind, Reader] = {
    "scores": read_scores,
    "history": read_history,
    "actions": read_actions,
    "decisions": read_decisions,
    "models": read_models,
}


def read_records(kind: Kind, partition: int, records: Sequence[LogRecord]) -> Batch:
    """The rows of some records of one partition, in their order; of snapshots and models the last of
    each key."""
    batch = Batch()
    for record in records:
        if type(record) is Unreadable:
            last = "" if record.last == record.offset else f"offsets up to {record.last}: "
            batch.reject(record, Unfit("unreadable", f"{last}{record.detail}"))
    if batch.dead:
        records = [record for record in records if type(record) is not Unreadable]
    READERS[kind](partition, records, batch)
    return batch
