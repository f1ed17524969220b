"""`leadstream models list`, `show`, `lint`, `diff`."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leadstream.cli.app import app
from leadstream.models import load_catalog, parse_rule_file, preset_names
from leadstream.models.catalog import load_rule_file
from leadstream.models.difference import differences

RULES = """\
name: m
version: "1"
half_life: 14d
categories:
  intent: {cap: 30, decay: {half_life: 7d}}
rules:
  - {id: demo, on: demo.requested, points: 20, category: intent}
  - {id: page, on: page.viewed, by: {field: data.kind, points: {a: 1, b: 2}}}
  - {id: form, on: form.submitted, points: 5, decay: none, rationale: Why not.}
thresholds:
  - {at: 40}
bands:
  - {name: cold, from: 0}
actions:
  - {do: mail, at: 40, channel: email, dedupe: 24h}
"""


def leadstream(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "m.yaml"
    file.write_text(RULES)
    return file


def test_the_presets_are_listed_one_line_each() -> None:
    result = leadstream("models", "list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == preset_names()
    assert "7 rules  Signals of e-mail" in next(line for line in lines if line.startswith("tenx"))


@pytest.mark.parametrize("name", preset_names())
def test_what_is_shown_as_json_loads_as_the_same_file(name: str) -> None:
    shown = leadstream("models", "show", name, "--json").stdout
    file = parse_rule_file(shown, "shown.yaml")
    assert file == load_rule_file(name)


def test_a_preset_is_shown_as_it_stands_to_copy(tmp_path: Path) -> None:
    copy = tmp_path / "copy.yaml"
    copy.write_text(leadstream("models", "show", "tenx", "--yaml").stdout)
    assert copy.read_text().startswith("# From behaviour")
    assert load_rule_file(str(copy)) == load_rule_file("tenx")
    refused = leadstream("models", "show", str(copy), "--yaml")
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_a_file_is_shown_with_the_decay_that_each_rule_has_in_the_end(rules: Path) -> None:
    result = leadstream("models", "show", str(rules))
    assert result.exit_code == 0
    rows = {line.split("│")[1].strip(): line for line in result.stdout.splitlines() if "│" in line}
    assert "{half_life: 7d}" in rows["demo"]
    assert "{half_life: 14d}" in rows["page"]
    assert "{a: 1, b: 2}" in rows["page"]
    assert "none" in rows["form"]
    assert "Why not" not in result.stdout
    assert "at 40" in rows["mail"]


def test_lint_names_findings_and_strict_makes_them_fail(rules: Path) -> None:
    assert (leadstream("models", "lint", str(rules), "--strict").exit_code, "") == (0, "")
    rules.write_text(RULES.replace("cap: 30", "cap: 10"))
    result = leadstream("models", "lint", str(rules))
    assert result.exit_code == 0
    assert result.stdout == (
        f"{rules}:7:44: warning: `demo` gives 20 points, but `intent` is capped at 10: 10 of them can never "
        "count; give at most 10, or raise the cap\n"
    )
    assert leadstream("models", "lint", str(rules), "--strict").exit_code == 1
    rules.write_text(RULES.replace("points: 20", "pionts: 20"))
    result = leadstream("models", "lint", str(rules))
    assert result.exit_code == 1
    assert f"error: {rules}:7:36: unknown key `pionts`" in result.stderr


def test_a_preset_is_linted_by_name() -> None:
    result = leadstream("models", "lint", "tenx", "--strict")
    assert (result.exit_code, result.stdout) == (0, "")


CHANGES = [
    ("points: 20", "points: 25", ["rule `demo`: points 20 -> 25"]),
    ("{a: 1, b: 2}", "{a: 1, b: 3, c: 4}", ["rule `page`: by points b 2 -> 3; by points c - -> 4"]),
    (
        "  - {id: demo, on: demo.requested, points: 20, category: intent}\n",
        "",
        ["rule `demo`: removed"],
    ),
    (
        "  - {id: form,",
        "  - {id: new, on: [x, y], points: 1, rationale: So.}\n  - {id: form,",
        ["rule `new`: added: {id: new, on: [x, y], points: 1}"],
    ),
    ("half_life: 14d\n", "half_life: 2w\n", []),
    ("half_life: 14d\n", "half_life: 36h\n", ["half_life 14d -> 36h"]),
    ("{cap: 30,", "{cap: 35,", ["category `intent`: cap 30 -> 35"]),
    ("decay: {half_life: 7d}", "decay: none", ["category `intent`: decay {half_life: 7d} -> none"]),
    ("- {at: 40}", "- {at: 40, hysteresis: 5}", ["threshold `40`: hysteresis - -> 5"]),
    ("name: cold", "name: cool", ["band `cold`: removed", "band `cool`: added: {name: cool, from: 0}"]),
    ("dedupe: 24h", "dedupe: 48h", ["action `mail at 40`: dedupe 1d -> 2d"]),
    ("rationale: Why not.", "rationale: Because.", ["rule `form`: rationale changed"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "lines"), CHANGES)
def test_differences_are_named_by_id(old: str, new: str, lines: list[str]) -> None:
    assert RULES.count(old) == 1
    before, after = parse_rule_file(RULES, "a.yaml"), parse_rule_file(RULES.replace(old, new), "b.yaml")
    assert differences(before, after) == lines


def test_another_order_is_a_difference() -> None:
    lines = RULES.splitlines(keepends=True)
    lines[6], lines[7] = lines[7], lines[6]
    after = parse_rule_file("".join(lines), "b.yaml")
    assert differences(parse_rule_file(RULES, "a.yaml"), after) == ["rules: their order has changed"]


def test_categories_and_dimensions_are_compared() -> None:
    after = parse_rule_file(RULES.replace("categories:", "dimensions:"), "b.yaml")
    assert differences(parse_rule_file(RULES, "a.yaml"), after) == []


def test_diff_ends_as_diff_does(rules: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(RULES.replace("points: 20", "points: 25"))
    same = leadstream("models", "diff", str(rules), str(rules))
    assert (same.exit_code, same.stdout) == (0, "")
    different = leadstream("models", "diff", str(rules), str(other))
    assert (different.exit_code, different.stdout) == (1, "rule `demo`: points 20 -> 25\n")
    wrong = leadstream("models", "diff", str(rules), "tenex")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: tenex: no preset and no file has this name (did you mean `tenx`?)")


def test_a_tenant_may_have_a_model_of_its_own(rules: Path, tmp_path: Path) -> None:
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text(
        "- {tenant: a}\n- {tenant: b, model: m.yaml, half_life: 1d}\n- {tenant: c, model: concept}\n"
        "- {tenant: d, model: m.yaml}\n"
    )
    catalog = load_catalog("tenx", tenants)
    assert [catalog.for_tenant(tenant).name for tenant in "abcd"] == ["tenx", "m", "concept", "m"]
    assert catalog.for_tenant("b").kernels[0].half_life == 86_400_000
    assert catalog.for_tenant("d").kernels[0].half_life == 14 * 86_400_000


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("n.yaml", "tenants.yaml:1:22: no preset and no file has the name n.yaml"),
        ("tenex", "tenants.yaml:1:22: no preset and no file has the name tenex (did you mean `tenx`?)"),
        ("bad.yaml", "bad.yaml:1:1: the file: keys and values are needed here"),
    ],
)
def test_a_tenants_model_that_is_nowhere(tmp_path: Path, model: str, reason: str) -> None:
    (tmp_path / "tenants.yaml").write_text(f"- {{tenant: a, model: {model}}}\n")
    (tmp_path / "bad.yaml").write_text("[]\n")
    result = leadstream(
        "replay",
        "--signals",
        "-",
        "--at",
        "2026-01-01T00:00:00Z",
        "--tenants",
        str(tmp_path / "tenants.yaml"),
    )
    assert result.exit_code == 1
    assert reason in result.stderr


def test_json_of_a_model_has_no_more_than_the_file_says(rules: Path) -> None:
    shown = json.loads(leadstream("models", "show", str(rules), "--json").stdout)
    assert shown["rules"][2] == {
        "id": "form", "on": ["form.submitted"], "points": 5, "decay": "none", "rationale": "Why not.",
    }  # fmt: skip
    assert list(shown) == [
        "name", "version", "half_life", "categories", "rules", "thresholds", "bands", "actions",
    ]  # fmt: skip
