"""The questions in docs/postgresql.md, asked as they stand there."""

import re
from pathlib import Path

from .made import NOW, Database, accumulator, crossed, entry, history, requested, run, skipped, snapshot

TEXT = (Path(__file__).parents[2] / "docs" / "postgresql.md").read_text()
QUESTIONS = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)


def test_the_questions_of_the_page_have_answers(database: Database) -> None:
    factors = (accumulator(), accumulator("email.bounced", points=-20.0, kernel="none", half_life=0))
    leads = [snapshot(0, "lead-42", accumulators=factors), snapshot(1, "b", total=90.0), snapshot(2, "\0")]
    run(database.fill("t.scores", leads))
    run(database.fill("t.history", [history(0, entry(7, "lead-42"))]))
    run(
        database.fill(
            "t.actions", [crossed(0, "c1", at="2026-01-02T00:00:00Z"), requested(1, "a1"), crossed(2, "c2")]
        )
    )
    run(database.fill("t.decisions", [skipped(0, "d1", crossing="c2")]))
    asked = [question.replace("leadstream.", f"{database.schema}.") for question in QUESTIONS]
    best, now, why, pushed, positions, dead = (run(database.rows(question)) for question in asked)
    assert [row["lead_id"] for row in best] == ["b", "lead-42"]
    assert {row["lead_id"] for row in now} == {"b", "lead-42"}
    assert [row["signal_id"] for row in why] == ["s7"]
    assert [(row["action"], row["reason"]) for row in pushed] == [
        ("voice-lead-qualifier", None),
        (None, "no_phone"),
    ]
    assert len(positions) == 4
    assert [(row["reason"], row["count"]) for row in dead] == [("bad_text", 1)]
    # The same question for 14 days after the form: 30 / 2 - 20.
    then = asked[1].replace("now()", f"to_timestamp({NOW / 1000} + 14 * 86400)")
    totals = {row["lead_id"]: row["total_now"] for row in run(database.rows(then))}
    assert totals["lead-42"] == -5.0
