"""The comparison of the tables with a replay: it must find every difference."""

from leadstream.projection.verify import Expected, Verification, verify

from .made import NOW, Database, accumulator, run, snapshot

LEADS = {"a": 81.25, "b": 40.0}


def compared(database: Database, expected: dict[str, Expected]) -> Verification:
    return run(verify(database.dsn, database.schema, ((("acme", lead), at) for lead, at in expected.items())))


def replay(total: float, score: int, band: str) -> Expected:
    """What a replay gives of a lead, at the instant that the rows carry and no other."""
    return lambda at: (total, score, band) if at == NOW else (0.0, 0, "cold")


def fill(database: Database) -> None:
    records = [
        snapshot(n, lead, total=total, accumulators=(accumulator(points=total),))
        for n, (lead, total) in enumerate(LEADS.items())
    ]
    run(database.fill("t.scores", records))


def test_equal_tables_are_equal(database: Database) -> None:
    fill(database)
    result = compared(database, {"a": replay(81.25 + 9e-10, 81, "hot"), "b": replay(40.0, 81, "hot")})
    assert result.equal
    assert result.leads == 2
    assert str(result) == "2 leads, all equal to the replay"


def test_each_difference_is_found(database: Database) -> None:
    fill(database)
    same = replay(81.25, 81, "hot")
    for other in (
        replay(40.0 + 2e-9, 81, "hot"),
        replay(40.0, 80, "hot"),
        replay(40.0, 81, "warm"),
        replay(float("nan"), 81, "hot"),
    ):
        result = compared(database, {"a": same, "b": other})
        assert dict(result.differences) == {"different": 1}
        assert "acme:b at 2026-01-01T00:00:00.000Z" in str(result)


def test_leads_of_one_side_are_found(database: Database) -> None:
    fill(database)
    result = compared(database, {"a": replay(81.25, 81, "hot"), "c": replay(1.0, 1, "cold")})
    assert not result.equal
    assert dict(result.differences) == {"unexpected": 1, "missing": 1}
    assert result.examples == ["unexpected: acme:b", "missing: acme:c"]


def test_a_total_that_is_not_that_of_its_factors_and_caps_is_found(database: Database) -> None:
    factors = (accumulator(points=81.25, category="fit"),)
    capped = snapshot(0, "a", total=40.0, accumulators=factors, caps={"fit": (0.0, 40.0)})
    run(database.fill("t.scores", [capped, snapshot(1, "b", total=40.0, accumulators=factors)]))
    same = replay(40.0, 81, "hot")
    result = compared(database, {"a": same, "b": same})
    assert result.examples == ["unexplained: acme:b: 40.0, its factors give 81.25"]
