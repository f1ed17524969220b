"""Rule files and tenants files with errors: the line, the column, the reason, the nearest valid name."""

from pathlib import Path

import pytest

from leadstream.models import ModelError, load_catalog, parse_rule_file, preset_names
from leadstream.models.catalog import compile_model
from leadstream.records.rejection import Rejected
from leadstream.scoring.compiled.model import ModelCatalog
from tests.scoring.folding import DAY, HOUR

GOOD = """\
name: m
version: "1"
half_life: 14d
rules:
  - id: opened
    on: email.opened
    points: 2
    repeat: {factors: [1, 0.5], within: 30d}
  - id: replied
    on: [email.replied, email.forwarded]
    when:
      data.sentiment: {in: [positive, neutral]}
      source: mail
    by: {field: data.sentiment, points: {positive: 25, neutral: 10}, default: neutral}
    decay: {half_life: 7d}
thresholds:
  - {at: 50, hysteresis: 5, on_recovery: fire}
  - {at: 80}
bands:
  - {name: cold, from: 0}
  - {name: hot, from: 80}
actions:
  - do: call
    at: 80
    channel: phone
    requires: phone
    dedupe: 24h
    payload: {route: agent, title: {fact: title}}
"""


def test_a_good_file_is_read_as_it_stands() -> None:
    file = parse_rule_file(GOOD, "m.yaml")
    assert (file.name, file.version, file.half_life) == ("m", "1", 14 * DAY)
    assert file.rules[0].on == ["email.opened"]
    assert file.rules[1].when.fields["source"].eq == "mail"
    model = compile_model(file)
    assert [branch.factor for branch in model.branches] == [
        "score.bumped", "opened", "replied:positive", "replied:neutral",
    ]  # fmt: skip
    assert [kernel.half_life for kernel in model.kernels] == [14 * DAY, 7 * DAY]
    (index,) = model.thresholds[1].actions
    action = model.actions[index]
    assert (action.dedupe, action.payload, action.fact_payload) == (
        DAY,
        (("route", "agent"),),
        (("title", "title"),),
    )


