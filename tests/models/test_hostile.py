"""Rule files that nobody means well: each is a model that folds, or one line that says what is wrong."""

import json
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from leadstream.models import ModelError, load_catalog
from leadstream.models.catalog import checked, preset_text
from leadstream.models.compile import compile_model
from leadstream.models.difference import differences
from leadstream.models.document import Document, read_document
from leadstream.models.lint import lint
from leadstream.models.schema import RuleFile
from leadstream.models.written import written
from leadstream.scoring.compiled.model import CompiledModel
from tests.models.test_check import GOOD
from tests.scoring.comparing import seeds
from tests.scoring.folding import DAY, T0, Log, run

HEAD = 'name: m\nversion: "1"\nhalf_life: 1d\nbands: [{name: all, from: 0}]\n'
RULE = "rules:\n  - {id: a, on: b, points: 1, %s}\n"
WHEN = RULE % "when: {data.x: %s}"
VALUES = "fit: [{id: a, fact: f, values: {%s}}]"
MATCH = "points: 1, on: t, when: {data.x: {matches: a}}"
MATCHING = ", ".join(f"{{id: r{n}, {MATCH}}}" for n in range(101))
TYPES = [f"[{','.join(f'{name}{n}' for n in range(100))}]" for name in "abcde"]
WAITS = ", ".join(f"{{id: w{n}, absence: {{rule: r0, within: 1d, of: {of}}}}}" for n, of in enumerate(TYPES))
RULES = f"rules: [%s]\ntimers: [{WAITS}]\n"
TEXTS = [GOOD, *(preset_text(name) for name in ("concept", "tenx", "governed"))]
FILES = [YAML(typ="safe").load(text) for text in TEXTS]
SEEDS = st.integers(0, 2**48)
HOSTILE: list[Any] = [
    None, True, False, 0, -1, 1, 2, 0.5, 1e6, -1e6, 1e308, 2**53, 2**63, -(2**63), 10**30, "", " ", "x",
    "none", "1ms", "1d", "36525d", "0d", "data.x", "source", "score.bumped", "email.opened", "lead.updated",
    "cap:x", "\x00", "\x85", "\u2028", "(a|a)*$", "(", "x" * 300, [], [[]], [None], ["a", "a"], {}, {"a": {}},
    {"points": 1}, {"half_life": "1s"}, {"linear": "1ms"}, {"fact": "x"}, {"band": "hot"}, "é\n",
    {"inactivity_step": {"percent": 100, "every": "1ms"}}, {"within": "1ms", "factors": [0]}, float("nan"),
]  # fmt: skip
"""What may come to stand in any place."""
DATA: list[dict[str, Any]] = [
    {},
    {
        "url": "/pricing",
        "sentiment": "positive",
        "seconds": 200,
        "channel": "paid",
        "x": "x",
        "kind": "ebook",
    },
    {"url": 5, "sentiment": [], "machine": True, "user_agent": "Googlebot", "x": {"a": 1}, "kind": None},
    {"country": "DE", "size": "1,000", "company_size": 60, "title": "Vice President, CTO", "email": "a@b.de"},
    {"consent": {"email": True, "tracking": True, "profiling": True}, "phone": "+4930123456", "size": 1e300},
    {"consent": {"profiling": False}, "size": None, "country": 5, "title": "", "timezone": "Europe/Berlin"},
    {"points": 30, "by": "ann", "why": "asked"},
]


def loaded(text: str) -> tuple[Document, RuleFile, CompiledModel] | None:
    """The model of a text; None if it is refused as it should be."""
    try:
        document = read_document(text, "m.yaml")
        file = checked(document)
        return document, file, compile_model(file)
    except ModelError as error:
        message = str(error)
    for line in message.splitlines()[:50]:
        assert line.startswith("m.yaml:")
        assert len(line) <= 1000
    assert len(message.splitlines()) <= 51
    return None


def used(text: str, random: Random) -> bool:
    """Does with a model, if the text is one, all that can be done: nothing of it raises."""
    found = loaded(text)
    if found is None:
        return False
    document, file, model = found
    lint(document, file)
    again = loaded(json.dumps(written(file)))
    assert again is not None
    assert again[2].fingerprint == model.fingerprint
    assert differences(file, again[1]) == []
    fold(model, random)
    return True


