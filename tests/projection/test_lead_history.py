"""`leadstream lead show --history` and `--json`: the way of one lead."""

import json
from typing import Any, get_args

import pytest

from leadstream.cli.lead_actions import REASONS
from leadstream.records.outputs import Contribution, FactorShare, Reason

from .made import DAY, NOW, Database, accumulator, crossed, entry, history, run, skipped, snapshot
from .test_commands import leadstream, words

STAYS = {"kernel": "none", "half_life": 0}
FORM, REPLY = Contribution("form:organic", 30.0), Contribution("reply", 25.0)


@pytest.fixture
def filled(database: Database) -> Database:
    """30 by a form, a week later 21.2 of them left and a late reply, then a bounce that a guard flags."""
    factors = (
        accumulator("form:organic", category="intent", last_at=NOW),
        accumulator("reply", points=25.0, t_ref=NOW + 6 * DAY, last_at=NOW + 6 * DAY),
    )
    lead = snapshot(0, at=NOW + 8 * DAY, total=46.2, score=46, place=2, accumulators=factors)
    run(database.fill("t.scores", [lead, snapshot(1, "quiet", accumulators=())]))
    run(database.fill("t.history", [history(
        0,
        entry(0, at=NOW, now=NOW, points=30.0, before=0.0, after=30.0, score_before=0, score_after=30,
              contributions=(FORM,)),
        entry(1, at=NOW + 6 * DAY, now=NOW + 7 * DAY, points=23.8, before=21.2, after=45.0, score_before=21,
              score_after=45, contributions=(REPLY,), type="email.replied", source="mail"),
        entry(2, at=NOW + 8 * DAY, now=NOW + 8 * DAY, points=0.0, before=43.0, after=43.0, score_before=43,
              score_after=43, contributions=(), type="email.bounced", outcome="flagged", flags=("burst",)),
        entry(3, "other", now=NOW + 8 * DAY),
    )]))  # fmt: skip
    then = {"total_before": 21.2, "total_after": 45.0}
    shares = (
        FactorShare("form:organic", 21.2, 1, NOW, 0), FactorShare("reply", 23.8, 1, NOW + 6 * DAY, 1),
        FactorShare("cap:intent", -1.0),
    )  # fmt: skip
    run(database.fill("t.actions", [
        crossed(0, "c1", 20, at="2026-01-01T00:00:00.000Z", factors=(FactorShare("form:organic", 30.0),)),
        crossed(1, "c2", 25, at="2026-01-08T00:00:00.000Z", factors=shares, **then),
        crossed(2, "c3", 40, at="2026-01-08T00:00:00.000Z", factors=shares, **then),
        crossed(3, "c4", 40, at="2026-01-09T00:00:00.000Z", direction="down"),
    ]))  # fmt: skip
    return database


