"""`leadstream db` and `leadstream lead show`, as a person runs them."""

import subprocess

import pytest
from typer.testing import CliRunner

from leadstream.cli.app import app
from leadstream.records.outputs import Detail

from .made import (
    DAY,
    NOW,
    Database,
    accumulator,
    band_changed,
    crossed,
    entry,
    fired,
    history,
    model,
    requested,
    run,
    snapshot,
    stage_changed,
)


def leadstream(dsn: str, schema: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in this process; what it is given and gives is what a process would."""
    environment = {"LEADSTREAM_POSTGRES_DSN": dsn, "LEADSTREAM_POSTGRES_SCHEMA": schema}
    ended = CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)
    return subprocess.CompletedProcess(arguments, ended.exit_code, ended.stdout, ended.stderr)


def words(line: str) -> list[str]:
    return line.replace("│", " ").split()


@pytest.fixture
def filled(database: Database) -> Database:
    """A lead whose total is 100 - 20: a form of 14 days of half-life and a bounce that does not fade."""
    factors = (
        accumulator(points=30.0, mass=10 / 3, count=4),
        accumulator("email.bounced", points=-20.0, kernel="none", half_life=0),
    )
    run(database.fill("t.scores", [snapshot(0, total=80.0, score=80, accumulators=factors)]))
    run(database.fill("t.history", [history(0, *(entry(place) for place in range(4)))]))
    actions = [crossed(0, "c1", 50), crossed(1, "c2", 80), requested(2, "a1"), band_changed(3, "b1")]
    run(database.fill("t.actions", actions))
    run(database.fill("t.models", [model(0)]))
    return database


@pytest.mark.requirement("N-8")
@pytest.mark.requirement("S2-17")
def test_a_lead_is_explained_at_a_time(filled: Database) -> None:
    result = leadstream(
        filled.dsn, filled.schema, "lead", "show", "acme", "l1", "--at", "2026-01-08T00:00:00Z"
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    # 100 / sqrt(2) - 20
    assert lines[0] == "acme:l1  score 50 (total 50.7106) at 2026-01-08T00:00:00.000Z"
    assert "as of 2026-01-01T00:00:00.000Z with score 80" in lines[1]
    # It was due on the second of January.
    assert "a change by itself was due at 2026-01-02T00:00:00.000Z" in lines[1]
    assert "suppressed: email" in lines
    form = next(words(line) for line in lines if "form.submitted.organic" in line)
    assert form[:7] == ["form.submitted.organic", "30", "4", "2.3570", "14", "d", "120"]
    assert form[7:] == ["70.7107", "2026-01-01T00:00:00.000Z", "form.submitted", "s3"]
    bounce = next(words(line) for line in lines if "email.bounced" in line)
    assert bounce[1:6] == ["-20", "1", "1.0000", "none", "-20.0000"]
    # 100 * 2 ** (-t / 14 d) = 70 at 14 d * log2(10 / 7) = 7.2040 d
    crossing = next(line for line in lines if "by itself" in line and "next" in line)
    assert "falls below 50 at 2026-01-08T04:53:4" in crossing
    assert crossing.endswith(", in 4 h 53 min")
    assert any("voice-lead-qualifier (phone) requested at 80" in line for line in lines)
    assert any("warm to hot" in line for line in lines)
    assert any("crossed 50 up" in line and "form.submitted s7" in line for line in lines)


def test_a_fall_within_the_hysteresis_is_none(filled: Database) -> None:
    """100 * 2 ** (-t / 14 d) - 20 is 79.99 within minutes; its threshold of 80 is left below 75."""
    result = leadstream(
        filled.dsn, filled.schema, "lead", "show", "acme", "l1", "--at", "2026-01-01T00:10:00Z"
    )
    # 95 at 14 d * log2(100 / 95) = 1.0360 d
    assert "falls below 80 less its hysteresis of 5 at 2026-01-02T00:51:5" in result.stdout


def test_without_its_model_no_crossing_is_foretold(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0, version="2", owner="ann")]))
    run(database.fill("t.models", [model(0), model(1, "2", tenant="other")]))
    result = leadstream(database.dsn, database.schema, "lead", "show", "acme", "l1")
    assert result.returncode == 0, result.stderr
    assert "lead_scoring_models has no tenx 2 yet" in result.stdout
    assert "owner ann" in result.stdout.splitlines()


def test_a_total_just_below_a_score_is_not_shown_as_that_score(database: Database) -> None:
    factors = (accumulator(points=69.99999, kernel="none", half_life=0),)
    lead = snapshot(0, total=69.99999, score=69, accumulators=factors)
    run(database.fill("t.scores", [lead]))
    fell = crossed(0, "c1", 70, direction="down", total_before=70.0, total_after=69.99999)
    run(database.fill("t.actions", [fell]))
    result = leadstream(database.dsn, database.schema, "lead", "show", "acme", "l1")
    assert result.stdout.startswith("acme:l1  score 69 (total 69.9999)")
    assert "70.00 to 69.99" in result.stdout


def test_caps_stages_and_triggers_are_shown(database: Database) -> None:
    factors = (accumulator("pricing", points=81.25, category="intent", kernel="none", half_life=0),)
    lead = snapshot(0, accumulators=factors, caps={"intent": (0.0, 35.0)}, total=35.0, score=35, stage="mql")
    run(database.fill("t.scores", [lead]))
    actions = [
        stage_changed(0, "s1", stage="mql"), fired(1, "t1", trigger="spike:busy", value=3.0),
        fired(2, "t2", trigger="timer:idle"),
        requested(3, "a1", trigger="timer:idle", threshold=None, crossing="t2"),
    ]  # fmt: skip
    run(database.fill("t.actions", actions))
    result = leadstream(database.dsn, database.schema, "lead", "show", "acme", "l1")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("acme:l1  score 35 (total 35.0000)")
    assert "band hot, stage mql, model tenx 1" in result.stdout
    cap = next(words(line) for line in result.stdout.splitlines() if "cap:intent" in line)
    assert cap[-1] == "-46.2500"
    for text in ("stage none to mql", "spike:busy fired at 3", "timer:idle fired", "requested by timer:idle"):
        assert text in result.stdout


def test_how_each_factor_fades_is_shown(database: Database) -> None:
    opens = Detail(ages=((DAY, 2.0), (0, 1.0)), percent=5.0)
    factors = (
        accumulator("a.linear", kernel="linear", half_life=2 * DAY, detail=Detail()),
        accumulator("b.opens", kernel="inactivity_step", half_life=30 * DAY, detail=opens),
        accumulator("c.clicks", kernel="none", half_life=0, detail=Detail(ages=opens.ages)),
        accumulator("d.idle", kernel="inactive", half_life=90 * DAY),
    )
    run(database.fill("t.scores", [snapshot(0, accumulators=factors)]))
    result = leadstream(database.dsn, database.schema, "lead", "show", "acme", "l1")
    assert result.returncode == 0, result.stderr
    cells = [line.split("│") for line in result.stdout.splitlines() if line.startswith("│")]
    assert {row[1].strip(): row[5].strip() for row in cells} == {
        "a.linear": "to 0 in 2 d",
        "b.opens": "5% an idle 30 d, by age",
        "c.clicks": "by age",
        "d.idle": "idle 90 d",
    }


def test_without_a_time_the_score_is_that_of_now(filled: Database) -> None:
    """Years later the form has faded below what the bounce costs."""
    then = NOW - 3650 * DAY
    bounce = accumulator("email.bounced", points=-20.0, kernel="none", half_life=0)
    old = snapshot(1, "old", place=1, at=then, accumulators=(accumulator(t_ref=then), bounce))
    run(filled.fill("t.scores", [old]))
    result = leadstream(filled.dsn, filled.schema, "lead", "show", "acme", "old")
    assert result.stdout.startswith("acme:old  score 0 (total -20.0000)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["acme", "l11"], "error: no lead l11 of tenant acme; nearest: l1\n"),
        (["acmee", "l1"], "error: no tenant acmee has leads; there are: acme\n"),
        (["acme", "something"], "no lead something of tenant acme; if it has signals, `leadstream doctor`"),
        (["acme", "l1", "--at", "2025-12-31T00:00:00Z"], "name a later time, or ask the log"),
        (["acme", "l1", "--at", "tomorrow"], "Invalid value for --at"),
    ],
)  # fmt: skip
def test_errors_name_the_remedy(filled: Database, arguments: list[str], message: str) -> None:
    result = leadstream(filled.dsn, filled.schema, "lead", "show", *arguments)
    assert result.returncode != 0
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_postgresql_away_is_one_line() -> None:
    for arguments in (["lead", "show", "acme", "l1"], ["db", "migrate"], ["db", "status"]):
        result = leadstream("postgresql://u:s3cret@127.0.0.1:1/crm", "leadstream", *arguments)
        assert result.returncode == 1
        assert "127.0.0.1:1/crm can't be reached" in result.stderr
        assert result.stderr.count("\n") == 1
        assert "s3cret" not in result.stderr


def test_the_schema_is_migrated_once_and_told(postgres_dsn: str, unique: str) -> None:
    before = leadstream(postgres_dsn, unique, "db", "status")
    assert before.returncode == 1
    assert "no tables" in before.stdout
    assert "leadstream db migrate" in before.stdout
    made = leadstream(postgres_dsn, unique, "db", "migrate")
    assert made.returncode == 0, made.stderr
    assert "applied 0010" in made.stdout
    again = leadstream(postgres_dsn, unique, "db", "migrate")
    assert (again.returncode, "applied" in again.stdout) == (0, False)
    after = leadstream(postgres_dsn, unique, "db", "status")
    assert after.returncode == 0
    assert "pending" not in after.stdout


def test_rights_are_given_by_command(database: Database, unique: str) -> None:
    run(database.rows(f"CREATE ROLE {unique}"))
    given = leadstream(database.dsn, database.schema, "db", "grant", "--reader", unique)
    assert given.stdout == f"{unique} is a reader of schema {database.schema}\n"
    [row] = run(database.rows("SELECT has_table_privilege($1, 'leads_now', 'SELECT') AS may", unique))
    assert row["may"]
    run(database.rows(f"DROP OWNED BY {unique}"))
    run(database.rows(f"DROP ROLE {unique}"))
    absent = leadstream(database.dsn, database.schema, "db", "grant", "--tenant-reader", unique)
    assert absent.returncode == 1
    assert f"CREATE ROLE {unique} LOGIN" in absent.stderr
    none = leadstream(database.dsn, database.schema, "db", "grant")
    assert none.returncode == 2


def test_old_months_are_dropped_by_command(database: Database) -> None:
    run(database.fill("t.history", [history(0, entry(0, now=NOW - 4000 * DAY))]))
    looked = leadstream(database.dsn, database.schema, "db", "retain", "--keep-months", "120", "--dry-run")
    assert looked.stdout.startswith("would drop score_events_2015_01\n")
    assert len(run(database.rows("SELECT 1 FROM score_events"))) == 1
    done = leadstream(database.dsn, database.schema, "db", "retain", "--keep-months", "120")
    assert done.stdout.startswith("dropped score_events_2015_01\n")
    assert run(database.rows("SELECT 1 FROM score_events")) == []


def test_a_destination_is_named_by_command(database: Database) -> None:
    run(database.fill("t.scores", [snapshot(0)]))
    made = leadstream(database.dsn, database.schema, "db", "destination", "hubspot", "--tenant", "acme")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("hubspot gets the leads of acme (every_update): SELECT * FROM ")
    [row] = run(database.rows("SELECT lead_id FROM crm_changes('hubspot')"))
    assert row["lead_id"] == "l1"
    arguments = ("db", "destination", "hubspot", "--tenant", "acme", "--writes")
    assert leadstream(database.dsn, database.schema, *arguments, "band_change").returncode == 0
    [row] = run(database.rows("SELECT tenant_id, writes FROM crm_destinations"))
    assert (row["tenant_id"], row["writes"]) == ("acme", "band_change")
    wrong = leadstream(database.dsn, database.schema, *arguments, "sometimes")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
