"""Findings of lint: each with its place and remedy; and files in which there is nothing to find."""

import pytest

from leadstream.models.catalog import checked, load_document, preset_names
from leadstream.models.document import read_document
from leadstream.models.lint import Finding, lint
from leadstream.models.reach import greatest_total
from tests.models.marked import MARK

FILE = """\
name: m
version: "1"
half_life: 14d
categories:
  intent: {cap: 30}
  fit: {cap: 20, decay: none}
  trouble: {cap: 10, sign: negative}
rules:
  - {id: demo, on: demo.requested, points: 30, category: intent}
  - {id: page, on: page.viewed, points: 5, category: intent}
  - {id: bounce, on: email.bounced, points: -10, category: trouble}
  - {id: once, on: trial.started, points: 10, repeat: {factors: [1, 0.5, 0]}}
fit:
  - {id: size, fact: company_size, ranges: [{from: 50, points: 20}], category: fit}
thresholds:
  - {at: 40}
  - {at: 65}
bands:
  - {name: cold, from: 0, to: 39}
  - {name: warm, from: 40}
  - {name: hot, from: 65}
stages:
  - {name: early, from: 0}
  - {name: late, from: 40}
actions:
  - {do: mail, at: 40, channel: email}
  - {do: call, when: {band: hot}, channel: phone}
"""
MORE = FILE.replace("actions:\n", "actions:\n  - {do: note, when: {rule: demo}, channel: crm}\n")


def findings(text: str) -> list[Finding]:
    document = read_document(text, "m.yaml")
    return lint(document, checked(document))


@pytest.mark.parametrize("text", [FILE, MORE])
def test_a_file_with_nothing_to_find(text: str) -> None:
    # 30 + 20 + 15 = 65 is just enough for the last threshold.
    assert findings(text) == []


FOUND = [
    (
        "points: 30, category: intent",
        "points: ¦35, category: intent",
        "`demo` gives 35 points, but `intent` is capped at 30: 5 of them can never count",
        "give at most 30",
    ),
    (
        "points: -10, category: trouble",
        "points: ¦-12, category: trouble",
        "`bounce` gives -12 points, but `trouble` is capped at 10: 2 of them can never count",
        "give at most 10",
    ),
    (
        "{id: size, fact: company_size, ranges: [{from: 50, points: 20}]",
        "¦{id: size, fact: company_size, ranges: [{from: 50, points: 21}]",
        "`size` gives 21 points",
        "raise the cap",
    ),
    (
        "  - {at: 65}\n",
        "  - {at: 65}\n  - {at: ¦65.1}\n",
        "no lead can reach threshold 65.1: the greatest total is 65 (intent 30, fit 20, rest 15)",
        "lower it",
    ),
    (
        "{name: hot, from: 65}",
        "{name: hot, from: ¦66}",
        "no lead can reach band `hot`: the greatest total is 65",
        "lower it",
    ),
    (
        "{name: late, from: 40}",
        "{name: late, from: ¦80}",
        "no lead can reach stage `late`: the greatest total is 65",
        "lower it",
    ),
    (
        "{name: early, from: 0}\n  - {name: late, from: 40}",
        "¦{name: early}",
        "no lead can reach stage `early`: no rule speaks for it",
        "give a rule this `stage`",
    ),
    (
        "{name: cold, from: 0, to: 39}",
        "{name: cold, from: 0, to: ¦30}",
        "between 30 and 40 is a gap: such totals are in `cold`",
        "write `to: 40`",
    ),
    (
        "{name: cold, from: 0, to: 39}",
        "{name: cold, from: 0, to: ¦39.5}",
        "between 39.5 and 40 is a gap",
        "write `to: 40`",
    ),
    (
        "{name: cold, from: 0, to: 39}",
        "{name: cold, from: 0, to: ¦45}",
        "`cold` and `warm` overlap: totals from 40 are in `warm`",
        "write `to: 40`",
    ),
    (
        "{name: hot, from: 65}",
        "{name: hot, from: 65, to: ¦90}",
        "above 90 is a gap: such totals are in `hot`, the last band",
        "leave `to` out",
    ),
    (
        "{do: call, when: {band: hot}, channel: phone}",
        "¦{do: call, at: 40, channel: email}",
        "action `call` goes out on channel `email` together with `mail` at 40",
        "keep one",
    ),
    (
        "{do: call, when: {band: hot}, channel: phone}",
        "¦{do: call, when: {band: warm}, channel: email}",
        "action `call` goes out on channel `email` together with `mail` when the total rises to 40",
        "keep one",
    ),
    (
        "{do: call, when: {band: hot}, channel: phone}",
        "¦{do: mail, when: {stage: late, was: early}, channel: post}",
        "action `mail` is asked for twice when the total rises to 40",
        "leave one of the two out",
    ),
    (
        "{do: call, when: {band: hot}, channel: phone}",
        "{do: call, when: ¦{band: cold}, channel: phone}",
        "action `call` waits for a rise into `cold`, below which there is no band",
        "`was`",
    ),
]


