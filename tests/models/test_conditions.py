"""Conditions as a rule file writes them, on signals: what each matches, and what it takes for no match."""

from typing import Any

import pytest

from leadstream.models import ModelError, parse_rule_file
from leadstream.models.rules import When
from leadstream.models.when import test_of as compiled
from leadstream.records.signal import Signal
from tests.models.marked import assert_refused

HEAD = 'name: m\nversion: "1"\nhalf_life: 1d\nbands: [{name: all, from: 0}]\nrules:\n'


def holds(when: dict[str, Any], data: dict[str, Any], source: str = "web") -> bool:
    test = compiled(When.model_validate(when))
    return test is None or test(Signal("s", "t", "l", "page.viewed", 0, source, data))


def on_x(condition: Any, value: Any) -> bool:
    return holds({"data.x": condition}, {} if value is ... else {"x": value})


@pytest.mark.requirement("S3-25")
@pytest.mark.parametrize(
    ("condition", "matching", "others"),
    [
        ("a", ["a"], ["A", "", 1, None, ..., ["a"]]),
        (1, [1, 1.0, "1"], ["1.0", "01", "+1", "1 ", True, 2]),
        ("9", ["9", 9, 9.0], ["9.0", "09", 9.5, True]),
        (0, [0, 0.0, -0.0, "0"], ["-0", "", False, None]),
        (0.0000001, [1e-7, "0.0000001"], ["1e-7", 0]),
        (True, [True, "true"], [1, "1", "True", "yes", False]),
        ("true", [True, "true"], ["TRUE", 1]),
        ({"in": ["a", 2, False]}, ["a", 2, 2.0, "2", False, "false"], ["b", "2.0", 0, None, ..., [2]]),
        ({"not": "a"}, ["b", "A", 1, False, ["a"]], ["a", "", None, ...]),
        ({"not": 1}, [2, "01", True], [1, 1.0, "1", None, ...]),
        ({"exists": True}, ["a", 0, False, []], ["", None, ...]),
        ({"exists": False}, ["", None, ...], ["a", 0, False]),
        ({"gt": 5}, [5.1, 6, 10**30, "6", "1,000"], [5, 4, "5", "6,0", "6 s", True, None, ..., [6]]),
        ({"gte": 5}, [5, 5.0, "5", "5.0"], [4.999, "4,999.x"]),
        ({"lt": 0.5}, [0, -1, 0.25, "0"], [0.5, 1, "", False]),
        ({"lte": 0.5}, [0.5, "0.5"], [0.51, "0,5"]),
        ({"gte": 10, "lt": 20}, [10, 19.9], [9, 20]),
        ({"gt": 0, "lte": 9, "not": 5}, [1, 9], [0, 5, 10]),
        ({"contains": "Demo"}, ["a DEMO", "demo"], ["dem o", ["demo"], None, ..., 5]),
        ({"contains": "vip"}, [["a", "vip"]], [["a", "vips"], ["VIP"], {"vip": 1}, []]),
        ({"contains": "9"}, [[9], [9.0], ["9"]], [["9.0"], [[9]], 9, [True]]),
        ({"contains": "true"}, [[True]], [[1], [None]]),
        ({"contains": "STRASSE"}, ["Hauptstraße 5"], ["Platz"]),
        ("b\u00fcro", ["b\u00fcro", "bu\u0308ro"], ["buro"]),
        ("bu\u0308ro", ["b\u00fcro", "bu\u0308ro"], ["B\u00fcro"]),
        ({"contains": "BU\u0308RO"}, ["im B\u00fcro", "im bu\u0308ro"], ["im Buro"]),
        ({"contains": "b\u00fcro"}, [["bu\u0308ro"]], [["buro"]]),
        ({"matches": "^b\u00fcro$"}, ["bu\u0308ro"], ["buro"]),
        ({"matches": "^bu\u0308ro$"}, ["b\u00fcro"], ["buro"]),
        ({"matches": "^/(pricing|demo)($|/)"}, ["/pricing", "/demo/x"], ["/pricing-faq", "x/demo", 5, ...]),
        ({"matches": "(?i)enterprise"}, ["ENTERPRISE plan"], ["small"]),
        ({"matches": r"^\p{Lu}\w+$"}, ["Ab"], ["ab", "Ä b"]),
        (
            {"url_path": ["pricing"]},
            [
                "/de/pricing",
                "https://x.example/pricing?a=1",
                "pricing",
                "/pricing/",
                "//x.example/pricing",
                "/%70ricing",
                "/%70%72icing#x",
                "/pricing;jsessionid=1A",
                "/a;v=1/pricing;x;y?z",
                "https://x.example\\de\\pricing",
                "/a/../pricing",
                "/./pricing",
                "/a/%2e%2E/pricing",
                " https://x.example/pricing ",
                "/pri\tcing",
                "/pricing/a/..",
                "https://b\u00fccher.example/pricing",
            ],
            [
                "/pricing-faq",
                3,
                "https://pricing/",
                "//pricing/x",
                "/a%2Fpricing",
                "/pricing%2Fa",
                "/a?x=/pricing",
                "/a#/pricing",
                "/%2570ricing",
                "/pricing/..",
                "/pricing/%2e%2e/x",
                "/a;pricing",
                "/Pricing",
                "/pricing+",
                "/pricing%20",
                "/%ZZpricing",
                "/%FFpricing",
                "pricing.example/x",
                "mailto:pricing",
            ],
        ),
        (
            {"url_path": ["pre\u00e7os"]},
            ["/pre%C3%A7os", "/pre%c3%a7os", "/prec\u0327os", "/prec%CC%A7os"],
            ["/precos"],
        ),
        ({"url_path": ["pre%C3%A7os"]}, ["/pre\u00e7os", "/pre%c3%A7os"], ["/pre%E7os"]),
        ({"url_path": ["prec\u0327os"]}, ["/pre\u00e7os"], []),
        ({"url_path": ["a+b"]}, ["/a+b", "/a%2Bb"], ["/a b", "/a%20b"]),
        ({"url_path": ["%FF"]}, ["/%FF"], ["/%ff", "/x"]),
    ],
)
def test_what_a_condition_matches(condition: Any, matching: list[Any], others: list[Any]) -> None:
    assert [value for value in matching if not on_x(condition, value)] == []
    assert [value for value in others if on_x(condition, value)] == []