def told(database: Database, *arguments: str) -> dict[str, Any]:
    result = leadstream(database.dsn, database.schema, "lead", "show", "acme", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.requirement("S0-10")
@pytest.mark.requirement("S2-17")
def test_the_way_of_a_lead_newest_first(filled: Database) -> None:
    moves = told(filled, "l1", "--history")["history"]
    assert [
        (one["created"], one["type"], one["points"], one["before"], one["after"], one["score_after"])
        for one in moves
    ] == [
        ("2026-01-09T00:00:00.000Z", "email.bounced", 0.0, 43.0, 43.0, 43),
        ("2026-01-08T00:00:00.000Z", "email.replied", 23.8, 21.2, 45.0, 45),
        ("2026-01-01T00:00:00.000Z", "form.submitted", 30.0, 0.0, 30.0, 30),
    ]
    # What faded: 43 - 45 and 21.2 - 30.
    assert [one["meanwhile"] for one in moves] == [pytest.approx(-2.0), pytest.approx(-8.8), None]
    assert [one["contributions"] for one in moves] == [
        [], [{"factor": "reply", "points": 25.0}], [{"factor": "form:organic", "points": 30.0}],
    ]  # fmt: skip
    assert (moves[0]["outcome"], moves[0]["flags"]) == ("flagged", ["burst"])
    assert (moves[1]["at"], moves[1]["data"]) == ("2026-01-07T00:00:00.000Z", {"form": "demo"})


def test_a_part_of_the_way(filled: Database) -> None:
    assert len(told(filled, "l1", "--history", "--limit", "1")["history"]) == 1
    later = told(filled, "l1", "--history", "--since", "2026-01-08T00:00:00Z")
    assert [one["signal"] for one in later["history"]] == ["s2", "s1"]
    assert later["history"][-1]["meanwhile"] == pytest.approx(-8.8)
    # Up to the millisecond before the reply the lead had crossed 20 alone.
    earlier = told(filled, "l1", "--history", "--until", "2026-01-07T23:59:59.999Z")
    assert [one["signal"] for one in earlier["history"]] == ["s0"]
    assert earlier["pushed_over"]["threshold"] == 20.0


@pytest.mark.requirement("S0-10")
def test_what_pushed_it_over(filled: Database) -> None:
    push = told(filled, "l1", "--history")["pushed_over"]
    assert (push["id"], push["threshold"], push["at"]) == ("c3", 40.0, "2026-01-08T00:00:00.000Z")
    assert (push["cause"], push["type"], push["signal"]) == ("signal", "form.submitted", "s7")
    assert [
        (one["factor"], one["points"], one["type"], one["signal"], one["at"]) for one in push["parts"]
    ] == [
        ("reply", 23.8, "email.replied", "s1", "2026-01-07T00:00:00.000Z"),
        ("form:organic", 21.2, "form.submitted", "s0", "2026-01-01T00:00:00.000Z"),
        ("cap:intent", -1.0, None, None, None),
    ]


def test_the_signals_in_each_factor(filled: Database) -> None:
    evidence = told(filled, "l1", "--history")["evidence"]
    assert {name: [one["signal_id"] for one in signals] for name, signals in evidence.items()} == {
        "form:organic": ["s0"],
        "reply": ["s1"],
    }
    [reply] = evidence["reply"]
    assert (reply["at"], reply["created_at"]) == ("2026-01-07T00:00:00.000Z", "2026-01-08T00:00:00.000Z")
    assert (reply["points"], reply["source"]) == (25.0, "mail")


def test_the_lead_itself_for_programs(filled: Database) -> None:
    # 30 by a form halved twice is 7.5, the reply of six days later at 25 * 2 ** (-22 / 14).
    lead = told(filled, "l1", "--at", "2026-01-29T00:00:00Z")
    assert (lead["tenant"], lead["lead"], lead["band"], lead["model"]) == ("acme", "l1", "hot", "tenx")
    assert lead["total"] == pytest.approx(7.5 + 25 * 2 ** (-22 / 14), abs=1e-9)
    assert (lead["score"], lead["at"]) == (15, "2026-01-29T00:00:00.000Z")
    assert [(one["factor"], one["category"], one["signals"]) for one in lead["factors"]] == [
        ("reply", "", 1),
        ("form:organic", "intent", 1),
    ]
    assert (lead["updated"], lead["next_crossing"]) == ("2026-01-09T00:00:00.000Z", None)
    assert [one["id"] for one in lead["actions"]] == ["c4", "c3", "c2", "c1"]
    assert not {"history", "pushed_over", "evidence", "accumulators"} & lead.keys()


def test_the_tables_for_people(filled: Database) -> None:
    result = leadstream(filled.dsn, filled.schema, "lead", "show", "acme", "l1", "--history")
    assert result.returncode == 0, result.stderr
    lines = result.stdout[result.stdout.index("History") :].splitlines()
    reply = next(words(line) for line in lines if "email.replied" in line)
    assert reply[:5] == ["2026-01-08T00:00:00.000Z", "email.replied", "s1", "of", "mail,"]
    numbers = ["-8.80", "+23.80", "21.20", "to", "45.00", "21", "to", "45", "reply", "+25"]
    assert [one for one in reply if one in numbers] == numbers
    assert any("email.bounced s2 of site (flagged, burst)" in line for line in lines)
    assert any(
        line.startswith(
            "What pushed it over 40 at 2026-01-08T00:00:00.000Z: signal form.submitted s7, 21.20 to"
        )
        for line in lines
    )
    evidence = lines[lines.index(next(line for line in lines if "Last signals in each" in line)) :]
    assert any(words(line)[:3] == ["reply", "2026-01-07T00:00:00.000Z", "email.replied"] for line in evidence)


def test_a_lead_without_history(filled: Database) -> None:
    found = told(filled, "quiet", "--history")
    assert (found["history"], found["pushed_over"], found["evidence"]) == ([], None, {})
    shown = leadstream(filled.dsn, filled.schema, "lead", "show", "acme", "quiet", "--history")
    assert "no signal of that time is in the history" in shown.stdout


def test_names_from_signals_can_not_drive_the_terminal(database: Database) -> None:
    evil = "\x1b[2J[red]"
    made = (Contribution(evil, 30.0),)
    run(database.fill("t.scores", [snapshot(0, accumulators=(accumulator(evil, **STAYS),))]))
    run(database.fill("t.history", [
        history(0, entry(0, type=evil, signal=evil, source=evil, contributions=made))
    ]))  # fmt: skip
    run(database.fill("t.actions", [crossed(0, "c1", factors=(FactorShare(evil, 30.0, 1, NOW, 0),))]))
    result = leadstream(database.dsn, database.schema, "lead", "show", "acme", "l1", "--history")
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    assert result.stdout.count("[2J[red]") >= 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "2026-01-01T00:00:00Z"], "--since, --until: it is a time of --history"),
        (["--history", "--since", "yesterday"], "--since"),
        (["--history", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_use_is_one_line(filled: Database, arguments: list[str], message: str) -> None:
    result = leadstream(filled.dsn, filled.schema, "lead", "show", "acme", "l1", *arguments)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_signals_from_far_away_are_marked(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0)]))
    run(database.fill("t.history", [history(
        0, entry(0, past=True), entry(1, future=True, outcome="flagged", flags=("burst",)), entry(2),
    )]))  # fmt: skip
    moves = told(database, "l1", "--history")["history"]
    assert [(one["past"], one["future"]) for one in moves] == [(False, False), (False, True), (True, False)]
    shown = leadstream(database.dsn, database.schema, "lead", "show", "acme", "l1", "--history").stdout
    assert "(past)" in shown
    assert "(flagged, burst, future)" in " ".join(words(shown))