@pytest.mark.requirement("S4-21")
@pytest.mark.parametrize(("old", "new", "message", "remedy"), FOUND)
def test_a_finding_has_its_place_and_a_remedy(old: str, new: str, message: str, remedy: str) -> None:
    assert FILE.count(old) == 1
    before, mark, after = FILE.replace(old, new).partition(MARK)
    assert mark
    (found,) = findings(before + after)
    assert (found.place.line, found.place.column) == (
        before.count("\n") + 1,
        len(before) - before.rfind("\n"),
    )
    assert message in found.message
    assert remedy in found.remedy
    assert str(found).startswith(f"m.yaml:{found.place.line}:{found.place.column}: warning: {message[:20]}")


@pytest.mark.requirement("S4-21")
@pytest.mark.parametrize(
    ("actions", "messages"),
    [
        # One trigger, one channel; one trigger, one thing to do; two triggers that come about together.
        (
            ["{do: a, at: 40, channel: email}", "{do: b, at: 40, channel: email}"],
            ["action `b` goes out on channel `email` together with `a` at 40"],
        ),
        (
            ["{do: a, when: {rule: demo}, channel: web}", "{do: b, when: {rule: demo}, channel: web}"],
            ["action `b` goes out on channel `web` together with `a` at rule `demo`"],
        ),
        (
            ["{do: a, at: 40, channel: email}", "{do: a, when: {band: warm}, channel: phone}"],
            ["action `a` is asked for twice when the total rises to 40"],
        ),
        (
            [
                "{do: a, when: {band: hot}, channel: fax}",
                "{do: b, when: {band: hot, was: warm}, channel: fax}",
            ],
            ["action `b` goes out on channel `fax` together with `a` at band `hot`"],
        ),
        (
            [f"{{do: {name}, at: 65, channel: email}}" for name in "abc"],
            [
                "action `b` goes out on channel `email` together with `a` at 65",
                "action `c` goes out on channel `email` together with `a`, `b` at 65",
            ],
        ),
        (["{do: a, at: 40, channel: email}", "{do: a, at: 65, channel: email}"], []),
        (["{do: a, at: 40, channel: email}", "{do: b, at: 40, channel: phone}"], []),
    ],
)
def test_conflicting_triggers_are_found_and_nothing_else(actions: list[str], messages: list[str]) -> None:
    head = FILE.partition("actions:\n")[0]
    text = f"{head}actions:\n{''.join(f'  - {action}{chr(10)}' for action in actions)}"
    assert [finding.message for finding in findings(text)] == messages


CALL = "{do: call, when: {band: hot}, channel: phone}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("to: 39}", "to: 40}"),
        (CALL, "{do: call, when: {band: hot}, channel: email}"),
        # From above it comes at another moment than the threshold's crossing.
        (CALL, "{do: call, when: {band: warm, was: hot}, channel: email}"),
        (CALL, "{do: call, when: {band: cold, was: warm}, channel: email}"),
    ],
)
def test_what_is_no_finding(old: str, new: str) -> None:
    assert FILE.count(old) == 1
    assert findings(FILE.replace(old, new)) == []