def fold(model: CompiledModel, random: Random) -> None:
    types = [*model.plans, "email.opened", "page.viewed", "lead.updated", "unheard.of"]
    log, now = Log(), T0
    for _ in range(25):
        now += random.choice([0, 1, 1000, DAY, 30 * DAY])
        log.add(random.choice(types), now, at=now - random.choice([0, 0, DAY]), data=random.choice(DATA))
    run(log, model, until=now + 400 * DAY)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each part of a file, as what holds it and the key in that."""
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def mutated(random: Random) -> str:
    """A good file of which one or two parts are another value, are gone, or stand elsewhere."""
    file = deepcopy(random.choice(FILES))
    for _ in range(random.choice([1, 1, 2])):
        parts = places(file)
        holder, key = random.choice(parts)
        match random.randint(0, 5):
            case 0:
                del holder[key]
            case 1:
                other, name = random.choice(parts)
                holder[key] = deepcopy(other[name])
            case 2 if isinstance(holder, dict):
                holder[str(random.choice(HOSTILE))] = holder.pop(key)
            case 3 if isinstance(holder[key], int | float | str):
                values = [one[at] for one, at in parts if type(one[at]) is type(holder[key])]
                holder[key] = random.choice(values)
            case _:
                holder[key] = deepcopy(random.choice(HOSTILE))
    return json.dumps(file)


@seeds(200)
@given(SEEDS)
def test_a_file_of_which_parts_are_changed_is_refused_in_plain_lines_or_is_a_model_that_folds(
    seed: int,
) -> None:
    random = Random(seed)
    used(mutated(random), random)


def test_many_changed_files_are_models() -> None:
    # So that the test above folds some.
    found = [used(mutated(Random(seed)), Random(seed)) for seed in range(60)]
    assert 10 < sum(found) < 50


@seeds(60)
@given(SEEDS)
def test_a_text_of_which_characters_are_changed_is_refused_in_plain_lines_or_is_a_model(seed: int) -> None:
    random = Random(seed)
    text = random.choice(TEXTS[:2])
    for _ in range(random.choice([1, 2, 5])):
        place = random.randrange(len(text))
        put = random.choice(
            [*"{}[]:,&*!|>'\"%@#-? \n\t\\0", "", "!!int ", "&a ", "*a", "<<: ", "\ud800", "\x07"]
        )
        text = text[:place] + put + text[place + random.choice([0, 1, 1, 20]) :]
    loaded(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # numbers and texts that no record can hold
        (WHEN % "99999999999999999999", "6:46: rules.0.when.data.x: a number is finite and lies between"),
        (WHEN % ".nan", "6:46: rules.0.when.data.x: a number is finite"),
        (WHEN % "{in: [1, -.inf]}", "6:55: rules.0.when.data.x.in.1: a number is finite"),
        (WHEN % f"1{'0' * 5000}", "6:46: `1000"),
        (WHEN % '"\\ud800"', "6:46: a text has a control character, or half of a character"),
        (RULE % '"\\0": 1', "6:31: a text has a control character"),
        (RULE % '"q\\nr": 1', "6:31: unknown key `q r`"),
        (RULE % f"? {'k' * 2000}\n  : 1", "6:33: unknown key `kkk"),
        (RULE % 'category: !!int ""', "6:41: `` is no int"),
        (RULE % "category: !!bool maybe", "6:41: `maybe` is no bool"),
        (RULE % "category: 2026-13-45", "6:41: `2026-13-45` is no date"),
        # what would take time or room without end
        (RULE % f"when: {'{not: ' * 80}{{source: a}}{'}' * 80}", "more than 64 deep"),
        ("rules: &a\n- *a\n", "more than 64 deep, or a part of it holds itself"),
        ("a: &a {<<: *a}\n", "nested too deeply"),
        (f"rules: {'[' * 100_000}", "nested too deeply"),
        (f"rules: [{'x,' * 200_000}]", "more than 100000 values"),
        ("x" * 1_048_577, "1:1: the file has more than 1048576 characters"),
        (RULE % f"rationale: '{'x' * 1_000_000}'", "6:42: rules.0.rationale: a text of at most"),
        (VALUES % ",".join(f"v{n}: x" for n in range(20_000)), "5:37: fit.0.values.v0: a number is needed"),
        (f"rules: [{{id: a, points: 1, on: [{'x,' * 101}]}}]", "at most 100 entries may stand here"),
        (f"categories: {{{','.join(f'c{n}: {{}}' for n in range(101))}}}", "categories: at most 100 entries"),
        (RULES % "".join(f"{{id: r{n}, points: 1, on: t{n}}}, " for n in range(501)), "1001 types of"),
        (f"rules: [{MATCHING}]", "101 expressions (`matches`) are more than 100"),
        (WHEN % ("{matches: '" + r"(\pL{50}){10}" * 15 + "'}"), "6:56: no regular expression of RE2"),
    ],
)  # fmt: skip
def test_what_is_hostile_is_refused_in_few_lines(text: str, reason: str) -> None:
    text = HEAD + text if text.startswith(("rules:", "fit:", "categories:")) else text
    with pytest.raises(ModelError) as caught:
        checked(read_document(text, "m.yaml"))
    lines = str(caught.value).splitlines()
    assert any(reason in line for line in lines)
    assert len(lines) <= 51
    assert max(map(len, lines)) <= 1000


def test_an_anchor_may_be_set_anew() -> None:
    parts = (
        "rules:\n- {id: a, on: b, points: &n 1}\n- {id: c, on: b, points: &n 2}\n- {id: d, on: b, points: *n}"
    )
    found = loaded(HEAD + parts)
    assert found is not None
    assert found[1].rules[2].points == 2


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "/dev/full/x"])
def test_names_of_files_that_none_can_have(tmp_path: Path, name: str) -> None:
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text(json.dumps([{"tenant": "a", "model": name}]))
    with pytest.raises(ModelError, match=r"tenants\.yaml:1:"):
        load_catalog("concept", tenants)
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"rules: !include {json.dumps(name)}\n")
    with pytest.raises(ModelError, match=r"rules\.yaml:1:8: "):
        load_catalog(str(rules))
    with pytest.raises(ModelError):
        load_catalog(name)


def test_no_more_of_a_file_is_read_than_may_be(tmp_path: Path) -> None:
    endless = tmp_path / "endless.yaml"
    with endless.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="has more than 1048576 characters"):
        load_catalog(str(endless))
