"""Leads by the thousand: made inside PostgreSQL, or for the projector."""

import random
from collections.abc import Callable, Iterator

from leadstream.records.outputs import Accumulator, Detail

from .made import DAY, Record, snapshot

Lead = tuple[tuple[Accumulator, ...], dict[str, tuple[float, float]]]
"""Factors and caps."""

LEADS = """
INSERT INTO leads
SELECT $1, 'lead-' || to_char(n, 'FM00000000'), 0, 'cold', '1', to_timestamp(updated_ms / 1000.0), 0, 'many',
    NULL, NULL, '{{}}', accumulators, n % 4, n, false, rank.*, n, n, '', '{{}}'
FROM generate_series(1, $2::integer) AS n,
    LATERAL (SELECT (epoch_ms(now()) - (n * 2654435761 & 4294967295) / 24.855)::bigint) AS at (updated_ms),
    LATERAL (SELECT jsonb_build_array({factors})) AS made (accumulators),
    LATERAL rank_of(accumulators, updated_ms) AS rank
"""
"""Takes the tenant and the number of leads. Each was last written in the two days before now; `{factors}` are
jsonb arrays, in SQL that may use n, the lead's number, and updated_ms."""


def factor(name: str, points: str, half_life_days: float, mass: str) -> str:
    """One factor; `points` and `mass` are SQL."""
    kernel = "exponential" if half_life_days else "none"
    return (
        f"jsonb_build_array('{name}', '', {points}, '{kernel}', {int(half_life_days * 86_400_000)}, "
        f"{mass}, updated_ms, 1, updated_ms)"
    )


def drawn(salt: int) -> str:
    """A number in [0, 1) that is the same in every run, one per lead and salt."""
    return f"((hashint8extended(n, {salt}) & 1048575)::float8 / 1048576)"


ONE_HALF_LIFE = LEADS.format(
    factors=", ".join(
        factor(f"signal-{index}", str(points), 14, f"{drawn(index)} * 2")
        for index, points in enumerate((2, 10, 20, 25, 30))
    )
)
"""As with `tenx`: all fades with one half-life."""
FIT_AND_INTENT = LEADS.format(
    factors=", ".join(
        [
            factor("size", f"(ARRAY[0, 4, 8, 12])[1 + floor({drawn(1)} * 4)::integer]", 0, "1"),
            factor("industry", f"(ARRAY[0, 6, 12])[1 + floor({drawn(2)} * 3)::integer]", 0, "1"),
            factor("title", f"(ARRAY[0, 3, 5, 10])[1 + floor({drawn(3)} * 4)::integer]", 0, "1"),
            factor("bounce", "-10", 0, f"CASE WHEN {drawn(4)} < 0.1 THEN 1 ELSE 0 END"),
            factor("pricing", "15", 14, f"floor({drawn(5)} * 3)"),
            factor("open", "1", 14, f"{drawn(6)} * 9"),
        ]
    )
)
"""Points that stay, some of them negative, beside what fades with one half-life."""
MIXED = LEADS.format(
    factors=", ".join(
        [
            factor("size", f"(ARRAY[0, 4, 8, 12])[1 + floor({drawn(1)} * 4)::integer]", 0, "1"),
            factor("bounce", "-20", 7, f"CASE WHEN {drawn(4)} < 0.2 THEN {drawn(7)} ELSE 0 END"),
            factor("reply", "25", 14, f"{drawn(5)} * 2"),
            factor("open", "2", 3, f"{drawn(6)} * 5"),
            factor("visit", "10", 30, f"{drawn(8)}"),
        ]
    )
)
"""Three half-lives and a negative that fades faster than most."""
NEGATIVE = LEADS.format(factors=factor("bounce", "-20", 14, f"0.1 + {drawn(1)}"))
"""A list that bounced: every total is below 0 and rises."""
WORLDS = {
    "one_half_life": ONE_HALF_LIFE,
    "fit_and_intent": FIT_AND_INTENT,
    "mixed": MIXED,
    "negative": NEGATIVE,
}


def capped(rng: random.Random, at: int) -> Lead:
    """As with `factors-v1`: fit that stays, intent and engagement that fade, each category with its cap."""

    def signals(
        name: str, category: str, points: float, most: float, half_life: int = 14 * DAY
    ) -> Accumulator:
        mass = rng.random() * most if half_life else float(rng.randrange(int(most) + 1))
        kernel = "exponential" if half_life else "none"
        return Accumulator(name, category, points, kernel, half_life, mass, at, 1, at)

    factors = (
        signals("size", "fit", 12.0, 1, 0),
        signals("industry", "fit", 12.0, 1, 0),
        signals("title", "fit", 10.0, 1, 0),
        signals("pricing", "intent", 10.0, 3),
        signals("demo", "intent", 20.0, 1.5),
        signals("open", "engagement", 1.0, 9),
        signals("reply", "engagement", 8.0, 2),
        signals("bounce", "negative", -10.0, 1, 0),
    )
    return factors, {
        "fit": (0.0, 40.0),
        "intent": (0.0, 35.0),
        "engagement": (0.0, 25.0),
        "negative": (-30.0, 0.0),
    }


AGES = ((DAY, 2.0), (7 * DAY, 1.5), (30 * DAY, 1.0), (0, 0.5))


def stepped(rng: random.Random, at: int) -> Lead:
    """As with `advanced-l2`: an age table, opens that lose 5% a month without activity, and inactivity."""
    active = at - rng.randrange(120 * DAY)
    opens = tuple(sorted((active - rng.randrange(20 * DAY), 1.0) for _ in range(rng.randrange(4))))
    factors = [
        Accumulator("size", "fit", 15.0, "none", 0, float(rng.randrange(3)), at, 1, at),
        Accumulator(
            "open",
            "engagement",
            5.0,
            "inactivity_step",
            30 * DAY,
            float(rng.randrange(4)),
            active,
            3,
            active,
            Detail(opens, AGES, 5.0, False, 0.0, active),
        ),
    ]
    for name, points in (("click", 10.0), ("pricing", 20.0), ("reply", 20.0)):
        buckets = tuple(sorted((active - rng.randrange(30 * DAY), 1.0) for _ in range(rng.randrange(4))))
        settled = float(rng.randrange(3))
        factors.append(
            Accumulator(name, "engagement", points, "none", 0, settled, at, 1, at, Detail(buckets, AGES))
        )
    for days in (90, 180):
        factors.append(
            Accumulator(f"idle_{days}", "negative", -40.0, "inactive", days * DAY, 1.0, active, 0, active)
        )
    return tuple(factors), {}


DETAILED: dict[str, Callable[[random.Random, int], Lead]] = {"capped": capped, "stepped": stepped}
"""Worlds whose ranks only the projector can compute: by name, what makes the factors and caps of a lead."""


def records(world: str, leads: int, now: int) -> Iterator[Record]:
    """Snapshots of the leads of such a world, as the projector takes them, each written within two days."""
    rng = random.Random(world)
    for number in range(leads):
        at = now - rng.randrange(2 * DAY)
        factors, caps = DETAILED[world](rng, at)
        yield snapshot(
            number,
            f"lead-{number:08}",
            at=at,
            total=0.0,
            score=0,
            band="cold",
            next_change=None,
            accumulators=factors,
            caps=caps,
            place=number,
        )