def test_points_beyond_a_cap_count_where_others_pull_the_other_way() -> None:
    beyond = FILE.replace("points: 30, category: intent", "points: 35, category: intent")
    assert len(findings(beyond)) == 1
    assert findings(beyond.replace("points: 5, category: intent", "points: -5, category: intent")) == []


EITHER, OR_ELSE = "{any: [{source: x}, {data.y: 1}]}", "{any: [{data.y: 1}, {source: x}]}"
GROUPED = """\
name: m
version: "1"
half_life: 14d
bands: [{name: all, from: 0}]
rules:
"""


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        ("on: [a, b]", "on: a, when: {data.x: 1}", True),
        ("on: a, when: {data.x: 1}", "on: a, when: {data.x: 1}", True),
        ("on: a, when: {data.x: 1}", "on: a, when: {data.y: 2, data.x: 1}", True),
        ("on: a, when: {data.x: 1}", "on: a, when: {all: [{data.x: 1}, {data.y: 1}]}", True),
        (f"on: a, when: {EITHER}", f"on: a, when: {OR_ELSE}", True),
        ("on: a, when: {not: {source: x}}", "on: a, when: {data.y: 1, not: {source: x}}", True),
        ("on: a, when: {data.x: 1}", "on: a", False),
        ("on: a, when: {data.x: 1}", "on: a, when: {data.x: 2}", False),
        ("on: a", "on: [a, b]", False),
        ("on: a", "on: b", False),
        ("on: a, after: {rule: other, within: 1d}", "on: a", False),
        ("on: a, after: {rule: other, within: 1d}", "on: a, after: {rule: other, within: 1d}", True),
    ],
)  # fmt: skip
def test_a_rule_of_a_group_that_another_takes_everything_from(
    first: str, second: str, shadowed: bool
) -> None:
    rules = (
        f"  - {{id: other, on: z, points: 1}}\n  - {{id: one, {first}, points: 1, group: g}}\n"
        f"  - {{id: two, {second}, points: 2, group: g}}\n"
    )
    found = findings(GROUPED + rules)
    if not shadowed:
        assert found == []
        return
    (one,) = found
    assert one.place.line == 8
    assert one.message.startswith("rule `two` scores nothing: of group `g` the earlier `one` matches")


def test_several_earlier_rules_of_a_group_may_shadow_one_together() -> None:
    rules = (
        "  - {id: one, on: a, points: 1, group: g}\n  - {id: two, on: b, points: 1, group: g}\n"
        "  - {id: three, on: [a, b], points: 1, group: g}\n  - {id: four, on: [a, c], points: 1, group: g}\n"
    )
    (found,) = findings(GROUPED + rules)
    assert "rule `three` scores nothing: of group `g` the earlier `one`, `two` matches" in found.message


def test_points_by_value_take_only_the_values_that_are_listed() -> None:
    def rules(by: str) -> str:
        return (
            f"  - {{id: one, on: a, by: {{field: data.x, {by}}}, group: g}}\n"
            "  - {id: two, on: a, by: {field: data.x, points: {p: 1}}, group: g}\n"
        )

    assert findings(GROUPED + rules("points: {q: 1}")) == []
    assert len(findings(GROUPED + rules("points: {q: 1, p: 1}"))) == 1
    assert len(findings(GROUPED + rules("points: {q: 1}, default: q"))) == 1


def test_stages_by_rules_that_no_rule_speaks_for() -> None:
    stages = "stages: [{name: a}, {name: b}, {name: c}]\n"
    spoken = "  - {id: x, on: x, points: 1, stage: b}\n"
    (found,) = findings(GROUPED + spoken + stages)
    # A lead is in the first as soon as any rule speaks for a stage.
    assert "no lead can reach stage `c`" in found.message
    back = "actions: [{do: x, when: {stage: b, was: c}, channel: crm}]\n"
    found_back = findings(GROUPED + spoken + "  - {id: y, on: y, points: 1, stage: c}\n" + stages + back)
    assert "waits for a step back to `b`" in found_back[0].message