WRONG = [
    ("name: m", "nome: m", "1:1", "unknown key `nome` (did you mean `name`?)"),
    ("half_life: 14d\n", "", "1:1", "`half_life` is missing"),
    ("half_life: 14d", "half_life: 14 days", "3:12", "a duration is a whole number with ms, s, m, h, d or w"),
    ("half_life: 14d", "half_life: 14", "3:12", "a duration is"),
    ("half_life: 14d", "half_life: 0d", "3:12", "a duration is at least 1ms"),
    ("half_life: 14d", "half_life: 10ms", "3:12", "a half-life is at least 1s"),
    ("half_life: 14d", "half_life: 99999999d", "3:12", "at most 36525d"),
    ('version: "1"', "version: 1", "2:10", "a text is needed here: put it in quotes"),
    ("points: 2", "pionts: 2", "7:5", "unknown key `pionts` (did you mean `points`?)"),
    ("points: 2", "points: two", "7:13", "a number is needed here"),
    ("points: 2", "points: .nan", "7:13", "a finite number is needed here"),
    ("points: 2", "points: .inf", "7:13", "finite"),
    ("points: 2", "points: 2000000", "7:13", "a number of at most 1,000,000 is needed here"),
    (
        "points: 2\n    repeat: {factors: [1, 0.5], within: 30d}",
        "effect: supress",
        "7:13",
        "(did you mean `suppress`?)",
    ),
    ("points: 2\n", "points: 2\n    points: 3\n", "8:5", "the key `points` stands here a second time"),
    ("points: 2\n", "channel: email\n    points: 2\n", "7:14", "no `effect: suppress`"),
    (
        "points: 2\n",
        "points: 2\n    by: {field: source, points: {a: 1}}\n",
        "8:5",
        "`points` and `by`: one of them",
    ),
    ("    points: 2\n", "", "7:13", "has `repeat` but no points"),
    (
        "points: 2\n    repeat: {factors: [1, 0.5], within: 30d}",
        "rationale: none",
        "5:5",
        "neither `points` nor `by`",
    ),
    ("points: 2\n", "points: 2\n    effect: reset\n", "8:13", "a reset gives no points of its own"),
    ("[1, 0.5]", "[]", "8:23", "at least 1 entry"),
    ("[1, 0.5]", "[1, -1]", "8:27", "a number of at least 0 is needed here"),
    ("id: replied", "id: opened", "9:9", "the rule `opened` stands here a second time"),
    ("on: email.opened", "on: 5", "6:9", "a text or a list of texts is needed here, not `5`"),
    ("[email.replied, email.forwarded]", "[email.replied, email.replied]", "10:25", "a second time"),
    ("data.sentiment: {in", "date.sentiment: {in", "12:7", "date.sentiment"),
    ("{in: [positive, neutral]}", "{im: [positive]}", "12:24", "unknown key `im` (did you mean `in`?)"),
    ("{in: [positive, neutral]}", "{}", "12:23", "a condition asks for nothing"),
    ("{in: [positive, neutral]}", "{url_path: [a/b]}", "12:35", "a segment of a path has no `/`"),
    ("default: neutral", "default: neutrl", "14:79", "`neutrl` is not in `points` (did you mean `neutral`?)"),
    ("decay: {half_life: 7d}", "decay: linear", "15:12", "write `{half_life: 7d}`, `{linear: 30d}`"),
    (
        "decay: {half_life: 7d}",
        "decay: {halflife: 7d}",
        "15:13",
        "unknown key `halflife` (did you mean `half_life`?)",
    ),
    ("at: 50, h", "at: 90, h", "18:10", "thresholds ascend: 80 stands after 90"),
    ("hysteresis: 5", "hysteresis: 50", "17:26", "would leave 50 passed for ever"),
    ("on_recovery: fire", "on_recovery: yes", "17:42", "one of `record`, `fire` is needed here"),
    ("{name: cold, from: 0}", "{name: cold, from: 1}", "20:24", "the first band begins at 0"),
    ("{name: hot, from: 80}", "{name: hot, from: 0}", "21:23", "bands ascend: 0 stands after 0"),
    ("{name: hot, from: 80}", "{name: cold, from: 80}", "21:12", "the band `cold` stands here a second time"),
    ("  - {name: cold, from: 0}\n  - {name: hot, from: 80}\n", "", "20:1", "a list is needed here"),
    ("at: 80\n", "at: 81\n", "24:9", "action `call` waits for 81, no threshold (50, 80)"),
    (
        "requires: phone",
        "requires: fax",
        "26:15",
        "one of `phone`, `email`, `consent`, `owner` is needed here",
    ),
    ("{fact: title}", "{facts: title}", "28:37", "unknown key `facts` (did you mean `fact`?)"),
    ("{fact: title}", "[1]", "28:36", "payload.title"),
    ("name: m", "name: [", "", "expected"),
    ("name: m", "name: &a [*a]", "1:7", "nested more than 64 deep, or a part of it holds itself"),
    ("name: m", "1: m", "1:1", "a key is a text"),
    ("name: m", "? {a: b}\n: m", "1:3", "a key is a text"),
    ("name: m", "name: !!python/object:os.system x", "1:7", "could not determine a constructor"),
]


@pytest.mark.parametrize(("old", "new", "place", "reason"), WRONG)
def test_an_error_says_where_and_why_in_one_line(old: str, new: str, place: str, reason: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ModelError) as caught:
        parse_rule_file(GOOD.replace(old, new), "m.yaml")
    text = str(caught.value)
    assert text.startswith(f"m.yaml:{place}")
    assert reason in text
    assert "\n" not in text


