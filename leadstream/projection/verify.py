"""Are the tables what the log says? Compares `leads` with a replay of the same log."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from leadstream.projection.queries import reading
from leadstream.records.times import rfc3339
from leadstream.scoring.decay.totals import sum_at

TOLERANCE = 1e-9
ROUNDING = 1e-6
"""The sums of the fold and those of the factors differ by rounding, which grows with what came and went."""
SHOWN = 20
"""The most leads that a report names of each kind."""

Expected = Callable[[int], tuple[float, int, str]]
"""From an instant (epoch ms) to total, score and band, as the replay has them."""


@dataclass(slots=True)
class Verification:
    """How the tables differ from the replay. `differences` counts leads: `missing` (in the tables),
    `unexpected` (there), `different` at the instant that the row carries, and `unexplained` where the total
    is not that of the factors and caps. `examples` names the first."""

    leads: int = 0
    differences: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether there is no difference at all."""
        return not self.differences

    def note(self, kind: str, text: str) -> None:
        self.differences[kind] += 1
        if self.differences[kind] <= SHOWN:
            self.examples.append(f"{kind}: {text}")

    def __str__(self) -> str:
        if self.equal:
            return f"{self.leads} leads, all equal to the replay"
        counts = ", ".join(f"{count} {kind}" for kind, count in self.differences.items())
        head = f"{self.leads} leads in PostgreSQL, compared with the replay: {counts}"
        return "\n  ".join([head, *self.examples])


async def verify(dsn: str, schema: str, expected: Iterable[tuple[tuple[str, str], Expected]]) -> Verification:
    """Compares each row of `leads` with what is expected of (tenant, lead) at the row's `score_updated_on`:
    the total within 1e-9, the same score and band; the total must be that of the row's factors and caps, and
    both must have the same leads.

    Raises `StoreUnavailable` and `SchemaMismatch`.
    """
    remaining = dict(expected)
    result = Verification()
    async with reading(dsn, schema) as tables:
        async for row in tables.all_leads():
            result.leads += 1
            name = f"{row.tenant}:{row.lead}"
            at = remaining.pop((row.tenant, row.lead), None)
            if at is None:
                result.note("unexpected", name)
                continue
            total, score, band = at(row.updated)
            # Written so that a NaN differs.
            if not abs(row.total - total) <= TOLERANCE or (row.score, row.band) != (score, band):
                result.note(
                    "different",
                    f"{name} at {rfc3339(row.updated)}: {row.total!r} {row.score} {row.band}, "
                    f"the replay has {total!r} {score} {band}",
                )
            explained = sum_at(row.accumulators, row.updated, row.caps)
            if not abs(row.total - explained) <= ROUNDING:
                result.note("unexplained", f"{name}: {row.total!r}, its factors give {explained!r}")
    for tenant, lead in remaining:
        result.note("missing", f"{tenant}:{lead}")
    return result
