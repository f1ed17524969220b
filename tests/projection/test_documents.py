"""The questions in docs/postgresql.md, asked as they stand there."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leadstream.projection.destinations import Destination, put_destination
from leadstream.records.outputs import FactorShare

from .made import (
    NOW,
    Database,
    accumulator,
    crossed,
    entry,
    history,
    model,
    requested,
    run,
    skipped,
    snapshot,
)

TEXT = (Path(__file__).parents[2] / "docs" / "postgresql.md").read_text()
QUESTIONS = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
RECENT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
STAYS = {"kernel": "none", "half_life": 0}


@pytest.fixture
def asked(database: Database) -> Iterator[Any]:
    """Asks the one question of the page that has these words."""
    factors = (accumulator(**STAYS), accumulator("email.bounced", points=-20.0, **STAYS))
    best = (accumulator(points=90.0, **STAYS),)
    leads = [
        snapshot(0, "lead-42", accumulators=factors), snapshot(1, "b", total=90.0, accumulators=best),
        snapshot(2, "\0"),
    ]  # fmt: skip
    run(database.fill("t.scores", leads))
    won = entry(
        8,
        "lead-new",
        now=round(RECENT.timestamp() * 1000),
        type="status.changed",
        data={"to": "won"},
        before=0.0,
    )
    run(database.fill("t.history", [history(0, entry(7, "lead-42"), won)]))
    pushed = (FactorShare("form.submitted.organic", 30.0, 1, NOW, 7),)
    actions = [
        crossed(0, "c1", at="2026-01-02T00:00:00Z"), requested(1, "a1"), crossed(2, "c2"),
        crossed(3, "c3", 10, lead="lead-42", factors=pushed),
        requested(
            4, "a2", lead="b", do="create-crm-lead", channel="crm", priority="high", crossing="c4",
            payload={"queue": "follow-up", "owner": "sales-2"},
        ),
    ]  # fmt: skip
    run(database.fill("t.actions", actions))
    run(database.fill("t.decisions", [skipped(0, "d1", crossing="c2")]))
    run(database.fill("t.models", [model(0), model(1, "2", tenant="")]))

    destination = Destination("hubspot", "acme", "every_update")
    run(put_destination(database.dsn, database.schema, destination))
    left = set(QUESTIONS)

    def ask(words: str) -> list[dict[str, Any]]:
        [question] = [question for question in QUESTIONS if words in question]
        left.discard(question)
        return run(database.rows(question.replace("leadstream.", f"{database.schema}.")))

    yield ask
    assert not left, "questions that the test does not ask"


def test_the_questions_of_the_page_have_answers(asked: Any) -> None:
    assert [row["lead_id"] for row in asked("top_leads('acme', 20)")] == ["b", "lead-42"]
    assert [row["score_at"] for row in asked("score_at('acme', 'lead-42'")] == [10.0]
    # A total of 10 is under the 80 of `hot`, the band that the row has.
    assert [row["band_at"] for row in asked("band_at('acme', 'lead-42'")] == ["cold"]
    now = {
        row["lead_id"]: (row["score_now"], row["total_now"])
        for row in asked("FROM leadstream.leads_now WHERE")
    }
    assert now == {"b": (90, 90.0), "lead-42": (10, 10.0)}
    [why] = asked("FROM leadstream.score_events WHERE")
    assert (why["signal_id"], why["created_at"]) == ("s7", datetime(2026, 1, 1, tzinfo=UTC))
    assert [(row["action"], row["reason"]) for row in asked("AS requested")] == [
        ("voice-lead-qualifier", None),
        (None, "no_phone"),
    ]
    factors = {row["factor_key"]: (row["points"], row["details"]) for row in asked("lead_factors_now")}
    assert {name: points for name, (points, _) in factors.items()} == {
        "form.submitted.organic": 30,
        "email.bounced": -20,
    }
    assert '"signal_id": "s7"' in factors["form.submitted.organic"][1]
    trail = asked("FROM leadstream.lead_score_factors")
    assert {row["factor_key"] for row in trail} == {"form.submitted.organic"}
    [pushed] = asked("event.event_data")
    assert (pushed["factor"], pushed["points"], pushed["signal_id"]) == ("form.submitted.organic", 30.0, "s7")
    [dimensions] = asked("leadstream.contact_scores")
    assert (dimensions["total_score"], dimensions["fit_score"], dimensions["previous_score"]) == (81, 0.0, 10)
    assert len(asked("FROM leadstream.projection_positions")) == 5
    assert [(row["version"], row["is_active"]) for row in asked("lead_scoring_models")] == [
        ("2", True),
        ("1", True),
    ]
    changes = asked("crm_changes('hubspot', NULL, 500)")
    assert [(row["change"], row["lead_id"]) for row in changes] == [("updated", "lead-42"), ("updated", "b")]
    bands = {row["score_band"]: row["leads"] for row in asked("report_distribution")}
    assert bands == {"hot": 2, None: 2}
    [handoff] = asked("FROM leadstream.crm_handoffs")
    assert (handoff["lead_id"], handoff["owner"], handoff["queue"]) == ("b", "sales-2", "follow-up")
    assert (handoff["priority"], handoff["score"], handoff["log_offset"]) == ("high", 81, 4)
    [journey] = asked("lead_journeys('acme'")
    assert (journey["lead_id"], journey["qualified_on"], journey["converted_on"]) == (
        "lead-new",
        None,
        RECENT,
    )
    outcomes = asked("action_outcomes")
    assert {(row["action"], row["withheld"]) for row in outcomes} == {
        ("voice-lead-qualifier", None),
        ("voice-lead-qualifier", "no_phone"),
        ("create-crm-lead", None),
    }
    dead = asked("FROM leadstream.projection_dead_letters")
    assert [(row["reason"], row["count"]) for row in dead] == [("bad_text", 1)]
