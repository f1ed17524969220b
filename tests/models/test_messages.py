"""What a rule file's errors say: all of them in one run, in words that people who write rules know."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from leadstream.cli.app import app
from leadstream.models import ModelError, load_catalog, parse_rule_file
from leadstream.models.catalog import checked
from leadstream.models.document import Document, Place
from leadstream.models.json_schema import file_schemas
from tests.models.marked import JARGON
from tests.models.test_check import GOOD

HEAD = 'name: m\nversion: "1"\nhalf_life: 1d\nbands: [{name: all, from: 0}]\n'
RULE = HEAD + "rules: [{id: a, on: b, points: 1, %s}]\n"
HOURS = (
    RULE % "stage: s" + "stages: [{name: s}]\nactions: [{do: x, when: {rule: a}, channel: c, hours: {%s}}]\n"
)


def lines_of(text: str) -> list[str]:
    with pytest.raises(ModelError) as caught:
        parse_rule_file(text, "m.yaml")
    return str(caught.value).splitlines()


SENTENCES = [
    (RULE % "when: {data.x: {not: {contains: y}}}", "beside the fields: `not: {data.x: {contains: y}}`"),
    (RULE % "when: {data.x: {not: [y, z]}}", "write `not` beside the fields: `not: {data.x: {in: [y, z]}}`"),
    (RULE % "when: {data.x: {eq: [y, z]}}", "one value is needed here; for several write `in: [y, z]`"),
    (RULE % "when: {data.x: [y, z]}", "not a list: write `{in: [y, z]}`"),
    (RULE % "when: {data.x: null}", "a condition is needed here: a value, or one such as"),
    (RULE % "when: {data.x: {in: y}}", "a list is needed here, not `y`: write `[y]`"),
    (RULE % "when: {data.x: {gte: '5'}}", "a number is needed here: write it without quotes, `5`"),
    (RULE % "when: [data.x]", "keys and values are needed here, such as `{data.url: {url_path: [pricing]}}`"),
    (RULE % "decay: 7d", "write `{half_life: 7d}`, `{linear: 30d}`"),
    (RULE % "repeat: 3", "such as `{factors: [1, 0.5], within: 30d}`, not `3`"),
    (RULE % "recency: 24h", "such as `[{to: 24h, factor: 2.0}]`, not `24h`"),
    (RULE % "after: visit", "such as `{rule: <id>, within: 7d}`, not `visit`"),
    (RULE % "category: 5", "put it in quotes, `\"5\"`"),
    (RULE % "category: true", "put it in quotes, `\"true\"`"),
    (RULE % "category: two words", "a name has letters, digits"),
    (HOURS % "from: 9:00, outside: skip", '(did you mean "09:00"?), not `9:00`'),
    (HOURS % "from: 9, outside: skip", '(did you mean "09:00"?), not `9`'),
    # YAML 1.1 reads 9:30 as 570.
    (HOURS % "from: 570, outside: skip", '(did you mean "09:30"?), not `570`'),
    (HOURS % "from: 9.30, outside: skip", 'with two digits each, such as "09:00", not `9.3`'),
    (HOURS % 'from: "9am", outside: skip', 'such as "09:00", not `9am`'),
    (HOURS % "outside: later", "write `defer`, `skip` or `{route_to: <name>}`, not `later`"),
    (HOURS % "outside: {}", "write `defer`, `skip` or `{route_to: <name>}`, not an empty mapping"),
    (HOURS % "outside: {route: x}", "unknown key `route` (did you mean `route_to`?)"),
    (HOURS % "days: [Monday], outside: skip", "one of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`"),
    (HOURS % "holidays: [2026-12-25], outside: skip", 'put it in quotes, `"2026-12-25"`'),
    (HOURS % "holidays: [25.12.2026], outside: skip", 'a day is written in quotes, such as "2026-12-25"'),
    (HEAD + "rules:\n", "such as `[{id: visit, on: page.viewed, points: 10}]`, not nothing"),
    (RULE % "stage: s" + "thresholds: [50]\n", "such as `{at: 50}`, not `50`"),
    (RULE % "stage: s" + "categories: {web: 30}\n", "such as `{cap: 30}`, not `30`"),
    (RULE % "stage: s" + "actions: [{do: x, when: hot, channel: c}]\n", "such as `{band: hot}`, not `hot`"),
    ("name: a: b\n", "put a text with a `:` in quotes"),
    ("rules: [a\nname: x\n", "a bracket before this is not closed"),
    ("a:\n\tb: 1\n", "indent with blanks"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), SENTENCES)
def test_a_message_says_what_stands_there_and_what_to_write(text: str, said: str) -> None:
    lines = lines_of(text)
    assert any(said in line for line in lines), lines
    assert not any(JARGON.search(line) for line in lines), lines


WRONG_VALUES: list[Any] = [
    None, True, 5, -7.5, "", "no such", "two\nlines", [], ["a", 5], [[]], {}, {"such": "key"}, {"not": []},
    10**30,
]  # fmt: skip


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def changed(value: Any, path: tuple[str | int, ...], to: Any) -> Any:
    if not path:
        return to
    key, *rest = path
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = changed(copy[key], tuple(rest), to)
    return copy


def every_field() -> Any:
    """A file in which each key of the schema stands once at least."""
    value = YAML(typ="safe", pure=True).load(GOOD)
    value |= {"owner": "ann", "description": "d", "consent": "required", "internal_channels": ["desk"]}
    value["bounces"] = {"soft": "7d", "limit": 3, "within": "30d"}
    rule = value["rules"][1]
    rule |= {
        "owner": "ann",
        "rationale": "r",
        "repeat": {"factors": [1, 0.5], "within": "30d"},
        "effect": "points",
    }
    rule["when"] = {
        "source": "web", "all": [{"data.a": {"eq": "x"}}], "any": [{"data.b": {"in": ["x", 5]}}],
        "not": {"data.c": {"not": "x"}}, "data.d": {"exists": True, "contains": "x", "matches": "x"},
        "data.e": {"gt": 1}, "data.f": {"gte": 1, "lte": 5}, "data.g": {"lt": 1},
    }  # fmt: skip
    value["rules"][2]["decay"]["inactivity_step"] |= {"variant": "linear", "floor": 2}
    value["rules"].append(
        {"id": "z", "on": "a", "by": {"field": ["data.k", "source"], "points": {"a": 1}, "default": "a"}}
    )
    value["fit"].append({"id": "v", "fact": "industry", "values": {"a": 5}, "owner": "o", "rationale": "r"})
    value["fit"][2]["keywords"]["take"] = "sum"
    value["thresholds"][0] |= {"hysteresis": 2, "on_recovery": "fire", "on_merge": "fire", "rationale": "r"}
    value["guards"] += [
        {"id": "g1", "on": "a", "user_agents": ["x"], "rationale": "r"},
        {"id": "g2", "on": "a", "machine": True},
        {"id": "g3", "on": "a", "after_send": "2s"},
    ]
    value["spikes"].append({"id": "p", "points": 5, "within": "1h"})
    action = value["actions"][3]
    action["hours"] |= {"route_to": "desk", "outside": {"route_to": "other"}}
    action["assign"] |= {"by": "hash", "sticky": False}
    action |= {
        "priority": "high",
        "dedupe": "1d",
        "payload": {"a": 1, "t": {"fact": "title"}, "u": {"signal": "data.u"}},
    }
    return value


def document_of(value: Any) -> Document:
    """The document of a value, as if all of it stood at the beginning of a file."""
    document = Document("m.yaml", value)
    for path in ((), *places(value)):
        document.places[path] = document.keys[path] = Place("m.yaml", 1, 1)
    return document


def test_the_file_has_every_key_of_the_schema() -> None:
    schema = file_schemas()["model.schema.json"]
    parts = [schema, *schema["$defs"].values()]
    keys = {key for part in parts for key in part.get("properties", {})}
    there = {part for path in places(every_field()) for part in path if isinstance(part, str)}
    # A stage has a `from` where stages go by the total; `url_path` and `dimensions` have other names' forms.
    assert keys - there <= {"dimensions", "was", "band", "stage"}, keys - there


@pytest.mark.parametrize("wrong", WRONG_VALUES, ids=repr)
def test_no_wrong_value_at_any_place_is_told_in_words_of_the_library(wrong: Any) -> None:
    file = every_field()
    checked(document_of(file))
    told = 0
    for path in places(file):
        try:
            checked(document_of(changed(file, path, wrong)))
        except ModelError as error:
            told += 1
            for line in str(error).splitlines():
                assert re.match(r"m\.yaml:1:\d+: |and \d+ more errors$", line), line
                assert not JARGON.search(line), (path, line)
                assert "another value" not in line, (path, line)
                assert "another form" not in line, (path, line)
    assert told > 100


SEVERAL = """\
name: m
version: 1
half_life: 14d
rules:
  - {id: visit, on: page.viewed, points: ten}
  - {id: visit, on: page.viewed, points: 5, category: webb}
  - {id: reply, on: email.replied, points: 5, decay: {half_life: 7d}, decay: none}
  - {id: late, on: a, points: 1, after: {rule: visit, within: 7d}}