@pytest.mark.parametrize(
    ("rule", "greatest"),
    [
        ("points: 10", float("inf")),
        ("points: 10, decay: {linear: 30d}", float("inf")),
        ("points: 10, decay: none", float("inf")),
        ("points: -10", 0.0),
        ("points: 10, repeat: {factors: [1, 0]}", 10.0),
        ("points: 10, repeat: {factors: [0, 0.5, 1, 0]}", 15.0),
        ("points: 10, repeat: {factors: [1, 0], within: 30d}", float("inf")),
        ("points: 10, repeat: {factors: [1, 0.1]}", float("inf")),
        ("points: 10, repeat: {factors: [0], within: 30d}", 0.0),
        ("by: {field: data.x, points: {p: 5, q: 7, r: -1}}, repeat: {factors: [1, 1, 0]}", 14.0),
        ("points: 10, repeat: {factors: [1, 0]}, recency: [{to: 24h, factor: 2}, {factor: 0.5}]", 20.0),
        ("points: 10, repeat: {factors: [1, 0]}, guards: {robots: 3}", 30.0),
    ],
)
def test_the_most_that_a_rule_can_add(rule: str, greatest: float) -> None:
    guards = "guards: [{id: robots, on: a, machine: true, weight: 0}]\n"
    document = read_document(f"{GROUPED}  - {{id: r, on: a, {rule}}}\n{guards}", "m.yaml")
    assert greatest_total(checked(document))[0] == greatest


@pytest.mark.parametrize(
    ("fit", "greatest"),
    [
        ("ranges: [{from: 0, points: -5}, {from: 10, points: 8}]", 8.0),
        ("values: {a: 3, b: 4}, other: 6", 6.0),
        ("values: {a: -3}", 0.0),
        ("keywords: {points: {a: 3, b: 4, c: -1}}", 4.0),
        ("keywords: {points: {a: 3, b: 4, c: -1}, take: sum}", 7.0),
        ("tiers: [{name: t, values: [a], points: 9}]", 9.0),
    ],
)
def test_the_most_that_a_fit_rule_can_add(fit: str, greatest: float) -> None:
    head = GROUPED.removesuffix("rules:\n")
    timers = "timers: [{id: t, inactivity: 30d, points: 2}]\n"
    document = read_document(f"{head}{timers}fit:\n  - {{id: f, fact: x, {fit}}}\n", "m.yaml")
    assert greatest_total(checked(document))[0] == greatest + 2


@pytest.mark.parametrize("name", preset_names())
def test_every_level_of_a_preset_can_be_reached(name: str) -> None:
    document = load_document(name)
    messages = [finding.message for finding in lint(document, checked(document))]
    assert [message for message in messages if "together with" not in message] == []


@pytest.mark.parametrize(
    ("guard", "named"),
    [
        ("on: email.opened, user_agents: [Barracuda, GoogleImageProxy]", ["GoogleImageProxy"]),
        ("on: email.opened, user_agents: [yahoo, YahooMailProxy/2]", ["yahoo", "YahooMailProxy/2"]),
        ("on: email.opened, user_agents: [Barracuda, Proxy, Link Preview]", []),
        # Of pages and clicks it flags what comes through a proxy.
        ("on: [email.opened, email.clicked], user_agents: [GoogleImageProxy]", []),
        ("on: page.viewed, user_agents: [GoogleImageProxy]", []),
        ("on: email.opened, machine: true", []),
    ],
)
def test_a_guard_on_opens_that_lists_an_image_proxy(guard: str, named: list[str]) -> None:
    text = f"{GROUPED}  - {{id: r, on: email.opened, points: 1}}\nguards: [{{id: g, {guard}}}]\n"
    found = [finding.message for finding in findings(text)]
    assert [message.split("`")[3] for message in found] == named
    assert all("does not flag opens through" in message for message in found)
