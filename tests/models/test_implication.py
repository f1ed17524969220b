"""That conditions imply others is true whenever it is said: tried on signals of all kinds of values."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadstream.models.catalog import checked
from leadstream.models.document import read_document
from leadstream.models.implication import implies
from leadstream.models.lint_groups import shadowed
from leadstream.models.rules import When
from leadstream.models.when import test_of as compiled
from leadstream.records.signal import Signal

VALUES = [
    "a", "abc", "A", "b", "xaby", "", "1", "9", "true", 1, 2.5, 9, -1, True, False, None, ["a"], ["abc"],
    ["a", "b"], {"z": 1}, "/de/pricing", "https://h/demo?a", "/demo/pricing/", "u\u0308", "\u00fc", "u",
]  # fmt: skip
SIGNALS = [
    Signal("s", "t", "l", "k", 0, source, {"x": x} if y is None else {"x": x, "y": y})
    for x, y, source in product(VALUES, ["a", 1, None, ["abc"], "b"], ["a", "abc", ""])
]
SCALARS = st.sampled_from(
    ["a", "abc", "A", "b", "", "1", "9", "true", 1, 2.5, 9, -1, True, False, "\u00fc", "u\u0308"]
)
PIECES = st.sampled_from(["a", "abc", "b", "A", "xab", "u", "u\u0308", "\u00fc"])
TESTS: dict[str, st.SearchStrategy[Any]] = {
    "eq": SCALARS, "in": st.lists(SCALARS, min_size=1, max_size=3), "not": SCALARS, "exists": st.booleans(),
    "gt": st.sampled_from([0, 1, 2.5, 9]), "gte": st.sampled_from([0, 1, 2.5, 9]),
    "lt": st.sampled_from([1, 2.5, 9]), "lte": st.sampled_from([1, 2.5, 9]), "contains": PIECES,
    "matches": st.sampled_from(["a", "^a", "b|c", "."]),
    "url_path": st.lists(st.sampled_from(["pricing", "demo", "de"]), min_size=1, max_size=2),
}  # fmt: skip
CONDITIONS = st.dictionaries(st.sampled_from(list(TESTS)), st.none(), min_size=1, max_size=2).flatmap(
    lambda names: st.fixed_dictionaries({name: TESTS[name] for name in names})
)
FIELDS = st.dictionaries(st.sampled_from(["data.x", "data.y", "source"]), CONDITIONS, min_size=1, max_size=2)
WHENS = st.recursive(
    FIELDS,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
        st.tuples(FIELDS, inner).map(lambda two: {**two[0], "all": [two[1]]}),
        st.tuples(FIELDS, inner).map(lambda two: {**two[0], "not": two[1]}),
        st.tuples(FIELDS, inner, inner).map(lambda three: {**three[0], "any": [three[1], three[2]]}),
    ),
    max_leaves=5,
)


def meant(signal: Signal, texts: frozenset[str]) -> bool:
    """Whether the fields that a proof takes for texts are no lists in this signal."""
    return not any(isinstance(signal.data.get(field.partition(".")[2]), list) for field in texts)


def counter_example(stronger: dict[str, Any], weaker: dict[str, Any]) -> Signal | None:
    one, other = When.model_validate(stronger), When.model_validate(weaker)
    proof = implies([one], other)
    if proof is None:
        return None
    first, second = compiled(one), compiled(other)
    assert first is not None
    assert second is not None
    return next((s for s in SIGNALS if meant(s, proof) and first(s) and not second(s)), None)


@settings(max_examples=300, deadline=None)
@given(WHENS, WHENS)
def test_what_is_said_to_be_implied_is(stronger: dict[str, Any], weaker: dict[str, Any]) -> None:
    assert counter_example(stronger, weaker) is None


@settings(max_examples=100, deadline=None)
@given(WHENS, WHENS, st.sampled_from(["all", "any", "both", "not"]))
def test_what_is_made_of_one_another_is_implied_only_if_it_is(
    one: dict[str, Any], other: dict[str, Any], how: str
) -> None:
    """Conditions made of each other, of which far more imply each other than of those made apart."""
    joined = {"all": {"all": [one, other]}, "any": {"any": [one, other]}, "not": {"not": one}}.get(
        how, {"all": [{"any": [one, other]}, {"not": other}]}
    )
    for stronger, weaker in (
        (joined, one),
        (one, joined),
        (joined, other),
        (joined, joined),
        (joined, {"not": one}),
    ):
        assert counter_example(stronger, weaker) is None


@given(FIELDS)
def test_whatever_asks_for_something_implies_itself_and_no_less(one: dict[str, Any]) -> None:
    when = When.model_validate(one)
    test = compiled(when)
    assert test is not None
    if any(map(test, SIGNALS)):
        assert implies([when], when) == frozenset()
        assert implies([When.model_validate({})], when) is None


IMPLIED = [
    ("{data.x: a}", "{data.x: {in: [a, b]}}"),
    ("{data.x: {in: [a, b]}}", "{data.x: {in: [b, a, c]}}"),
    ("{data.x: a}", "{data.x: {exists: true}}"),
    ("{data.x: a}", "{data.x: {not: b}}"),
    ("{data.x: a}", "{not: {data.x: b}}"),
    ("{data.x: {not: b}}", "{not: {data.x: b}}"),
    ("{data.x: {gt: 5}}", "{data.x: {gte: 5}}"),
    ("{data.x: {gte: 6, lt: 9}}", "{data.x: {gt: 5}}"),
    ("{data.x: {gte: 6, lt: 9}}", "{data.x: {lt: 10, not: 20}}"),
    ("{data.x: 7}", "{data.x: {gt: 5, lte: 7}}"),
    ("{data.x: {url_path: [demo]}}", "{data.x: {url_path: [pricing, demo]}}"),
    ("{data.x: {url_path: [demo]}}", "{data.x: {exists: true}}"),
    ("{data.x: abcd}", "{data.x: {contains: bc, matches: '^a'}}"),
    ("{source: web, data.x: a}", "{source: web}"),
    ("{all: [{source: web}, {data.x: a}]}", "{all: [{data.x: a}], source: web}"),
    ("{data.x: a}", "{any: [{source: web}, {data.x: a}]}"),
    ("{any: [{data.x: a}, {data.x: b}]}", "{data.x: {in: [a, b]}}"),
    ("{any: [{data.x: a, source: web}, {data.x: b, source: web}]}", "{source: web}"),
    ("{any: [{data.x: a}, {data.x: b}]}", "{any: [{data.x: b}, {data.y: 1}, {data.x: a}]}"),
    ("{not: {any: [{data.x: a}, {source: web}]}}", "{not: {source: web}}"),
    ("{not: {data.x: {gt: 5}}}", "{not: {data.x: {gt: 6}}}"),
]  # fmt: skip
NOT_IMPLIED = [
    ("{data.x: {in: [a, b]}}", "{data.x: a}"),
    ("{data.x: {gte: 5}}", "{data.x: {gt: 5}}"),
    ("{data.x: {contains: a}}", "{data.x: {contains: abc}}"),
    ("{data.x: {url_path: [pricing, demo]}}", "{data.x: {url_path: [demo]}}"),
    ("{not: {data.x: b}}", "{data.x: {not: b}}"),
    ("{not: {data.x: b}}", "{data.x: {exists: true}}"),
    ("{data.x: {matches: a}}", "{data.x: {exists: true}}"),
    ("{data.x: {matches: abc}}", "{data.x: {matches: a}}"),
    ("{any: [{data.x: a}, {data.x: b}]}", "{data.x: a}"),
    ("{not: {data.x: {gt: 6}}}", "{not: {data.x: {gt: 5}}}"),
    # What can't hold implies nothing that anybody wants to hear.
    ("{data.x: {eq: a, in: [b]}}", "{source: web}"),
]
HEAD = 'name: m\nversion: "1"\nhalf_life: 14d\nbands: [{name: all, from: 0}]\nrules:\n'


def findings(*rules: str) -> list[str]:
    lines = "".join(
        f"  - {{id: r{n}, group: g, on: a, points: 1, {rule}}}\n" for n, rule in enumerate(rules, 1)
    )
    return [message for _, message, _ in shadowed(checked(read_document(HEAD + lines, "m.yaml")))]


@pytest.mark.parametrize(("stronger", "weaker"), IMPLIED)
def test_what_is_implied_is_found(stronger: str, weaker: str) -> None:
    (message,) = findings(f"when: {weaker}", f"when: {stronger}")
    assert message == "rule `r2` scores nothing: of group `g` the earlier `r1` matches whenever it does"


@pytest.mark.parametrize(("stronger", "weaker"), NOT_IMPLIED)
def test_what_is_not_implied_is_not_said(stronger: str, weaker: str) -> None:
    assert findings(f"when: {weaker}", f"when: {stronger}") == []


def test_a_longer_text_contains_the_shorter_one_and_a_list_does_not() -> None:
    (message,) = findings("when: {data.x: {contains: A}}", "when: {data.x: {contains: abc}}")
    assert message.endswith("`r1` matches whenever it does, if `data.x` is a text")
    (message,) = findings("when: {source: {contains: a}}", "when: {source: {contains: abc}}")
    assert message.endswith("`r1` matches whenever it does")


def test_several_earlier_rules_take_the_values_of_one_between_them() -> None:
    (message,) = findings("when: {data.x: a}", "when: {data.x: {in: [b, c]}}", "when: {data.x: {in: [a, c]}}")
    assert "the earlier `r1`, `r2` matches" in message
    (message,) = findings("when: {data.x: a}", "when: {data.y: 1}", "when: {any: [{data.y: 1}, {data.x: a}]}")
    assert "`r2`, `r1`" in message
    assert findings("when: {data.x: a}", "when: {data.x: {in: [a, c]}}") == []


def test_the_values_of_by_and_of_conditions_are_compared() -> None:
    def by(rule: str) -> str:
        return f"  - {{id: one, group: g, on: a, by: {{field: data.x, points: {{p: 1, q: 2}}{rule}}}}}\n"

    for default, second, found in (
        ("", "when: {data.x: p}", 1),
        ("", "when: {data.x: r}", 0),
        ("", "when: {data.y: p}", 0),
        (", default: q", "when: {data.y: p}", 1),
    ):
        text = f"{HEAD}{by(default)}  - {{id: two, group: g, on: a, points: 1, {second}}}\n"
        assert len(list(shadowed(checked(read_document(text, "m.yaml"))))) == found