categories: {web: {cap: 30}}
thresholds: [{at: fifty}, {at: 80}]
bands: [{name: cold, from: 0}, {name: hot, from: 80}]
actions:
  - {do: call, at: 50, channel: phone}
  - {do: mail, when: {band: hott}, channel: email}
  - {do: post, when: {rule: nowhere}, channel: post}
timers: [{id: idle, inactivity: 90d, points: 5, category: webb}]
"""


def test_one_run_tells_all_errors_of_form_and_of_sense_and_none_that_follows_from_another() -> None:
    assert [line.removeprefix("m.yaml:") for line in lines_of(SEVERAL)] == [
        '2:10: version: a text is needed here: put it in quotes, `"1"`',
        "5:42: rules.0.points: a number is needed here, not `ten`",
        "6:55: no category is called `webb` (did you mean `web`?)",
        "7:71: the key `decay` stands here a second time",
        "10:19: thresholds.0.at: a number is needed here, not `fifty`",
        "14:29: no band is called `hott` (did you mean `hot`?)",
        "15:29: no rule is called `nowhere` (known: late, reply, visit)",
        "16:59: no category is called `webb` (did you mean `web`?)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        # What names a part that can't be read is not wrong for that.
        ("- id: pricing\n    on: page.viewed", "- id: pricing\n    on: 5", 1),
        ("  - {at: 50, cooldown: 7d}", "  - {at: fifty, cooldown: 7d}", 1),
        ("{name: hot, from: 50}", "{name: hot, from: x}", 1),
        ("  - {name: aware}", "  - {name: aware, from: x}", 1),
        ("{id: robots, on: page.viewed, crawlers: true}", "{id: robots, on: page.viewed, crawlers: no}", 1),
        ("intent: {cap: 35, ", "intent: {cap: -35, ", 1),
        ("count: 5, within: 1h}", "count: 1, within: 1h}", 1),
        ("absence: {of: email.replied, within: 7d,", "absence: {of: email.replied, within: x,", 1),
        ("half_life: 14d\n", "", 1),
        ("half_life: 14d\n", "halflife: 14d\n", 1),
        ("    points: 10\n", "    points: 10\n    points: 11\n", 1),
        ("    points: 10\n", "    5: 10\n", 1),
        ("[pricing, page]", "[pricings, pages]", 2),
        ("{rule: demo}", "{rule: demos}", 1),
    ],
)
def test_nothing_is_told_that_only_follows_from_something_else(old: str, new: str, lines: int) -> None:
    assert GOOD.count(old) == 1
    assert len(lines_of(GOOD.replace(old, new))) == lines, lines_of(GOOD.replace(old, new))


def test_of_many_errors_the_first_fifty_are_told_and_the_rest_counted() -> None:
    rules = "".join(f"  - {{id: r{n}, on: a, points: x}}\n" for n in range(75))
    lines = lines_of(f"{HEAD}rules:\n{rules}")
    assert len(lines) == 51
    assert lines[49].startswith("m.yaml:55:")
    assert lines[50] == "and 25 more errors"


def test_one_run_tells_what_is_wrong_with_the_rules_and_with_all_tenants(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(f"{HEAD}rules: [{{id: a, on: b, points: x}}]\n")
    (tmp_path / "n.yaml").write_text(f"{HEAD}rules: [{{id: a, on: b, pionts: 1}}]\n")
    tenants = tmp_path / "t.yaml"
    tenants.write_text(
        "- {tenant: a, timezone: Europe/Berln}\n- {tenant: a}\n- {tenant: 'b:c'}\n"
        "- {tenant: d, model: n.yaml}\n"
        "- {tenant: e, model: n.yaml}\n- {tenant: f, model: gone}\n- {tenant: g, half_life: 7}\n"
    )
    with pytest.raises(ModelError) as caught:
        load_catalog(str(tmp_path / "m.yaml"), tenants)
    found = [line.replace(f"{tmp_path}/", "") for line in str(caught.value).splitlines()]
    assert found == [
        "m.yaml:5:32: rules.0.points: a number is needed here, not `x`",
        "n.yaml:5:24: unknown key `pionts` (did you mean `points`?)",
        "t.yaml:1:25: no time zone is called `Europe/Berln` (did you mean `Europe/Berlin`?)",
        "t.yaml:2:12: tenant `a` is listed a second time",
        "t.yaml:3:12: 2.tenant: a tenant has no `:` in its name, not `b:c`",
        "t.yaml:6:22: no preset and no file has the name gone (did you mean `governed`?)",
        "t.yaml:7:26: 6.half_life: a duration is a whole number with ms, s, m, h, d or w, such as 14d, "
        "or `none`, not `7`",
    ]


def test_the_commands_print_each_error_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(SEVERAL)
    for command in (["lint", str(file)], ["show", str(file)], ["diff", str(file), "tenx"]):
        result = CliRunner().invoke(app, ["models", *command])
        lines = result.stderr.splitlines()
        assert (result.exit_code, len(lines)) == (2 if command[0] == "diff" else 1, 8)
        assert all(line.startswith(f"error: {file}:") for line in lines)
