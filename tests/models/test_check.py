"""A rule file with all keys, and what its parts must not be to each other."""

import pytest

from leadstream.models import parse_rule_file
from tests.models.marked import assert_refused

GOOD = """\
name: m
version: "1"
half_life: 14d
categories:
  intent: {cap: 35, decay: {half_life: 7d}}
  size: {cap: 40}
  trouble: {cap: 30, sign: negative, decay: none}
rules:
  - id: pricing
    on: page.viewed
    when: {data.url: {url_path: [pricing]}}
    points: 10
    category: intent
    group: pages
    recency: [{to: 24h, factor: 2}, {to: 7d, factor: 1.5}, {factor: 0.5}]
    guards: {robots: 0.1}
    stage: aware
  - id: page
    on: page.viewed
    points: 1
    group: pages
    decay: {linear: 30d}
  - id: demo
    on: demo.requested
    after: {rule: pricing, within: 7d}
    points: 20
    decay: {inactivity_step: {percent: 5, every: 30d}}
    stage: decided
  - id: bounce
    on: email.bounced
    points: -5
    category: trouble
    effect: [points, suppress]
    channel: email
fit:
  - {id: people, fact: size, ranges: [{from: 51, points: 10}, {from: 201, points: 15}], category: size}
  - {id: country, fact: country, tiers: [{name: near, values: [DE, AT], points: 5}], other: 1, category: size}
  - {id: title, fact: title, keywords: {points: {cto: 10, vice president: 8}}, decay: {half_life: 90d}}
thresholds:
  - {at: 50, cooldown: 7d}
bands:
  - {name: cold, from: 0, to: 50}
  - {name: hot, from: 50}
stages:
  - {name: aware}
  - {name: decided}
timers:
  - {id: idle, inactivity: 90d, points: -10, category: trouble}
  - {id: silent, absence: {of: email.replied, within: 7d, band: hot}}
spikes:
  - {id: burst, rules: [pricing, page], count: 5, within: 1h}
guards:
  - {id: robots, on: page.viewed, crawlers: true}
  - {id: fast, on: page.viewed, burst: {more_than: 5, within: 10s}, weight: 0.5}
actions:
  - {do: call, at: 50, channel: phone, requires: [phone, consent]}
  - {do: mail, when: {band: hot, was: cold}, channel: email}
  - {do: nurture, when: {timer: silent}, channel: email}
  - do: visit
    when: {stage: decided}
    channel: phone
    hours: {days: [mon, tue], from: "09:00", to: "17:00", holidays: ["2026-12-25"], outside: skip}
    assign: {owners: [ann, bob]}
  - {do: look, when: {spike: burst}, channel: crm}
  - {do: note, when: {rule: demo}, channel: crm}
"""

SCORING = "    points: -5\n    category: trouble\n    effect: [points, suppress]"

