"""What a worker could have written: consistent records of all four topics, from a seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.projection.made import DAY, NOW, Record, band_changed, entry, history, skipped, snapshot
from tests.support.log import Sent

BANDS = ("cold", "warm", "hot")
UNREADABLE = b'{"partition": 0, "entries": [{"offset": "NUL \\u0000"}]}'


@dataclass
class Writer:
    """The worker of one partition. Its records of a kind follow each other without gaps, from offset 0."""

    seed: int
    partition: int = 0
    leads: int = 6
    records: dict[str, list[Record]] = field(
        default_factory=lambda: {"scores": [], "history": [], "actions": [], "decisions": []}
    )

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed * 1000 + self.partition)
        self._folded = 0
        self._bands: dict[str, str] = {}

    def fold(self, signals: int) -> Mapping[str, Sequence[Record]]:
        """What so many more signals lead to."""
        before = {kind: len(records) for kind, records in self.records.items()}
        for _ in range(signals):
            self._one()
        return {kind: records[before[kind] :] for kind, records in self.records.items()}

    def _one(self) -> None:
        chance = self._random.random
        place, lead = self._folded, f"p{self.partition}-l{self._random.randrange(self.leads)}"
        self._folded += 1
        # A month passes every 20 signals.
        now = NOW + place * 36 * DAY // 24
        if lead in self._bands and chance() < 0.1:
            del self._bands[lead]
            self._add("scores", Record(0, f"acme:{lead}".encode(), None))
            return
        self._add("history", history(0, entry(place, lead, now=now, at=now - 5), partition=self.partition))
        if chance() < 0.05:
            self._add("history", Record(0, None, UNREADABLE))
        band, before = self._random.choice(BANDS), self._bands.get(lead)
        self._bands[lead] = band
        score = self._random.randrange(100)
        self._add("scores", snapshot(0, lead, place=place, at=now, band=band, score=score))
        if before not in (None, band):
            changed = {"lead": lead, "band": band, "previous_band": before}
            self._add("actions", band_changed(0, f"b-{self.partition}-{place}", **changed))
            if chance() < 0.5:
                self._add("decisions", skipped(0, f"d-{self.partition}-{place}", lead=lead, band=band))

    def _add(self, kind: str, record: Record) -> None:
        record.offset = len(self.records[kind])
        self.records[kind].append(record)


def sent(written: Mapping[str, Sequence[Record]], partition: int = 0) -> dict[str, list[Sent]]:
    """The records as a producer sends them."""
    return {
        kind: [Sent(record.key, record.value, partition) for record in records]
        for kind, records in written.items()
    }