@pytest.fixture
def withheld(filled: Database) -> Database:
    """Of the crossing of the second week: a call without a phone, and one put off to the ninth."""
    run(database_decisions(filled))
    return filled


def database_decisions(database: Database) -> Any:
    waits = {"reason": "deferred", "until": "2026-01-09T08:00:00.000Z", "do": "call"}
    return database.fill("t.decisions", [
        skipped(0, "d1", at="2026-01-08T00:00:00.000Z", crossing="c2", reason="no_phone"),
        skipped(1, "d2", at="2026-01-08T00:00:00.000Z", crossing="c3", **waits),
        skipped(2, "d3", at="2026-01-08T01:00:00.000Z", lead="other"),
    ])  # fmt: skip


def test_what_was_withheld_is_told_with_its_reason(withheld: Database) -> None:
    found = told(withheld, "l1")["withheld"]
    names = ("id", "at", "action", "reason", "until", "crossing")
    assert [tuple(one[name] for name in names) for one in found] == [
        ("d2", "2026-01-08T00:00:00.000Z", "call", "deferred", "2026-01-09T08:00:00.000Z", "c3"),
        ("d1", "2026-01-08T00:00:00.000Z", "voice-lead-qualifier", "no_phone", None, "c2"),
    ]  # fmt: skip
    shown = leadstream(withheld.dsn, withheld.schema, "lead", "show", "acme", "l1").stdout
    text = " ".join(words(shown))
    assert "voice-lead-qualifier (phone) WITHHELD at 80, no_phone: no phone number is known" in text
    assert "call (phone) WITHHELD at 80, deferred until 2026-01-09T08:00:00.000Z: it waits for" in text
    # Newest first, and what a crossing led to above it.
    lines = [line for line in shown.splitlines() if "crossed" in line or "WITHHELD" in line]
    assert ["WITHHELD" in line for line in lines] == [False, True, True, False, False, False]


def test_with_history_actions_and_what_was_withheld_are_those_of_the_time(withheld: Database) -> None:
    later = told(withheld, "l1", "--history", "--since", "2026-01-08T00:00:01Z")
    assert [one["id"] for one in later["actions"]] == ["c4"]
    assert later["withheld"] == []
    before = told(withheld, "l1", "--history", "--until", "2026-01-08T00:00:00Z", "--limit", "1")
    assert [one["id"] for one in before["actions"] + before["withheld"]] == ["c3", "d2"]


def test_every_reason_has_words() -> None:
    assert set(get_args(Reason)) == set(REASONS)
