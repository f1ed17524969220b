"""Of an export nothing vanishes: what is not carried over is named with its place, in whatever form."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from leadstream.cli.app import app
from leadstream.models import parse_rule_file
from leadstream.models.importing import SYSTEMS, Carried
from leadstream.models.importing.source import read_json
from leadstream.models.schema import RuleFile

EXPORTS = Path(__file__).parent / "exports"
NAMES = ["mautic-points.json", "mautic-triggers.json", "hubspot-score.json", "hubspot-property.json"]
DOCUMENTS = {name: json.loads((EXPORTS / name).read_text()) for name in NAMES}


def carried(system: str, export: Any) -> Carried:
    found = Carried(system)
    SYSTEMS[system](export, found)
    return found


def named(found: Carried) -> str:
    return "\n".join(f"{what}: {reason}" for what, reason in found.left_out)


def objects(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The places of all objects of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if isinstance(value, dict) else []
    return found + [place for key, one in inner for place in objects(one, (*path, key))]


def shown(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.data(),
    st.sampled_from(["unheardOf", "un_heard_of", "un heard", "x"]),
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(1, 9),
        st.just("text"),
        st.just([1]),
        st.just({"inner": {"a": 1}}),
    ),
)
def test_an_unknown_key_at_any_depth_is_named_with_its_place_or_is_in_the_payload(
    name: str, data: st.DataObject, key: str, value: Any
) -> None:
    export = deepcopy(DOCUMENTS[name])
    path = data.draw(st.sampled_from(objects(export)))
    part = export
    for step in path:
        part = part[step]
    part[key] = value
    found = carried(name.partition("-")[0], export)
    if "events" in path and path[-1] == "properties":
        # What a trigger's event has goes into the payload of its action; nothing is nothing there.
        payloads = json.dumps([action["payload"] for action in found.actions])
        assert value is None or f'"{key}' in payloads or shown(path) in named(found)
        return
    place = f"{shown((*path, key))}" if " " not in key else f'{shown(path)}["{key}"]'.removeprefix(".")
    assert place in named(found), named(found)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.data(),
    st.sampled_from([None, True, 7, "text", [], ["a", {"b": 1}], {}, {"b": [1]}]),
)
def test_any_value_in_any_place_is_carried_or_named_and_never_an_error(
    name: str, data: st.DataObject, value: Any
) -> None:
    export = deepcopy(DOCUMENTS[name])
    path = data.draw(st.sampled_from([place for place in objects(export) if place]))
    part = export
    for step in path:
        part = part[step]
    if not part:
        return
    part[data.draw(st.sampled_from(sorted(part)))] = value
    found = carried(name.partition("-")[0], export)
    if found.rules or found.fit:
        parse_rule_file(found.text("ours", ["x"]), "ours.yaml")


def action(**values: Any) -> dict[str, Any]:
    return {"id": 1, "name": "x", "type": "email.open", "delta": 1, "properties": {}, **values}


def hit(**properties: Any) -> dict[str, Any]:
    return action(type="url.hit", repeatable=True, properties={"page_url": "/a", **properties})


@pytest.mark.parametrize(
    "export",
    [
        {"points": [action()]},
        {"points": {"1": action()}},
        {"points": action()},
        {"point": action()},
        {"points": [action(properties=[])]},
        {"points": [action(delta="1", isPublished="1", repeatable="0", publishUp="", group=[])]},
        {"points": [action(is_published=True, publish_up=None, isRepeatable=None)]},
        {"points": [action(properties={"emails": [], "pages": [], "page_url": ""})]},
        [{"points": [action()]}],
        [action()],
        action(),
    ],
)
def test_the_forms_that_one_action_has_in_exports(export: Any) -> None:
    found = carried("mautic", export)
    (rule,) = found.rules
    assert (rule["on"], rule["points"], rule["repeat"], "when" in rule) == (
        "email.opened",
        1,
        {"factors": [1, 0]},
        False,
    )


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (action(type="page.hit"), "Mautic's own landing pages"),
        (action(type="page.hit", properties={"pages": []}), "Mautic's own landing pages"),
        (action(isPublished="0"), "it is not published"),
        (action(isPublished=0), "it is not published"),
        (action(is_published=False), "it is not published"),
        (action(isPublished="maybe"), "neither true nor false: maybe"),
        (action(publish_down="2027-01-01"), "it counts for a time only (publishDown 2027-01-01)"),
        (action(group={"id": 1, "name": "A"}), "those of the group `A`"),
        (action(properties={"emails": [{"deep": 1}]}), "no list of ids"),
        (action(properties={"emails": [True]}), "no list of ids"),
        (action(properties={"segment": 5}), "`points[0].properties.segment` is not known here"),
        (action(properties={"pages": [3]}), "`points[0].properties.pages` is not known here"),
        (action(properties="text"), "is no object"),
        (action(type="sms.reply"), "there is no signal for Mautic's `sms.reply`"),
        (
            action(type="video.watch", properties={"percent": 5}),
            "there is no signal for Mautic's `video.watch`",
        ),
        (action(type="stage.change"), "there is no signal"),
        (hit(pageHits=2, firstTime="1"), "it asks for first_time and page_hits at once"),
        (hit(accumulativeTime="60"), "rules know no `accumulative_time`"),
        (hit(returns_after="60"), "rules know no `returns_after`"),
        (hit(page_url="/a\\*"), "a backslash"),
        (hit(returns_within="soon"), "its seconds: no number"),
    ],
)
def test_what_narrows_an_action_and_is_not_understood_keeps_it_out(one: dict[str, Any], reason: str) -> None:
    found = carried("mautic", {"points": [one]})
    assert found.rules == []
    assert reason in named(found)
    assert "points[0]" in named(found)


@pytest.mark.parametrize(
    ("properties", "when", "repeat"),
    [
        ({"page_url": "https://x/a&amp;b=2"}, {"eq": "https://x/a&b=2"}, None),
        ({"page_url": " /caf&eacute; "}, {"eq": "/café"}, None),
        ({"pageUrl": "/a*"}, {"matches": "(?s)^/a.*$"}, None),
        (
            {"page_url": "/a", "page_hits": "3", "accumulative_time": "0", "first_time": "0"},
            {"eq": "/a"},
            [0, 0, 1],
        ),
        ({"page_url": "/a", "pageHits": 2.5}, {"eq": "/a"}, [0, 0, 1]),
        ({"page_url": "/a", "returns_within": "90", "returns_within_unit": "s"}, {"eq": "/a"}, [0, 1]),
    ],
)
def test_urls_and_visits_in_the_ways_they_are_written(properties: Any, when: Any, repeat: Any) -> None:
    export = {"points": [action(type="url.hit", repeatable=1, properties=properties)]}
    (rule,) = carried("mautic", export).rules
    assert rule["when"] == {"data.url": when}
    assert (rule.get("repeat") or {}).get("factors") == repeat


@pytest.mark.parametrize("emails", [[3, "7"], {"0": 3, "1": 7}, "3,7", [{"id": 3, "name": "a"}, {"id": "7"}]])
def test_ids_in_the_ways_they_are_written(emails: Any) -> None:
    (rule,) = carried("mautic", {"points": [action(properties={"emails": emails})]}).rules
    assert rule["when"] == {"data.campaign": {"in": ["3", "7", 3, 7]}}


def trigger(points: Any, *events: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"id": 1, "name": f"t{points}", "points": points, "events": list(events), **values}


def test_properties_of_an_event_are_carried_whatever_their_form() -> None:
    properties = {
        "useremail": {"email": 5, "toOwner": True}, "addTags": [1, "b"], "deep": [{"a": {"b": "c"}}],
        "none": None, "two words": 1, "long": "x" * 5000, "huge": 10**30,
    }  # fmt: skip
    event = {"id": 7, "name": "e", "type": "email.send_to_user", "properties": properties}
    found = carried("mautic", {"triggers": [trigger("20", event)]})
    assert found.actions[0]["payload"] == {
        "mautic_type": "email.send_to_user", "mautic_event": "7", "useremail.email": 5,
        "useremail.toOwner": True, "addTags": "1, b", "deep.0.a.b": "c",
    }  # fmt: skip
    places = [what for what, _ in found.left_out]
    assert [place.rpartition("properties")[2] for place in places] == ['["two words"]', ".long", ".huge"]


def test_what_is_beyond_a_limit_is_named_and_the_rest_is_imported() -> None:
    events = [{"id": n, "name": f"e{n}", "type": "lead.changetags", "properties": {}} for n in range(105)]
    export = {
        "points": [action(id=n, name=f"p{n}") for n in range(1002)],
        "triggers": [trigger(10, *events), *(trigger(n + 20) for n in range(31))],
    }
    found = carried("mautic", export)
    file = parse_rule_file(found.text("ours", ["x"]), "ours.yaml")
    assert (len(file.rules), len(file.actions), len(file.thresholds)) == (1000, 100, 30)
    left = [what for what, _ in found.left_out]
    assert left == [
        "points[1000], point action 1000 `p1000`",
        "points[1001], point action 1001 `p1001`",
        *(f"triggers[0].events[{n}], event `e{n}` of point trigger 1 `t10`" for n in range(100, 105)),
        "triggers[30], point trigger 1 `t49`",
        "triggers[31], point trigger 1 `t50`",
    ]
    assert {reason for _, reason in found.left_out} == {
        "a rule file has room for 1,000 rules, and so many are there already",
        "a rule file has room for 100 actions, and so many are there already",
        "a rule file has room for 30 thresholds, and so many are there already",
    }


def test_what_a_whole_file_has_no_room_for_is_left_out_from_the_end() -> None:
    # A file has at most 100 expressions.
    points = [
        action(id=n, name=f"p{n}", type="url.hit", properties={"page_url": f"/{n}/*"}) for n in range(103)
    ]
    found = carried("mautic", {"points": points})
    assert len(parse_rule_file(found.text("ours", ["x"]), "ours.yaml").rules) == 100
    assert [what for what, _ in found.left_out] == [
        f"points[{n}], point action {n} `p{n}`" for n in (100, 101, 102)
    ]
    assert all("beyond its limits: 101 expressions" in reason for _, reason in found.left_out)


def test_a_description_that_is_too_long_loses_no_rule() -> None:
    found = carried(
        "mautic",
        {"points": [action(description="x " * 4000)], "triggers": [trigger(5, description="y" * 9000)]},
    )
    assert len(parse_rule_file(found.text("ours", ["x"]), "ours.yaml").rules[0].rationale) <= 4000
    assert [text for _, text in found.remarks] == ["its description is cut"] * 2


def test_a_page_of_an_answer_says_that_there_are_more() -> None:
    found = carried("mautic", {"total": "105", "points": [action()]})
    assert "Mautic has 105 of them and this file 1" in named(found)
    score = DOCUMENTS["hubspot-score.json"]
    assert "further pages" in named(
        carried("hubspot", {"results": [score], "paging": {"next": {"after": "1"}}})
    )


def test_an_entry_that_is_none_is_named() -> None:
    assert named(carried("mautic", {"points": [action(), 5, None]})).splitlines() == [
        "points[1]: it is not known here", "points[2]: it is not known here",
    ]  # fmt: skip


def fit_of(**operation: Any) -> tuple[list[dict[str, Any]], Carried]:
    filter_ = {"filterType": "PROPERTY", "property": "industry", "operation": operation}
    branch = {"filterBranchType": "OR", "filterBranchOperator": "OR", "filters": [], "filterBranches": [
        {"filterBranchType": "AND", "filterBranchOperator": "AND", "filterBranches": [],
         "filters": [filter_]}]}  # fmt: skip
    entry = {"points": 5, "filterBranch": branch}
    found = carried("hubspot", {"name": "p", "fieldType": "calculation_score", "positive": [entry]})
    return [
        {key: one for key, one in fit.items() if key not in ("id", "rationale")} for fit in found.fit
    ], found


@pytest.mark.parametrize(
    ("operation", "fit"),
    [
        (
            {"operationType": "ENUMERATION", "operator": "IS_ANY_OF", "values": ["a", "b"]},
            {"values": {"a": 5, "b": 5}},
        ),
        (
            {"operationType": "ENUMERATION", "operator": "IS_ANY_OF", "values": ["a;b"]},
            {"values": {"a": 5, "b": 5}},
        ),
        ({"operator": "IS_ANY_OF", "value": "a; b;"}, {"values": {"a": 5, "b": 5}}),
        ({"operator": "IS_ANY_OF", "values": ["a", "A"]}, {"values": {"a": 5}}),
        ({"operator": "IS_NONE_OF", "values": ["a;b"]}, {"values": {"a": 0, "b": 0}, "other": 5}),
        ({"operationType": "STRING", "operator": "IS_EQUAL_TO", "value": "a;b"}, {"values": {"a;b": 5}}),
        ({"operationType": "BOOL", "operator": "IS_EQUAL_TO", "value": True}, {"values": {"true": 5}}),
        ({"operationType": "NUMBER", "operator": "IS_EQUAL_TO", "value": 200.0}, {"values": {"200": 5}}),
        ({"operator": "IS_EXACTLY", "values": ["a"]}, {"values": {"a": 5}}),
        ({"operationType": "ALL_PROPERTY", "operator": "IS_KNOWN"}, {"values": {"any": 5}, "other": 5}),
        (
            {
                "operationType": "NUMBER_RANGED",
                "operator": "IS_BETWEEN",
                "lowerBound": "1",
                "upperBound": "5",
            },
            {"ranges": [{"from": 1, "points": 5}, {"from": 6, "points": 0}]},
        ),
        (
            {"operator": "IS_ANY_OF", "values": ["a"], "includeObjectsWithNoValueSet": False},
            {"values": {"a": 5}},
        ),
        ({"operator": "CONTAINS", "value": "a b"}, {"keywords": {"points": {"a b": 5}}}),
    ],
)
def test_operations_of_hubspot_that_are_carried(operation: dict[str, Any], fit: dict[str, Any]) -> None:
    found, rest = fit_of(**operation)
    assert found == [{"fact": "industry", **fit}], named(rest)


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"operator": "IS_ANY_OF", "values": ["a"], "includeObjectsWithNoValueSet": True}, "without"),
        ({"operator": "IS_NONE_OF", "values": ["a"], "includeObjectsWithNoValueSet": "1"}, "without"),
        ({"operator": "IS_EXACTLY", "values": ["a;b"]}, "several values at once"),
        ({"operator": "IS_ANY_OF", "values": [{"a": 1}]}, "has what is no value"),
        ({"operator": "IS_ANY_OF", "values": []}, "a fit rule has no IN"),
        ({"operator": "IS_ANY_OF", "values": ["a"], "newOption": 1}, "operation.newOption` is not known"),
        ({"operator": "CONTAINS_TOKEN", "value": "*irect*"}, "parts of words"),
        *(
            ({"operator": operator, "values": ["a"], "value": "1"}, f"a fit rule has no {shown}")
            for operator, shown in (
                ("IS_GREATER_THAN", "GT"), ("IS_LESS_THAN_OR_EQUAL_TO", "LTE"), ("IS_UNKNOWN", "IS_UNKNOWN"),
                ("HAS_EVER_BEEN_ANY_OF", "HAS_EVER_BEEN_ANY_OF"), ("STARTS_WITH", "STARTS_WITH"),
                ("DOES_NOT_CONTAIN", "DOES_NOT_CONTAIN"), ("IS_AFTER", "IS_AFTER"),
            )
        ),
        ({"operationType": "DATE", "operator": "IS_EQUAL_TO", "year": 2026, "month": "MAY"}, "no EQ"),
    ],
)  # fmt: skip
def test_operations_of_hubspot_that_are_not(operation: dict[str, Any], reason: str) -> None:
    found, rest = fit_of(**operation)
    assert found == []
    assert reason in named(rest)
    assert "positive[0]" in named(rest)


def test_values_of_a_property_that_takes_several_are_to_be_looked_at() -> None:
    _, rest = fit_of(operationType="ENUMERATION", operator="IS_ANY_OF", values=["a"])
    assert "several values of `industry` at once" in rest.remarks[0][1]


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ({"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT",
          "coalescingRefineBy": {"type": "NUM_OCCURRENCES", "minOccurrences": 3}}, [0, 0, 1, 0]),
        ({"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT",
          "pruningRefineBy": {"type": "ALL_HISTORY"}}, [1, 0]),
        ({"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT",
          "coalescingRefineBy": {"type": "NUM_OCCURRENCES", "maxOccurrences": 2}}, "up to"),
        ({"filterType": "PAGE_VIEW", "operator": "HAS_PAGEVIEW_EQ", "pageUrl": "/a",
          "pruningRefineBy": {"type": "RELATIVE_COMPARATIVE", "timeOffset": {"amount": 30}}}, "a time only"),
        ({"filterType": "PAGE_VIEW", "operator": "HAS_PAGEVIEW_EQ"}, "it names no page"),
        ({"filterType": "PAGE_VIEW", "operator": "NOT_HAS_PAGEVIEW_EQ", "pageUrl": "/a"}, "no signal for"),
        ({"filterType": "CTA", "ctaName": "a", "operator": "HAS_CLICKED_CTA"}, "there is no signal for CTA"),
        ({"filterType": "EMAIL_EVENT", "operator": "OPENED", "newLimit": 5}, "newLimit` is not known here"),
    ],
)  # fmt: skip
def test_events_of_hubspot(filter_: dict[str, Any], found: Any) -> None:
    branch = {"filterBranchType": "AND", "filters": [filter_]}
    rest = carried(
        "hubspot",
        {"name": "p", "fieldType": "calculation_score", "positive": [{"points": 5, "filterBranch": branch}]},
    )
    if isinstance(found, str):
        assert rest.rules == []
        assert found in named(rest)
    else:
        assert rest.rules[0]["repeat"] == {"factors": found}


@pytest.mark.parametrize(
    "type_", ["NOT_ALL", "NOT_ANY", "UNIFIED_EVENTS", "ASSOCIATION", "PROPERTY_ASSOCIATION"]
)
def test_branches_that_turn_filters_round_or_look_elsewhere_are_not_carried(type_: str) -> None:
    inner = {"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT"}
    branch = {"filterBranchType": "AND", "filterBranches": [{"filterBranchType": type_, "filters": [inner]}]}
    rest = carried(
        "hubspot",
        {"name": "p", "fieldType": "calculation_score", "negative": [{"points": 5, "filterBranch": branch}]},
    )
    assert (rest.rules, rest.fit) == ([], [])
    assert f"rules know no branch {type_}" in named(rest)


@pytest.mark.parametrize(
    ("bounds", "category", "said"),
    [
        ({"minValue": "0", "maxValue": "40"}, {"cap": 40}, ""),
        ({"minValue": None, "maxValue": 40}, {"cap": 40}, ""),
        ({"minValue": -20, "maxValue": 0}, {"cap": 20, "sign": "negative"}, ""),
        ({}, None, ""),
        ({"minValue": -20, "maxValue": 40}, {"cap": 40}, "minValue -20"),
        ({"maxValue": "many"}, None, "no number up to"),
        ({"minValue": 0, "maxValue": 0}, None, "no cap does"),
    ],
)
def test_bounds_of_a_group(bounds: dict[str, Any], category: Any, said: str) -> None:
    points = -5 if category and category.get("sign") else 5
    filters = {
        "filterBranchType": "AND",
        "filters": [{"filterType": "FORM_SUBMISSION", "operator": "FILLED_OUT"}],
    }
    rule = {"configuration": {"calculation": {"type": "CONSTANT", "value": points}, "filterBranch": filters}}
    found = carried(
        "hubspot", {"name": "s", "groupConfigs": [{"groupName": "g", "ruleConfigurations": [rule], **bounds}]}
    )
    listed = [
        {key: one for key, one in part.items() if key != "rationale"} for part in found.categories.values()
    ]
    assert listed == ([category] if category else [])
    assert (said in named(found)) if said else not found.left_out


def leadstream(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["models", "import", *arguments], catch_exceptions=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_file_in_any_encoding_of_json(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "points.json"
    file.write_bytes(json.dumps({"points": [action(name="Zoë")]}, ensure_ascii=False).encode(encoding))
    result = leadstream(str(file), "--from", "mautic")
    assert result.exit_code == 0
    assert "Zoë" in result.stdout


def test_a_key_that_stands_twice_is_named() -> None:
    found = carried(
        "mautic",
        read_json(b'{"points": [{"id": 1, "name": "x", "type": "email.open", "delta": 1, "delta": 2}]}'),
    )
    assert found.rules[0]["points"] == 2
    assert 'points[0]["delta (the first of two)"]' in named(found)


def test_the_command_says_of_which_file_it_speaks_and_what_to_look_at(tmp_path: Path) -> None:
    file = tmp_path / "points.json"
    file.write_text(
        json.dumps({"points": [action(newKey=5)], "triggers": [trigger(5, triggerExistingLeads=True)]})
    )
    lines = leadstream(str(file), "--from", "mautic").stderr.splitlines()
    assert lines[0] == f"not carried over: {file}: points[0].newKey: it is not known here"
    assert lines[1].startswith(
        f"look at: {file}: triggers[0], point trigger 1 `t5`: in Mautic it also fires for"
    )


def test_texts_that_no_record_holds_lose_no_import() -> None:
    export = read_json(
        b'{"points": [{"id": 1, "name": "a\\ud800\\u0007b", "type": "email.open", "delta": 1}]}'
    )
    found = carried("mautic", export)
    file: RuleFile = parse_rule_file(found.text("ours", ["x"]), "ours.yaml")
    assert file.rules[0].rationale == "Mautic's point action 1 `a b`, email.open."
