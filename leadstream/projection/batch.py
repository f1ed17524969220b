"""What a step's records of one partition come to, on its way into tables."""

from dataclasses import dataclass, field

from leadstream.projection.storable import DeadRow, Origin, Row, Unfit
from leadstream.records.step import LogRecord


@dataclass(slots=True)
class Batch:
    """Rows with their origins, one to one. `removed` are tenant, lead (or fingerprint of a model) and offset
    of tombstones that are the last record of their key; `entered` of changes of band behind which a
    coalesced snapshot of the lead has another band. `coalesced` counts records that a later one of the same
    key replaces. `newest` is the highest time of the fold in the rows (epoch ms), 0 without rows."""

    rows: list[Row] = field(default_factory=list)
    origins: list[Origin] = field(default_factory=list)
    dead: list[DeadRow] = field(default_factory=list)
    removed: list[tuple[str, str, int]] = field(default_factory=list)
    entered: list[tuple[str, str, int]] = field(default_factory=list)
    coalesced: int = 0
    newest: int = 0

    def reject(self, record: LogRecord, unfit: Unfit, item: int = 0, value: bytes | None = None) -> None:
        value = record.value if value is None else value
        self.dead.append(DeadRow(Origin(record, item), unfit.reason, str(unfit), value))

    def add(self, row: Row, origin: Origin, now: int) -> None:
        self.rows.append(row)
        self.origins.append(origin)
        if now > self.newest:
            self.newest = now
