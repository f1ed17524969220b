"""Rules of other systems, from exports in the forms that their makers document."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leadstream.cli.app import app
from leadstream.models import parse_rule_file
from leadstream.models.compile import compile_model
from leadstream.models.importing import SYSTEMS, Carried
from leadstream.models.importing.carried import NotCarried
from leadstream.models.rules import Rule
from leadstream.models.schema import RuleFile
from leadstream.models.when import test_of as compiled
from leadstream.records.signal import Signal
from tests.scoring.folding import HOUR, T0, Log, run

EXPORTS = Path(__file__).parent / "exports"


def imported(system: str, *names: str) -> tuple[RuleFile, dict[str, str]]:
    """The rule file of some exports, and what was left out, by name."""
    carried = Carried(system)
    for name in names:
        SYSTEMS[system](json.loads((EXPORTS / name).read_text()), carried)
    return parse_rule_file(carried.text("ours", list(names)), "ours.yaml"), dict(carried.left_out)


def matches(rule: Rule, **data: Any) -> bool:
    test = compiled(rule.when)
    return test is None or test(Signal("s", "t", "l", rule.on[0], 0, "", data))


@pytest.mark.requirement("S0-14")
def test_mautics_point_actions_and_triggers() -> None:
    file, left_out = imported("mautic", "mautic-points.json", "mautic-triggers.json")
    newsletter, form, pricing, back = file.rules
    assert file.half_life == 0
    assert (newsletter.id, newsletter.on, newsletter.points) == ("opened-the-newsletter", ["email.opened"], 2)
    assert newsletter.rationale == "Mautic's point action 1 `Opened the newsletter`, email.open. Any of them."
    assert [matches(newsletter, campaign=one) for one in ("3", 7, "8", 8, None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    # Not repeatable: once per contact.
    assert form.repeat is not None
    assert (form.on, form.points, form.repeat.factors, form.repeat.within) == (
        ["form.submitted"],
        20,
        [1, 0],
        0,
    )
    # From the third visit on.
    assert pricing.repeat is not None
    assert pricing.repeat.factors == [0, 0, 1]
    assert matches(pricing, url="https://example.com/de/pricing-2026")
    assert not matches(pricing, url="https://example.org/de/pricing")
    assert not matches(pricing, url="https://example_com/de/pricing")
    # Back within a day.
    assert back.repeat is not None
    assert (back.repeat.factors, back.repeat.within) == ([0, 1], 86_400_000)
    assert matches(back, url="https://example.com/")
    assert not matches(back, url="https://example.com/x")

    assert [threshold.at for threshold in file.thresholds] == [20, 50]
    assert [(band.name, band.from_) for band in file.bands] == [("start", 0), ("warm", 20), ("hot", 50)]
    guide, tag = file.actions
    assert (guide.do, guide.at, guide.channel, guide.payload["email"]) == ("send-the-guide", 20, "email", 42)
    assert (tag.channel, tag.payload["add_tags"]) == ("crm", "5, 6")
    assert guide.dedupe == 36_525 * 86_400_000
    assert left_out == {
        "points[4], point action 5 `Long stay`": "rules know no `accumulative_time`",
        "points[5], point action 6 `Landing page`": (
            "it counts Mautic's own landing pages, and signals do not tell them from other pages: write a "
            "rule on `page.viewed` with the `data.url` of those pages"
        ),
        "points[6], point action 7 `Old action`": "it is not published",
        "points[7], point action 8 `Texted back`": "there is no signal for Mautic's `sms.reply`",
        "triggers[2], point trigger 3 `Everybody`": "it fires at 0 points, and a threshold lies above 0",
    }


@pytest.mark.requirement("S0-14")
def test_what_is_carried_over_scores_as_in_mautic() -> None:
    file, _ = imported("mautic", "mautic-points.json", "mautic-triggers.json")
    log = (
        Log().add("email.opened", T0, data={"campaign": "3"}).add("email.opened", T0, data={"campaign": "9"})
    )
    for hour in (1, 2):
        log.add("form.submitted", T0 + hour * HOUR)
    for hour in (3, 4, 5, 6):
        log.add("page.viewed", T0 + hour * HOUR, data={"url": "https://example.com/de/pricing"})
    for hour in (7, 8, 40):
        log.add("page.viewed", T0 + hour * HOUR, data={"url": "https://example.com/"})
    result = run(log, compile_model(file))
    # An open 2; the form once 20; the third and the fourth visit 5 each; back within 24 hours once, 3.
    assert result.snapshot().total == 35
    assert result.crossings == [(20, "up", "signal")]


def action(**values: Any) -> dict[str, Any]:
    return {"points": [{"id": 1, "name": "x", "type": "email.open", "delta": 1, "properties": {}, **values}]}


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        ({"publishDown": "2027-01-01T00:00:00+00:00"}, "it counts for a time only (publishDown 2027-01-01"),
        ({"group": {"id": 1, "name": "Product A"}}, "its points are those of the group `Product A`"),
        ({"delta": "many"}, "its points (`delta`): no number up to 1000000: many"),
        ({"delta": 1e9}, "no number up to 1000000"),
        ({"type": "url.hit"}, "it names no URL"),
        ({"type": "url.hit", "properties": {"page_url": "/[ab]"}}, "its URL has a set of characters: /[ab]"),
        (
            {"type": "url.hit", "properties": {"page_url": "/a", "page_hits": 2, "first_time": True}},
            "it asks for first_time and page_hits at once",
        ),
        ({"type": "url.hit", "properties": {"page_url": "/a", "page_hits": 64}}, "ordinals go to 63"),
        ({"type": "url.hit", "properties": {"page_url": "/a", "returns_after": 60}}, "no `returns_after`"),
        (
            {"type": "url.hit", "properties": {"page_url": "/a", "returns_within": 60}},
            "a window knows no once",
        ),
    ],
)
def test_what_can_not_be_carried_over_from_mautic(one: dict[str, Any], reason: str) -> None:
    carried = Carried("mautic")
    SYSTEMS["mautic"](action(**one), carried)
    assert carried.rules == []
    ((_, found),) = carried.left_out
    assert reason in found


def test_actions_by_id_and_of_the_same_name() -> None:
    one = action()["points"][0]
    carried = Carried("mautic")
    SYSTEMS["mautic"]({"points": {"1": one, "2": {**one, "id": 2}}}, carried)
    assert [rule["id"] for rule in carried.rules] == ["x", "x-2"]


@pytest.mark.requirement("S0-14")
def test_hubspots_lead_score() -> None:
    file, left_out = imported("hubspot", "hubspot-score.json")
    industry, size = file.fit
    assert (industry.fact, industry.values) == ("industry", {"COMPUTER_SOFTWARE": 15, "INTERNET": 15})
    assert size.ranges is not None
    assert (size.fact, [(one.from_, one.points) for one in size.ranges]) == ("company_size", [(200, 10)])
    click, pricing = file.rules
    assert (click.on, click.points, matches(click, campaign="9")) == (["email.clicked"], 8, True)
    assert not matches(click, campaign="8")
    assert matches(pricing, url="https://example.com/pricing")
    # A criterion holds or does not: its points come once.
    assert pricing.repeat is not None
    assert pricing.repeat.factors == [1, 0]
    assert {name: category.cap for name, category in file.categories.items()} == {
        "who-they-are": 40, "what-they-do": 60,
    }  # fmt: skip
    assert {part.category for part in file.fit} == {"who-they-are"}
    assert {part.category for part in file.rules} == {"what-they-do"}
    reasons = {what.rpartition(" ")[2]: reason for what, reason in left_out.items()}
    assert set(reasons) == {"(r3)", "(r4)", "(r7)", "(r8)"}
    assert reasons["(r3)"].startswith("`gender` tells a protected attribute")
    assert reasons["(r4)"] == "it is not enabled"
    assert "does not say what it asks for" in reasons["(r7)"]
    assert "it joins 2 filters" in reasons["(r8)"]


def test_hubspots_score_property_with_its_criteria() -> None:
    file, left_out = imported("hubspot", "hubspot-property.json")
    title, revenue, country = file.fit
    assert title.keywords is not None
    assert (title.fact, title.keywords.points) == ("title", {"director": 10})
    assert revenue.ranges is not None
    assert [(one.from_, one.points) for one in revenue.ranges] == [(1_000_000, 6), (5_000_001, 0)]
    assert (country.values, country.other) == ({"DE": 0, "AT": 0}, -15)
    (opens,) = file.rules
    assert opens.repeat is not None
    assert (opens.on, opens.points, opens.repeat.factors) == (["email.opened"], 5, [0, 0, 1, 0])
    assert list(left_out.values()) == [
        "a fit rule has no NOT_HAS_PROPERTY",
        "the API gives a score property without its criteria: add them as `positive` and `negative`",
        "it is no score, and no criterion of one",
    ]


def criterion(**values: Any) -> dict[str, Any]:
    groups = [{"filters": [values]}]
    entry = {"points": 5, "filterGroups": groups}
    return {"name": "p", "fieldType": "calculation_score", "positive": [entry]}


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        ({"propertyName": "hs_email_open", "operator": "LT", "value": "3"}, "a rule can't take back with LT"),
        ({"propertyName": "hs_email_open", "operator": "GTE", "value": "70"}, "it waits for 70 of"),
        ({"propertyName": "revenue", "operator": "GTE", "value": "much"}, "its bound: no number"),
        ({"propertyName": "marital_status", "operator": "EQ", "value": "single"}, "a protected attribute"),
        ({"operator": "EQ", "value": "x"}, "it names no property"),
        ({"propertyName": "x", "operator": "EQ", "value": "y" * 41}, "at most 40 characters"),
        ({"filterType": "EMAIL_EVENT", "operator": "RECEIVED"}, "no signal for EMAIL_EVENT"),
        ({"filterType": "IN_LIST", "operator": "IN_LIST"}, "there is no signal for IN_LIST"),
        ({"filterType": "PAGE_VIEW", "operator": "HAS_PAGEVIEW_EQ", "pruningRefineBy": 1}, "page"),
        ({"filterType": "PAGE_VIEW", "operator": "HAS_PAGEVIEW_MATCHES_REGEX", "pageUrl": "(?=x)"}, "RE2"),
    ],
)  # fmt: skip
def test_what_can_not_be_carried_over_from_hubspot(one: dict[str, Any], reason: str) -> None:
    carried = Carried("hubspot")
    SYSTEMS["hubspot"](criterion(**one), carried)
    assert carried.rules == carried.fit == []
    ((_, found),) = carried.left_out
    assert reason in found


@pytest.mark.parametrize(
    ("system", "export"), [("mautic", {"forms": []}), ("mautic", []), ("hubspot", {"a": 1}), ("hubspot", 5)]
)
def test_another_form_is_said_to_be_none(system: str, export: Any) -> None:
    with pytest.raises(NotCarried, match="neither"):
        SYSTEMS[system](export, Carried(system))


def leadstream(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["models", "import", *arguments], catch_exceptions=False)


@pytest.mark.requirement("S0-14")
def test_the_command_writes_the_file_and_names_what_is_left_out(tmp_path: Path) -> None:
    out = tmp_path / "ours.yaml"
    files = [str(EXPORTS / name) for name in ("mautic-points.json", "mautic-triggers.json")]
    result = leadstream(*files, "--from", "mautic", "--out", str(out))
    assert (result.exit_code, result.stdout) == (0, "")
    lines = result.stderr.splitlines()
    assert lines[0] == (
        f"not carried over: {files[0]}: points[4], point action 5 `Long stay`: "
        "rules know no `accumulative_time`"
    )
    assert lines[-1] == "4 rules, 0 fit rules, 2 thresholds, 2 actions; 5 not carried over"
    assert parse_rule_file(out.read_text(), "ours.yaml").name == "ours"
    assert leadstream(*files, "--from", "mautic", "--name", "ours").stdout == out.read_text()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "no JSON"),
        ("{}", "neither `points` nor `triggers`"),
        ('{"points": []}', "none of it could be carried over"),
    ],
)
def test_what_is_no_export_ends_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "export.json"
    file.write_text(text)
    result = leadstream(str(file), "--from", "mautic")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"error: {file}: ")
    assert reason in result.stderr