WRONG = [
    # references
    ("category: intent", "category: ¦intend", "no category is called `intend` (did you mean `intent`?)"),
    ("other: 1, category: size", "other: 1, category: ¦sise", "(did you mean `size`?)"),
    ("points: -10, category: trouble", "points: -10, category: ¦none", "no category is called `none`"),
    ("{robots: 0.1}", "{robot: ¦0.1}", "no guard is called `robot` (did you mean `robots`?)"),
    ("stage: aware\n", "stage: ¦awar\n", "no stage is called `awar` (did you mean `aware`?)"),
    ("{rule: pricing,", "{rule: ¦prizing,", "no rule is called `prizing` (did you mean `pricing`?)"),
    ("{rule: pricing,", "{rule: ¦demo,", "rule `demo` comes after itself"),
    ("band: hot}}", "band: ¦hott}}", "no band is called `hott` (did you mean `hot`?)"),
    ("band: hot}}", "stage: ¦hot}}", "no stage is called `hot`"),
    ("band: hot}}", "rule: ¦silent}}", "no rule is called `silent`"),
    ("[pricing, page]", "[pricing, ¦pages]", "no rule is called `pages` (did you mean `page`?)"),
    ("[pricing, page]", "[¦bounce]", "rule `bounce` has no positive points"),
    ("[pricing, page]", "[page, ¦page]", "the rule `page` stands here a second time"),
    ("{band: hot, was: cold}", "{band: hot, was: ¦cool}", "no band is called `cool` (did you mean `cold`?)"),
    ("{band: hot, was: cold}", "{band: hot, was: ¦hot}", "the lead can't come into `hot` from there"),
    ("{band: hot, was: cold}", "{timer: idle, was: ¦cold}", "`was` stands beside `band` or `stage`"),
    ("{timer: silent}", "{timer: ¦burst}", "no timer is called `burst` (known: idle, silent)"),
    ("{spike: burst}", "{spike: ¦idle}", "no spike is called `idle`"),
    ("{rule: demo}", "{rule: ¦demos}", "no rule is called `demos` (did you mean `demo`?)"),
    ("{stage: decided}", "{stage: ¦undecided}", "no stage is called `undecided`"),
    # exactly one of some keys
    ("decay: {linear: 30d}", "decay: ¦{}", "one of `half_life`, `linear`, `inactivity_step` is needed here"),
    ("decay: {linear: 30d}", "decay: {half_life: 1d, ¦linear: 1d}", "`half_life` and `linear`: one of them"),
    ("decay: {half_life: 7d}}", "decay: {half_life: 7d, ¦linear: 7d}}", "one of them"),
    ("title, keywords", "title, values: {cmo: 1}, ¦keywords", "`values` and `keywords`: one of them"),
    ("{id: title, fact: title, keywords: {points: {cto: 10, vice president: 8}}", "¦{id: t, fact: t", "one"),
    ("crawlers: true}", "crawlers: true, ¦machine: true}", "`crawlers` and `machine`: one of them"),
    ("{id: robots, on: page.viewed, crawlers: true}", "¦{id: robots, on: page.viewed}", "one of `crawlers`"),
    ("{id: idle, inactivity: 90d, points: -10, category: trouble}", "¦{id: idle}", "one of `inactivity`"),
    ("band: hot}}", "band: hot, ¦rule: page}}", "`band` and `rule`: one of them"),
    ("{of: email.replied, within: 7d, band: hot}", "¦{of: a, within: 7d}", "one of `band`, `stage`, `rule`"),
    ("count: 5, within", "count: 5, ¦points: 9, within", "`count` and `points`: one of them"),
    ("when: {timer: silent}", "when: {timer: silent, ¦rule: page}", "`timer` and `rule`: one of them"),
    ("{do: call, at: 50,", "{do: call, at: 50, ¦when: {rule: page},", "`at` and `when`: one of them"),
    ("{do: call, at: 50,", "¦{do: call,", "one of `at`, `when` is needed here"),
    ("when: {timer: silent}", "when: ¦{}", "one of `band`, `stage`, `spike`, `timer`, `rule` is needed here"),
    ("\nrules:\n", "\n¦dimensions: {size: {cap: 1}}\nrules:\n", "`categories` and `dimensions`: one of them"),
    # ages, ranges, levels
    ("factor: 2}, {to: 7d,", "factor: 2}, {to: ¦24h,", "ages ascend"),
    ("{to: 7d, factor: 1.5}, {factor: 0.5}]", "¦{to: 7d, factor: 1.5}]", "the last has none"),
    ("{to: 7d, factor: 1.5}", "¦{factor: 1.5}", "each step but the last has a `to`"),
    ("category: trouble\n", "recency: ¦[{factor: 1}]\n", "`recency` is for points that are not negative"),
    ("{from: 201, points: 15}", "{from: ¦51, points: 15}", "ranges ascend: 51 stands after 51"),
    ("{from: 201, points: 15}]", "{from: 201, points: ¦x}]", "a number is needed here"),
    ("from: 0, to: 50}", "from: 0, to: ¦0}", "`to` is above `from`: 0 is not"),
    ("{name: decided}", "{name: decided}\n  - {name: ¦aware}", "the stage `aware` stands here a second time"),
    # what belongs to what
    ("points: 20\n", "points: 20\n    category: ¦trouble\n", "category `trouble` is negative"),
    ("points: -10, category: trouble", "points: 10, category: ¦trouble", "no points in it are positive"),
    ("points: 15}], category: size", "points: 15}], category: ¦trouble", "no points in it are positive"),
    ("within: 7d, band: hot}}", "within: 7d, band: hot}, points: ¦5}", "only inactivity has points"),
    ("points: -10, category: trouble", "category: ¦trouble", "timer `idle` has a `category` but no points"),
    (SCORING, "    category: ¦trouble\n    effect: suppress", "has `category` but no points"),
    (SCORING, "    stage: ¦aware\n    effect: suppress", "has `stage` but no points"),
    (SCORING, "    after: ¦{rule: page, within: 1d}\n    effect: suppress", "has `after` but no points"),
    ("decay: {half_life: 90d}}", "decay: ¦{linear: 90d}}", "fades by a `half_life` or not at all"),
    ("{cto: 10,", "{¦'--': 10,", "`--` has no word"),
    ("[DE, AT]", "[DE, ¦de]", "the value `de` stands here a second time"),
    ("{id: country, fact: country, tiers: [{name: near", "¦{id: c, fact: c, tiers: [{name: other", "`other`"),
    ("{id: people, fact: size, ranges: [{", "¦{id: p, fact: size, ranges: [{name: 201+, ", "`201+`"),
    # ids
    ("{id: people", "{id: ¦demo", "the id `demo` stands here a second time"),
    ("{id: idle", "{id: ¦title", "the id `title` stands here a second time"),
    ("{id: title", "{id: ¦cap", "`cap` is the factor of what a cap takes away"),
    ("{id: country", "{id: ¦score.bumped", "take another id"),
    ("{id: fast", "{id: ¦robots", "the guard `robots` stands here a second time"),
    ("count: 5, within: 1h}\n", "count: 5, within: 1h}\n  - {id: ¦burst, count: 6, within: 1h}\n", "spike"),
    # guards, actions
    ("crawlers: true}", "user_agents: [bot, ¦'']}", "every user agent holds an empty text"),
    ("[phone, consent]", "[phone, ¦phone]", "the requirement `phone` stands here a second time"),
    ('to: "17:00"', 'to: ¦"08:30"', "`to` comes after `from`: 08:30 is not after 09:00"),
    ('to: "17:00"', 'to: ¦"25:00"', 'written in quotes with two digits each, such as "09:00", not `25:00`'),
    ('from: "09:00", to: "17:00"', 'from: ¦"18:00"', "`to` comes after `from`"),
    ('["2026-12-25"]', '["2026-12-25", ¦"2026-02-30"]', "there is no day 2026-02-30"),
    ("[mon, tue]", "[mon, ¦mon]", "the day `mon` stands here a second time"),
    ("[mon, tue]", "[mon, ¦tues]", "`sat`, `sun` is needed here (did you mean `tue`?)"),
    ("{do: nurture, when: {timer: silent}", "{do: mail, when: ¦{band: hot, was: cold}", "asked for twice"),
    ("{do: look, when: {spike: burst}", "{do: look, when: {rule: ¦idle}", "no rule is called `idle`"),
]  # fmt: skip