def test_only_the_beginning_of_a_text_is_searched() -> None:
    for condition in ({"contains": "end"}, {"matches": "end"}):
        assert on_x(condition, "x" * 4093 + "end")
        assert not on_x(condition, "x" * 4094 + "end")


def test_an_expression_that_would_take_others_for_ever_is_searched_in_time() -> None:
    # Of a backtracking engine this asks for 2 ** 4000 steps.
    assert not on_x({"matches": "^(a|a)*(a|aa)*$"}, "a" * 4000 + "b")


def test_the_same_text_is_judged_alike_again() -> None:
    test = compiled(When.model_validate({"data.x": {"matches": "b$"}}))
    assert test is not None
    signals = [Signal("s", "t", "l", "page.viewed", 0, "", {"x": x}) for x in ("ab", "ba", "ab", "ba")]
    assert [test(signal) for signal in signals] == [True, False, True, False]


@pytest.mark.parametrize(
    ("when", "matching", "others"),
    [
        (
            {"any": [{"data.a": 1}, {"data.b": 2, "data.c": 3}]},
            [{"a": 1}, {"b": 2, "c": 3}],
            [{}, {"b": 2}, {"a": 2, "c": 3}],
        ),
        ({"all": [{"data.a": 1}, {"data.a": {"lt": 2}}]}, [{"a": 1}], [{"a": 2}, {}]),
        ({"not": {"data.a": 1}}, [{"a": 2}, {}, {"a": None}], [{"a": 1}]),
        ({"not": {"data.a": 1, "data.b": 1}}, [{"a": 1}, {"b": 1}], [{"a": 1, "b": 1}]),
        (
            {"data.a": 1, "any": [{"data.b": 1}, {"not": {"data.c": 1}}]},
            [{"a": 1, "b": 1, "c": 1}, {"a": 1}],
            [{"b": 1}, {"a": 1, "c": 1}],
        ),
        (
            {"data.a": 1, "data.b": 1, "all": [{"data.c": 1}]},
            [{"a": 1, "b": 1, "c": 1}],
            [{"a": 1, "b": 1}, {"c": 1}, {"a": 1, "c": 1}],
        ),
        ({"data.answers.budget": {"gte": 1000}}, [{"answers": {"budget": 1000}}], [{"answers": [1000]}, {}]),
        ({}, [{}], []),
    ],
)
def test_conditions_are_combined(
    when: dict[str, Any], matching: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    assert [data for data in matching if not holds(when, data)] == []
    assert [data for data in others if holds(when, data)] == []


def test_the_source_of_a_signal_is_a_field() -> None:
    assert holds({"source": {"in": ["web", "app"]}}, {})
    assert not holds({"source": {"exists": False}}, {})


@pytest.mark.requirement("S1-5")
@pytest.mark.requirement("S3-28")
@pytest.mark.parametrize(
    ("url", "high_intent"),
    [
        ("https://example.com/pricing", True),
        ("https://example.com/de/demo/?utm=1#top", True),
        ("/integrations", True),
        ("https://example.com/pricing-faq", False),
        ("https://pricing.example.com/", False),
        ("https://example.com/?next=/pricing", False),
    ],
)
def test_a_high_intent_page_by_whole_segments(url: str, high_intent: bool) -> None:
    assert holds({"data.url": {"url_path": ["pricing", "demo", "integrations"]}}, {"url": url}) is high_intent


@pytest.mark.requirement("S3-28")
def test_a_click_on_a_url_with_a_part_of_a_path() -> None:
    when = {"any": [{"data.url": {"contains": "/pricing"}}, {"data.url": {"contains": "/demo"}}]}
    assert holds(when, {"url": "https://example.com/pricing-2026"})
    assert not holds(when, {"url": "https://example.com/blog"})


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("{data.x: {matches: ¦'(a'}}", "no regular expression of RE2: missing ): (a"),
        ("{data.x: {matches: ¦'(?=a)b'}}", "invalid perl operator: (?="),
        (r"{data.x: {matches: ¦'(a)\1'}}", r"invalid escape sequence: \1"),
        ("{data.x: {matches: ¦'x{2000}'}}", "invalid repetition size: {2000}"),
        (f"{{data.x: {{matches: ¦'{'a' * 257}'}}}}", "at most 256 characters"),
        ("{data.x: {matches: ¦5}}", "a text is needed here"),
        ("{data.x: {gt: ¦'5'}}", "a number is needed here"),
        ("{data.x: {gt: 5, lt: ¦5}}", "no number is gt 5 and lt 5"),
        ("{data.x: {gte: 6, lte: ¦5}}", "no number is gte 6 and lte 5"),
        ("{data.x: ¦{}}", "a condition asks for nothing: eq, in, not, exists, gt"),
        ("{data.x: ¦{eq: null}}", "a condition asks for nothing"),
        ("{data.x: {¦contain: a}}", "unknown key `contain` (did you mean `contains`?)"),
        (
            "{¦date.x: 1}",
            "`date.x` is no field: a field is `source` or `data.<name>` (did you mean `data.x`?)",
        ),
        ("{¦url: 1}", "`url` is no field"),
        (
            "{¦alll: {in: [a]}}",
            "`alll` is no field: a field is `source` or `data.<name>` (did you mean `all`?)",
        ),
        ("{¦data.: 1}", "`data.` is no field"),
        ("{not: ¦{}}", "a condition asks for nothing: name a field, or all, any, not"),
        ("{all: ¦[]}", "at least 1 entry"),
        ("{any: [{source: a}, ¦{}]}", "a condition asks for nothing: name a field"),
        ("{any: [{data.x: ¦{}}]}", "a condition asks for nothing: eq"),
        ("{not: {not: {¦data.y.: 1}}}", "`data.y.` is no field"),
        ("{any: ¦{source: a}}", "a list is needed here"),
        ("¦[source]", "keys and values are needed here"),
    ],
)
def test_conditions_that_are_refused(when: str, reason: str) -> None:
    assert_refused(f"{HEAD}  - id: a\n    on: b\n    points: 1\n    when: {when}\n", reason)


def test_conditions_that_stand_too_deep_in_each_other_are_refused() -> None:
    text = HEAD + "  - id: a\n    on: b\n    points: 1\n    when: "
    parse_rule_file(text + "{not: " * 16 + "{source: a}" + "}" * 16, "m.yaml")
    with pytest.raises(ModelError, match="more than 16 deep"):
        parse_rule_file(text + "{not: " * 17 + "{source: a}" + "}" * 17, "m.yaml")


@pytest.mark.parametrize("value", [10**400, float("inf"), float("-inf"), float("nan"), {}, [], [[]], None])
def test_what_is_no_value_equals_nothing_and_harms_nothing(value: object) -> None:
    for condition in ("9", 9, True, {"in": ["inf", "nan", "None"]}, {"contains": "x"}, {"url_path": ["x"]}):
        assert not on_x(condition, value)
