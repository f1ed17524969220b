"""Leads by the thousand, made inside PostgreSQL."""

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