@pytest.mark.requirement("S3-25")
def test_a_file_with_all_keys_is_read() -> None:
    file = parse_rule_file(GOOD, "m.yaml")
    assert [len(part) for part in (file.parts, file.rules, file.fit, file.timers, file.guards)] == [
        3,
        4,
        3,
        2,
        2,
    ]


@pytest.mark.parametrize(("old", "new", "reason"), WRONG)
def test_a_contradiction_is_refused_where_it_stands(old: str, new: str, reason: str) -> None:
    assert GOOD.count(old) == 1
    assert_refused(GOOD.replace(old, new), reason)


HEAD = 'name: m\nversion: "1"\nhalf_life: 1d\nbands: [{name: all, from: 0}]\n'


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        ("[{name: a, from: 0}, ¦{name: b}]", "all stages have a `from`, or none has one"),
        ("[{name: a, from: ¦5}, {name: b, from: 10}]", "the first stage begins at 0"),
        ("[{name: a, from: 0}, {name: b, from: ¦0}]", "stages ascend: 0 stands after 0"),
    ],
)
def test_stages_by_the_total_are_like_bands(stages: str, reason: str) -> None:
    assert_refused(f"{HEAD}rules: [{{id: a, on: b, points: 1}}]\nstages: {stages}\n", reason)


def test_a_rule_has_no_stage_where_stages_go_by_the_total() -> None:
    rules = "rules: [{id: a, on: b, points: 1, stage: ¦s}]\n"
    assert_refused(f"{HEAD}stages: [{{name: s, from: 0}}]\n{rules}", "but stages go by the total")


def test_a_spike_without_rules_needs_positive_points_somewhere() -> None:
    spikes = "spikes:\n  - ¦{id: s, count: 2, within: 1h}\n"
    assert_refused(f"{HEAD}rules: [{{id: a, on: b, points: -1}}]\n{spikes}", "no rule has positive points")