@pytest.mark.parametrize("text", ["", "[]", "5", "just text", "a: b\n---\nc: d\n", "\x00", "[" * 100_000])
def test_what_is_no_rule_file_at_all(text: str) -> None:
    with pytest.raises(ModelError, match=r"^m.yaml:\d+:\d+: "):
        parse_rule_file(text, "m.yaml")


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ModelError, match="more than 100000 values"):
        parse_rule_file("\n".join(lines), "m.yaml")


def test_a_model_that_is_nowhere_names_the_nearest_preset(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"^tenex: no preset and no file has this name \(did you mean `tenx`\?\)"
    ):
        load_catalog("tenex")
    with pytest.raises(ModelError, match=r"gone.yaml:1:1: can't be read"):
        load_catalog(str(tmp_path / "gone.yaml"))
    assert {"tenx", "concept"} <= set(preset_names())


def half_lives(catalog: ModelCatalog, tenant: str) -> list[int]:
    return [kernel.half_life for kernel in catalog.for_tenant(tenant).kernels]


def test_a_file_and_its_tenants_are_loaded(tmp_path: Path) -> None:
    rules, tenants = tmp_path / "m.yaml", tmp_path / "tenants.yaml"
    rules.write_text(GOOD)
    tenants.write_text("- {tenant: acme, half_life: 24h, timezone: Europe/Berlin}\n- {tenant: other}\n")
    catalog = load_catalog(str(rules), tenants)
    # A rule's own half-life goes before the tenant's, the tenant's before the model's.
    assert half_lives(catalog, "acme") == [24 * HOUR, 7 * DAY]
    assert catalog.for_tenant("acme").timezone == "Europe/Berlin"
    assert half_lives(catalog, "other") == [14 * DAY, 7 * DAY]
    assert catalog.for_tenant("acme").fingerprint != catalog.for_tenant("other").fingerprint
    with pytest.raises(Rejected, match="unknown_tenant"):
        catalog.for_tenant("third")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- {tenant: a}\n- {tenant: a}\n", "2:12: tenant `a` is listed a second time"),
        (
            "- {tenant: a, timezone: Europe/Berln}",
            "1:25: no time zone is called `Europe/Berln` (did you mean `Europe/Berlin`?)",
        ),
        ("- {tenant: a, halflife: 7d}", "1:15: unknown key `halflife` (did you mean `half_life`?)"),
        ("- {tenant: 'a:b'}", "1:12: 0.tenant"),
        ("tenant: a", "1:1: the file: a list is needed here"),
    ],
)
def test_errors_of_a_tenants_file(tmp_path: Path, text: str, reason: str) -> None:
    tenants = tmp_path / "t.yaml"
    tenants.write_text(text)
    with pytest.raises(ModelError) as caught:
        load_catalog("tenx", tenants)
    assert f"t.yaml:{reason}" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        ("points: 2\n", "points: 2\n    rationale: because\n", True),
        ('version: "1"\n', 'version: "1"\nowner: ann\n', True),
        ("half_life: 14d", "half_life: 2w", True),
        ("points: 2\n", "points: 3\n", False),
        ("half_life: 14d", "half_life: 13d", False),
        ('version: "1"', 'version: "2"', False),
        ("dedupe: 24h", "dedupe: 23h", False),
    ],
)
def test_models_share_a_fingerprint_only_if_they_score_alike(old: str, new: str, alike: bool) -> None:
    first = compile_model(parse_rule_file(GOOD, "m.yaml")).fingerprint
    second = compile_model(parse_rule_file(GOOD.replace(old, new), "m.yaml")).fingerprint
    assert (first == second) is alike


def test_what_is_called_like_a_reason_and_is_none_belongs_to_the_fingerprint() -> None:
    found = set()
    for owner in ("ann", "bob"):
        text = GOOD.replace("payload: {", f"payload: {{owner: {owner}, ")
        found.add(compile_model(parse_rule_file(text, "m.yaml")).fingerprint)
    assert len(found) == 2
