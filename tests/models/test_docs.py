"""What the pages on rules and semantics show, tried."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from leadstream.models import load_catalog, parse_rule_file
from leadstream.models.protected import ATTRIBUTES, CHARTER, ECOA, EQUALITY, GDPR, TITLE_VII
from leadstream.models.schema import RuleFile
from tests.presets.stories import preset_text
from tests.scoring.folding import DAY, HOUR, MINUTE, T0, Log, run

DOCS = Path(__file__).parents[2] / "docs"


def yaml_blocks(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)


BLOCKS = yaml_blocks("rule-file.md")
HEAD = """\
name: m
version: "1"
half_life: 1d
bands: [{name: cold, from: 0}, {name: hot, from: 10}]
"""


def test_the_small_model_of_the_rule_file_page_loads() -> None:
    file = parse_rule_file(BLOCKS[0], "small.yaml")
    assert [rule.id for rule in file.rules] == ["visit", "reply"]


@pytest.mark.parametrize("part", [block for block in BLOCKS if block.startswith("    ")])
def test_the_parts_of_rules_that_the_page_shows_load(part: str) -> None:
    points = "" if "by:" in part else "    points: 1\n"
    (rule,) = parse_rule_file(f"{HEAD}rules:\n  - id: a\n    on: b\n{points}{part}", "part.yaml").rules
    assert part.strip().split(":")[0] in rule.model_fields_set


@pytest.mark.parametrize("part", [block for block in BLOCKS[1:] if block[0] not in " -"])
def test_the_parts_of_files_that_the_page_shows_load(part: str) -> None:
    rules = "rules: [{id: visit, on: page.viewed, points: 1}]\n"
    file = parse_rule_file(f"{HEAD}{rules}{part}", "part.yaml")
    assert getattr(file, part.split(":")[0])


def test_the_page_names_every_key() -> None:
    page = (DOCS / "rule-file.md").read_text()
    definitions = TypeAdapter(RuleFile).json_schema()["$defs"].values()
    keys = {key for part in definitions for key in part.get("properties", {})} | set(RuleFile.model_fields)
    assert {key for key in keys if re.search(rf"\b{key}\b", page) is None} == set()


def written_values(schema: object) -> set[str]:
    """The texts that the schema lets stand at some key and no others."""
    if isinstance(schema, dict):
        own = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
        return {one for one in own if isinstance(one, str)}.union(*map(written_values, schema.values()))
    return set().union(*map(written_values, schema)) if isinstance(schema, list) else set()


def test_the_page_names_every_value_of_which_a_key_takes_one() -> None:
    page = (DOCS / "rule-file.md").read_text()
    values = written_values(TypeAdapter(RuleFile).json_schema())
    assert {"mon", "sun", "defer", "compounding", "required"} <= values
    assert {value for value in values if re.search(rf"`[^`\n]*\b{value}\b[^`\n]*`", page) is None} == set()


def test_the_page_names_every_protected_attribute() -> None:
    page = (DOCS / "rule-file.md").read_text()
    laws = [ECOA, TITLE_VII, CHARTER, GDPR, EQUALITY]
    for attribute in ATTRIBUTES:
        numbers = ", ".join(str(laws.index(law) + 1) for law in attribute.sources)
        assert f"| {attribute.name} | {numbers} |" in page


def test_the_tenants_of_the_page_load(tmp_path: Path) -> None:
    tenants = tmp_path / "tenants.yaml"
    (block,) = (block for block in BLOCKS if block.startswith("- {tenant"))
    tenants.write_text(block)
    catalog = load_catalog("tenx", tenants)
    assert catalog.for_tenant("acme").kernels[0].half_life == 7 * DAY
    assert [catalog.for_tenant(name).name for name in ("beta", "other")] == ["concept", "tenx"]


@pytest.mark.requirement("S1-8")
def test_two_visits_and_a_positive_reply_are_nine_and_do_not_pass_ten() -> None:
    concept = load_catalog("concept").default
    log = Log()
    for _ in range(2):
        log.add("page.viewed", T0, data={"url": "https://example.com/pricing"})
    log.add("email.replied", T0, data={"sentiment": "positive"})
    result = run(log, concept)
    assert result.snapshot().total == 9
    assert result.crossings == []
    # A third visit passes 10 up to 14 d * log2(9 / 8) = 2 d 9 h 5.7 min later.
    visit = {"url": "https://example.com/pricing"}
    in_time = 2 * DAY + 9 * HOUR + 5 * MINUTE
    soon = Log(list(log.records)).add("page.viewed", T0 + in_time, data=visit)
    late = Log(list(log.records)).add("page.viewed", T0 + in_time + MINUTE, data=visit)
    assert run(soon, concept).crossings == [(10, "up", "signal")]
    assert run(late, concept).crossings == []
    page = " ".join((DOCS / "semantics.md").read_text().split())
    assert (
        "are 2 + 2 + 5 = **9**. The text that this example comes from says that it clears 10. It does not."
        in page
    )


@pytest.mark.requirement("S0-4")
def test_the_template_calls_at_80_and_says_when_to_take_another() -> None:
    text = preset_text("tenx")
    file = parse_rule_file(text, "tenx.yaml")
    [call] = [one for one in file.thresholds if one.at == 80]
    assert "90 if cold leads are called" in call.rationale
    assert "70 if warm ones fall through" in call.rationale
    assert [action.do for action in file.actions if action.at == 80] == ["voice-lead-qualifier"]
    page = " ".join((DOCS / "presets.md").read_text().split())
    assert "if cold leads are called take 90 instead of 80, if warm leads fall through 70" in page


def test_the_example_of_tenx_falls_when_the_page_says() -> None:
    log = Log().add("form.submitted", T0, data={"channel": "organic"})
    for minute in (10, 20, 30):
        log.add("email.opened", T0 + minute * MINUTE)
    for minute in (40, 50):
        log.add("page.viewed", T0 + minute * MINUTE, data={"url": "/pricing"})
    log.add("email.replied", T0 + HOUR, data={"sentiment": "positive"})
    result = run(log, load_catalog("tenx").default, until=T0 + 20 * DAY)
    # 80.92 at 01:00; 80 after 20,160 min * log2(80.92 / 80) = 5 h 32 min, 50 after 9 d 17 h 22 min.
    falls = [(one["threshold"], one["at"][:16]) for one in result.of_type("lead.threshold.crossed")[2:]]
    assert falls == [(80, "2026-01-01T06:32"), (50, "2026-01-10T18:22")]
