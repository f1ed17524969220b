"""`leadstream lead list`: the leads of a tenant by their score at this moment."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from leadstream.records.models import ModelLevel
from leadstream.records.times import rfc3339

from .made import DAY, Database, accumulator, model, run, snapshot
from .shell import command
from .test_commands import words

STAYS = {"kernel": "none", "half_life": 0}
TODAY = int(datetime.now(UTC).timestamp() * 1000)
LONG_AGO = TODAY - 28 * DAY


@pytest.fixture
def filled(database: Database) -> Database:
    """`a` had the most and has faded to a quarter; `x` is another tenant's."""
    faded = {"at": LONG_AGO, "accumulators": (accumulator(points=96.0, t_ref=LONG_AGO),)}
    leads = [
        snapshot(0, "a", total=96.0, score=96, band="warm", owner="Ann", last_activity=LONG_AGO, **faded),
        snapshot(1, "b", band="hot", stage="sql", owner="Bob", last_activity=None,
                 accumulators=(accumulator(points=90.25, **STAYS),)),
        snapshot(2, "c", band="warm", accumulators=(accumulator(points=60.0, **STAYS),)),
        snapshot(3, "d", band="warm", accumulators=(accumulator(points=60.0, **STAYS),)),
        snapshot(4, "x", band="odd", tenant="other", owner="Eve"),
    ]  # fmt: skip
    run(database.fill("t.scores", leads))
    bands = (ModelLevel("cold", 0), ModelLevel("warm", 20), ModelLevel("hot", 80))
    run(database.fill("t.models", [model(0, bands=bands, stages=(ModelLevel("mql"), ModelLevel("sql")))]))
    return database


def listed(database: Database, *arguments: str) -> list[dict[str, Any]]:
    result = command(database, "lead", "list", "acme", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.mark.requirement("S3-20")
def test_the_list_is_in_the_order_of_this_moment_with_the_last_activity(filled: Database) -> None:
    found = listed(filled)
    assert [(one["lead"], one["score"]) for one in found[:3]] == [("b", 90), ("c", 60), ("d", 60)]
    # 96 after two half-lives.
    assert found[3]["lead"] == "a"
    assert found[3]["total"] == pytest.approx(24.0, abs=0.2)
    assert [one["last_activity"] for one in (found[3], found[0])] == [rfc3339(LONG_AGO), None]
    printed = command(filled, "lead", "list", "acme").stdout
    rows = [words(line) for line in printed.splitlines() if "│" in line]
    assert rows[0] == ["b", "90", "90.25", "hot", "sql", "Bob", "never"]
    assert rows[-1][0] == "a"
    assert rows[-1][-1] == rfc3339(LONG_AGO)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--band", "warm"], ["c", "d", "a"]),
        (["--band", "warm", "--limit", "1"], ["c"]),
        (["--stage", "sql"], ["b"]),
        (["--owner", "Ann"], ["a"]),
        (["--owner", ""], ["c", "d"]),
        (["--band", "warm", "--owner", "Ann"], ["a"]),
        (["--limit", "2"], ["b", "c"]),
        (["--band", "cold"], []),
        (["--stage", "mql"], []),
    ],
)
def test_a_list_is_narrowed(filled: Database, arguments: list[str], expected: list[str]) -> None:
    assert [one["lead"] for one in listed(filled, *arguments)] == expected


def test_csv_has_all_digits_and_nothing_for_none(filled: Database) -> None:
    result = command(filled, "lead", "list", "acme", "--csv", "--band", "hot")
    [row] = csv.DictReader(io.StringIO(result.stdout))
    assert row == {"lead": "b", "score": "90", "total": "90.25", "band": "hot", "stage": "sql",
                   "owner": "Bob", "last_activity": ""}  # fmt: skip


def test_that_there_are_more_is_said(filled: Database) -> None:
    assert "there are more: --limit" in command(filled, "lead", "list", "acme", "--limit", "3").stderr
    assert command(filled, "lead", "list", "acme", "--limit", "4").stderr == ""
    empty = command(filled, "lead", "list", "acme", "--band", "cold")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (0, "", "no lead of acme is among these\n")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (
            ["acme", "--band", "hott"],
            2,
            "no band hott (did you mean hot?); there are: cold, hot, warm",
        ),
        (["acme", "--band", "HOT"], 2, "acme has no band HOT (did you mean hot?)"),
        (
            ["acme", "--band", "odd"],
            2,
            "acme has no band odd; there are: cold, hot, warm",
        ),
        (["acme", "--stage", "sal"], 2, "acme has no stage sal (did you mean sql?); there are: mql, sql"),
        (["acme", "--owner", "Eve"], 2, "acme has no owner Eve; there are: Ann, Bob"),
        (["acmee"], 1, "no tenant acmee has leads; there are: acme, other"),
        (["acmee", "--band", "hot"], 1, "no tenant acmee has leads"),
        (["acme", "--limit", "0"], 2, "--limit"),
        (["acme", "--csv", "--json"], 2, "one of the two"),
    ],
)
def test_what_nobody_has_is_refused_with_what_there_is(
    filled: Database, arguments: list[str], code: int, reason: str
) -> None:
    result = command(filled, "lead", "list", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    [line] = result.stderr.splitlines()
    assert reason in line


def test_without_postgresql_the_error_is_one_line(database: Database) -> None:
    away = Database("postgresql://127.0.0.1:1/none", database.schema)
    result = command(away, "lead", "list", "acme")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
