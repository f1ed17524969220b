"""`lead_scoring_models`: which models score, and which did."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from leadstream.records.models import ModelDecay
from tests.support.durations import HOUR

from .made import DAY, NOW, Database, Record, model, run
from .test_migrate import columns

START = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + DAY


def models(database: Database) -> list[tuple[Any, ...]]:
    rows = run(database.rows("SELECT * FROM lead_scoring_models ORDER BY tenant_id, fingerprint"))
    return [(row["tenant_id"], row["version"], row["is_active"]) for row in rows]


@pytest.mark.requirement("S3-22")
def test_a_row_is_what_the_record_says(database: Database) -> None:
    run(database.fill("t.models", [model(0, timezone="Europe/Berlin")]))
    query = (
        "SELECT *, scoring_rules ->> 'version' AS ruled, thresholds -> 1 ->> 'hysteresis' AS slack FROM {}"
    )
    [row] = run(database.rows(query.format("lead_scoring_models")))
    assert (row["tenant_id"], row["name"], row["version"], row["scoring_model_id"]) == (
        "acme",
        "tenx",
        "1",
        "tenx/1",
    )
    assert (row["is_active"], row["ruled"], row["slack"]) == (True, "1", "5")
    assert msgspec.json.decode(row["decay_settings"]) == [
        {
            "kernel": "exponential", "half_life": 1209600000, "factors": ["form.submitted.organic"],
            "percent": 0, "linear": False, "floor": 0, "ages": [],
        }
    ]  # fmt: skip
    assert row["caps"] == '{"fit": [0.0, 40.0]}'
    assert (row["timezone"], row["created_at"], row["updated_at"]) == ("Europe/Berlin", START, START)


@pytest.mark.requirement("S3-22")
def test_a_model_has_the_columns_of_the_sources(database: Database) -> None:
    found = columns(database, "lead_scoring_models")
    assert {
        "id": "text", "tenant_id": "text", "name": "text", "description": "text", "scoring_rules": "jsonb",
        "decay_enabled": "boolean", "decay_rate": "double precision",
        "decay_interval_days": "double precision", "is_active": "boolean", "created_at": "timestamptz",
        "updated_at": "timestamptz",
    }.items() <= found.items()  # fmt: skip
    rules = {"name": "tenx", "version": "1", "description": "Who calls whom."}
    run(database.fill("t.models", [model(0, rules=rules), model(1, "2", timestamp=LATER)]))
    query = "SELECT id, description, scoring_rules FROM lead_scoring_models ORDER BY id"
    first, second = (tuple(row.values()) for row in run(database.rows(query)))
    assert (*first[:2], msgspec.json.decode(first[2])) == ("acme:f1", "Who calls whom.", rules)
    assert second[:2] == ("acme:f2", "")


NONE = ModelDecay("none", 0, ("size",))


@pytest.mark.requirement("S3-22")
@pytest.mark.parametrize(("decay", "shown"), [
    ((ModelDecay("exponential", 14 * DAY, ("a",)),), (True, 0.5, 14.0)),
    ((NONE, ModelDecay("exponential", 36 * HOUR, ("a",))), (True, 0.5, 1.5)),
    ((ModelDecay("linear", 30 * DAY, ("a",)), NONE), (True, 1.0, 30.0)),
    ((ModelDecay("inactivity_step", 30 * DAY, ("a",), percent=5),), (True, 0.05, 30.0)),
    # An age table is no single rate, and an inactivity is no fading.
    ((ModelDecay("none", 0, ("a",), ages=((DAY, 2.0), (0, 0.5))),), (True, None, None)),
    ((NONE, ModelDecay("inactive", 90 * DAY, ("a",))), (False, None, None)),
])  # fmt: skip
def test_how_a_model_fades_at_a_glance(
    database: Database, decay: tuple[ModelDecay, ...], shown: tuple[Any, ...]
) -> None:
    run(database.fill("t.models", [model(0, decay=decay)]))
    query = "SELECT decay_enabled, decay_rate, decay_interval_days FROM lead_scoring_models"
    assert [tuple(row.values()) for row in run(database.rows(query))] == [shown]


@pytest.mark.requirement("S3-22")
def test_of_a_tenant_one_is_active_and_the_earlier_ones_stay(database: Database) -> None:
    run(database.fill("t.models", [model(0), model(1, tenant="other")]))
    run(database.fill("t.models", [model(2, "2", timestamp=LATER)]))
    assert models(database) == [("acme", "1", False), ("acme", "2", True), ("other", "1", True)]
    # The first version comes back.
    run(database.fill("t.models", [model(3, "1", timestamp=LATER, created=NOW)]))
    assert models(database) == [("acme", "1", True), ("acme", "2", False), ("other", "1", True)]
    [row] = run(database.rows("SELECT * FROM lead_scoring_models WHERE is_active AND tenant_id = 'acme'"))
    assert (row["created_at"], row["updated_at"]) == (START, START + timedelta(days=1))
    with pytest.raises(asyncpg.UniqueViolationError):
        run(database.rows("UPDATE lead_scoring_models SET is_active = true"))


HISTORY = [
    model(0), model(1, "2"), model(2, tenant="other"), model(3, "3"), model(4, "2", created=NOW),
    model(5, tenant="other", active=False, created=NOW), model(6, tenant="", version="4"),
    model(7, "9"), Record(8, b"acme:f9", None), model(9, "3", created=NOW),
]  # fmt: skip


@pytest.mark.requirement("S3-22")
@pytest.mark.parametrize("size", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("compacted", [False, True])
def test_however_the_log_is_cut_and_compacted_the_rows_are_the_same(
    database: Database, size: int, compacted: bool
) -> None:
    last = {record.key: record.offset for record in HISTORY}
    records = [one for one in HISTORY if not compacted or last[one.key] == one.offset]
    for begin in range(0, len(records), size):
        run(database.fill("t.models", records[begin : begin + size]))
    assert models(database) == [
        ("", "4", True), ("acme", "1", False), ("acme", "2", False), ("acme", "3", True),
        ("other", "1", False),
    ]  # fmt: skip


def test_a_removed_model_gives_way_to_the_one_before(database: Database) -> None:
    run(database.fill("t.models", [model(0), model(1, "2")]))
    run(database.fill("t.models", [Record(2, b"acme:f2", None)]))
    assert models(database) == [("acme", "1", True)]


def test_what_is_no_model_is_a_dead_letter_and_the_rest_stands(database: Database) -> None:
    records = [
        model(0), Record(1, b"acme:f1", b"{"), Record(2, None, b"{}"), Record(3, b"acme", None),
        Record(4, b"x:y", model(4).value), model(5, "5", timezone="a\0b"), model(6, tenant="a\0"),
        Record(7, b"acme:f8", model(7, "8").value.replace(b'"bands":[', b'"bands":1,"x":[')),  # type: ignore[union-attr]
    ]  # fmt: skip
    run(database.fill("t.models", records))
    dead = run(database.rows("SELECT log_offset, reason FROM projection_dead_letters ORDER BY 1"))
    assert [tuple(row.values()) for row in dead] == [
        (1, "not_json"), (2, "key_mismatch"), (3, "key_mismatch"), (4, "key_mismatch"), (6, "bad_text"),
        (7, "bad_field"),
    ]  # fmt: skip
    assert models(database) == [("acme", "1", False), ("acme", "5", True)]
    [row] = run(database.rows("SELECT timezone, altered FROM lead_scoring_models WHERE altered"))
    assert row["timezone"] == "a\ufffdb"
