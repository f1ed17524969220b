"""From signals to what a CRM reads: presets folded by the engine, projected, and asked in SQL."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from leadstream.projection.destinations import Destination, put_destination
from leadstream.projection.migrate import migrate
from tests.scoring import folding
from tests.scoring.folding import DAY, HOUR, MINUTE, Log

from .folded import preset, project
from .made import Database, Record, run
from .shell import told

TODAY = int(datetime.now(UTC).timestamp() * 1000) // MINUTE * MINUTE
BEGIN = TODAY - 10 * HOUR
PRICING = {"url": "https://acme.test/pricing"}
DIRECTOR = {"title": "Director", "country": "US"}
"""15 and 10 points in advanced-l2."""


def moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


@pytest.fixture(scope="module")
def handed(postgres_dsn: str) -> Database:
    """advanced-l2: 25 points of fit each, and 50 by a click on prices of less than a day ago."""
    database = Database(postgres_dsn, "from_signals_of_advanced_l2")
    run(migrate(database.dsn, database.schema))
    log = Log()
    for number, lead in enumerate(("ann", "bob", "cyd", "dan", "eve")):
        owner = {"owner": "kim"} if lead == "dan" else {}
        log.add("lead.created", BEGIN + number * MINUTE, lead=lead, data={**DIRECTOR, **owner})
    for number, lead in enumerate(("ann", "bob", "cyd", "dan")):
        log.add("email.clicked", BEGIN + HOUR + number * MINUTE, lead=lead, data=PRICING)
    # Two hours after her click Ann answers: 20 points, twice as they are fresh. Bob is won.
    log.add("email.replied", BEGIN + 3 * HOUR, lead="ann", data={})
    log.add("status.changed", BEGIN + 5 * HOUR, lead="bob", data={"from": "lead", "to": "won"})
    project(database, log, preset("advanced-l2"))
    return database


@pytest.mark.requirement("S3-18")
def test_at_75_a_crm_is_told_to_create_the_lead_for_whom_how_urgently_and_where(handed: Database) -> None:
    query = """
    SELECT lead_id, owner, priority, queue, score, band, trigger, requested_on FROM crm_handoffs
    WHERE action = 'create-crm-lead' ORDER BY log_partition, log_offset
    """
    rows = [tuple(row.values()) for row in run(handed.rows(query))]
    common = ("high", "follow-up", 75, "interested", "threshold:75.0")
    clicked = BEGIN + HOUR
    assert rows == [
        ("ann", "sales-1", *common, moment(clicked)),
        ("bob", "sales-2", *common, moment(clicked + MINUTE)),
        ("cyd", "sales-3", *common, moment(clicked + 2 * MINUTE)),
        # A lead that is somebody's stays theirs, and takes no turn.
        ("dan", "kim", *common, moment(clicked + 3 * MINUTE)),
    ]


@pytest.mark.requirement("S3-18")
def test_a_hand_off_leads_to_its_crossing_and_its_signal(handed: Database) -> None:
    query = """
    SELECT crossing.threshold, crossing.total_before, crossing.total_after, event.event_type, event.event_data
    FROM crm_handoffs AS handoff JOIN action_log AS crossing ON crossing.id = handoff.crossing_id
    JOIN score_events AS event ON event.tenant_id = handoff.tenant_id AND event.lead_id = handoff.lead_id
        AND event.signal_id = handoff.signal_id
    WHERE handoff.action = 'create-crm-lead' AND handoff.lead_id = 'cyd'
    """
    [row] = run(handed.rows(query))
    assert tuple(row.values())[:4] == (75.0, 25.0, 75.0, "email.clicked")
    assert json.loads(row["event_data"]) == PRICING


@pytest.mark.requirement("S2-9")
@pytest.mark.requirement("S2-17")
def test_the_row_of_a_lead_and_the_factors_behind_it(handed: Database) -> None:
    [lead] = run(handed.rows("SELECT * FROM leads WHERE lead_id = 'ann'"))
    assert (lead["score_total"], lead["score_band"], lead["score_version"]) == (100, "hot", "1")
    assert (lead["total"], lead["score_updated_on"]) == (115.0, moment(BEGIN + 3 * HOUR))
    query = "SELECT * FROM lead_factors_now WHERE lead_id = 'ann' ORDER BY factor_key"
    factors = run(handed.rows(query))
    points = {row["factor_key"]: row["points"] for row in factors if row["points"]}
    assert sorted(points.values()) == [10, 15, 40, 50]
    replied = next(row for row in factors if row["factor_key"] == "email.replied")
    assert (replied["factor_category"], replied["created_on"]) == ("engagement", moment(BEGIN + 3 * HOUR))
    [evidence] = json.loads(replied["details"])["signals"]
    assert (evidence["event_type"], evidence["points"]) == ("email.replied", 40.0)


@pytest.mark.requirement("S2-12")
@pytest.mark.requirement("S3-20")
@pytest.mark.requirement("S3-23")
def test_the_list_of_contacts_by_score_with_their_last_activity(handed: Database) -> None:
    query = "SELECT place, lead_id, score_now, last_activity_on FROM top_leads('acme', 10) ORDER BY place"
    clicked = BEGIN + HOUR
    assert [tuple(row.values()) for row in run(handed.rows(query))] == [
        (1, "ann", 100, moment(BEGIN + 3 * HOUR)), (2, "bob", 75, moment(clicked + MINUTE)),
        (3, "cyd", 75, moment(clicked + 2 * MINUTE)), (4, "dan", 75, moment(clicked + 3 * MINUTE)),
        (5, "eve", 25, None),
    ]  # fmt: skip
    query = """
    SELECT contact_id, total_score, engagement_score, fit_score, intent_score, previous_score
    FROM contact_scores WHERE contact_id IN ('ann', 'eve') ORDER BY total_score DESC
    """
    ann, eve = (tuple(row.values()) for row in run(handed.rows(query)))
    assert (ann[:2], ann[3], ann[5]) == (("ann", 100), 25.0, 75)
    assert ann[2] + ann[4] == 90.0
    assert eve == ("eve", 25, 0.0, 25.0, 0.0, 0)


@pytest.mark.requirement("S3-24")
def test_every_signal_is_an_event_with_the_scores_before_and_after(handed: Database) -> None:
    query = """
    SELECT event_type, points_added, score_before, score_after, created_at FROM score_events
    WHERE tenant_id = 'acme' AND lead_id = 'ann' ORDER BY created_at
    """
    assert [tuple(row.values()) for row in run(handed.rows(query))] == [
        ("lead.created", 25.0, 0, 25, moment(BEGIN)),
        ("email.clicked", 50.0, 25, 75, moment(BEGIN + HOUR)),
        ("email.replied", 40.0, 75, 100, moment(BEGIN + 3 * HOUR)),
    ]


@pytest.mark.requirement("S4-13")
def test_what_triggered_each_action_and_what_came_of_it(handed: Database) -> None:
    query = """
    SELECT lead_id, trigger, trigger_type, delay_seconds, waited_seconds, outcome_type, outcome_hours, status,
        status_hours
    FROM action_outcomes WHERE action = 'create-crm-lead' AND lead_id IN ('ann', 'bob') ORDER BY lead_id
    """
    common = ("threshold:75.0", "email.clicked", 0.0, 0.0)
    assert [tuple(row.values()) for row in run(handed.rows(query))] == [
        ("ann", *common, "email.replied", 2.0, None, None),
        ("bob", *common, None, None, "won", pytest.approx(4 - 1 / 60)),
    ]
    rows = {row["action"]: row for row in told(handed, "outcomes", "acme")}
    made = rows["create-crm-lead"]
    assert (made["requested"], made["answered"], made["percent_answered"]) == (4, 1, 25.0)
    assert (made["median_hours_to_answer"], made["converted_leads"], made["withheld"]) == (2.0, 1, 0)


@pytest.mark.requirement("S1-13")
def test_each_change_of_score_reaches_the_crm(database: Database) -> None:
    """basic-l1 by hand: 20 for the title, a click 10, a reply 15, a bounce -10."""
    log = Log().add("lead.created", BEGIN, data={"title": "CEO"})
    for number, kind in enumerate(("email.clicked", "email.replied", "email.bounced"), start=1):
        log.add(kind, BEGIN + number * HOUR, data={})
    run(put_destination(database.dsn, database.schema, Destination("crm", "acme", "every_update")))
    token, scores = None, []
    offset = 0
    for step in folding.run(log, preset("basic-l1"), packs=(1, 2, 3)).steps:
        records = [Record(offset + n, key, value) for n, (key, value, _) in enumerate(step.scores)]
        offset += len(records)
        run(database.fill("t.scores", records))
        query = "SELECT token, lead_id, score_total, score_updated_on FROM crm_changes('crm', $1)"
        [row] = run(database.rows(query, token))
        token = row["token"]
        scores.append((row["lead_id"], row["score_total"], row["score_updated_on"] - moment(BEGIN)))
    hours = [timedelta(hours=number) for number in range(4)]
    assert scores == [("l1", score, hour) for score, hour in zip((20, 30, 45, 35), hours, strict=True)]


@pytest.mark.requirement("S3-17")
@pytest.mark.requirement("S3-19")
@pytest.mark.requirement("S2-20")
@pytest.mark.requirement("S4-15")
def test_stages_campaigns_and_the_way_to_mql(database: Database) -> None:
    """dimensions: a lead for each range of the score, by replies at 15 up to 40 and trials at 20 up to 20, of
    fit 15 by the industry and 15 by the size."""
    log = Log()
    saas = {"industry": "SaaS", "company_size": 5000}
    begin = TODAY - 3 * DAY
    for lead, facts in (("a", {}), ("b", saas), ("c", saas), ("d", saas)):
        log.add("lead.created", begin, lead=lead, data=facts)
    # c has 30 + 30 after 2 h. d has 30 + 30 after 2 h and 30 + 40 + 20 after 4 h; it is won a day later.
    for hour, kind, leads in (
        (1, "email.replied", "cd"), (2, "email.replied", "cd"), (3, "email.replied", "d"),
        (4, "trial.started", "d"),
    ):  # fmt: skip
        for lead in leads:
            log.add(kind, begin + hour * HOUR, lead=lead, data={})
    log.add("status.changed", begin + 26 * HOUR, lead="d", data={"from": "lead", "to": "won"})
    project(database, log, preset("dimensions"))

    stages = told(database, "stages", "acme")
    assert [(row["stage"], row["leads"], row["mean"], row["bands"]) for row in stages] == [
        ("cold-lead", 1, 0.0, {"cold": 1}), ("nurture", 1, 30.0, {"warming": 1}),
        ("mql", 1, 60.0, {"interested": 1}), ("sql", 1, 90.0, {"hot": 1}),
    ]  # fmt: skip
    query = """
    SELECT lead_id, action, stage FROM crm_handoffs WHERE channel = 'email' ORDER BY lead_id, log_offset
    """
    started = "campaign-getting-started"
    assert [tuple(row.values()) for row in run(database.rows(query))] == [
        ("a", started, "cold-lead"), ("b", started, "nurture"),
        ("c", started, "nurture"), ("c", "campaign-deep-dive", "mql"),
        ("d", started, "nurture"), ("d", "campaign-deep-dive", "mql"), ("d", "campaign-book-demo", "sql"),
    ]  # fmt: skip
    way = told(database, "funnel", "acme", "--qualified", "stage:mql", "--qualified", "stage:sql")
    assert [(row["step"], row["rate"], row["leads"], row["percent_of_step_before"]) for row in way] == [
        ("lead", None, 4, None), ("mql", "lead-to-mql", 2, 50.0),
        ("converted", "mql-to-converted", 1, 50.0), ("converted otherwise", "other-to-converted", 0, 0.0),
    ]  # fmt: skip
    assert [row["median_hours"] for row in way] == [None, 2.0, 26.0, None]
    assert [row["median_hours_of_step"] for row in way] == [None, 2.0, 24.0, None]
