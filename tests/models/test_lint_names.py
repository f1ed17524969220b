"""Names that are nearly documented ones, values that a table lacks, occurrences beyond a cap."""

import pytest

from leadstream.models import load_catalog, preset_names
from leadstream.models.catalog import checked, load_document
from leadstream.models.document import read_document
from leadstream.models.lint import lint
from leadstream.models.lint_names import CHANNELS
from leadstream.records.slips import nearest
from leadstream.records.types import FACTS, SIGNAL_TYPES
from tests.models.marked import MARK

HEAD = 'name: m\nversion: "1"\nhalf_life: 14d\nbands: [{name: all, from: 0}]\n'


def found(text: str) -> list[tuple[int, int, str]]:
    document = read_document(HEAD + text, "m.yaml")
    return [(one.place.line, one.place.column, one.message) for one in lint(document, checked(document))]


def rule(text: str) -> str:
    return f"rules:\n  - {{id: r, points: 1, {text}}}\n"


FOUND = [
    (rule("on: ¦page.viewd"), "type `page.viewd` is not a documented one (did you mean `page.viewed`?"),
    (rule("on: [email.opened, ¦email.open]"), "(did you mean `email.opened`?)"),
    (rule("on: ¦PageViewed"), "type `PageViewed` is not a documented one (did you mean `page.viewed`?"),
    (rule("on: ¦form_submitted"), "did you mean `form.submitted`?"),
    (rule("on: ¦form.submit"), "did you mean `form.submitted`?"),
    (rule("on: ¦resource.downlaoded"), "did you mean `resource.downloaded`?"),
    (rule("on: ¦email.unsubcribed"), "did you mean `email.unsubscribed`?"),
    (rule("on: page.viewed, when: {data.ulr: ¦{contains: x}}"), "`data.ulr` (did you mean `data.url`?"),
    (rule("on: page.viewed, when: {data.userAgent: ¦{contains: x}}"), "did you mean `data.user_agent`?"),
    (rule("on: page.viewed, when: {not: {any: [{data.second: ¦{gt: 5}}]}}"), "did you mean `data.seconds`?"),
    (rule("on: page.viewed, when: {data.sentiment: ¦positive}"), "`page.viewed` is not documented to have"),
    (rule("on: email.replied, when: {data.sentiment: ¦postive}"), "did you mean `positive`?"),
    (rule("on: email.bounced, when: {data.kind: {in: [hard, ¦Soft]}}"), "did you mean `soft`?"),
    (rule("on: resource.downloaded, when: {not: {data.kind: {not: ¦case-study}}}"), "mean `case_study`?"),
    (
        "rules:\n  - {id: r, on: resource.downloaded, by: ¦"
        "{field: data.kind, points: {ebook: 1, whitepaper: 2}}}\n",
        "rule `r` does not match `case_study` of `data.kind`, and has no `default`",
    ),
    (
        "rules:\n  - {id: r, on: email.replied, by: {field: data.sentiment, points: {a: 2, neutrl: ¦1}, "
        "default: a}}\n",
        "did you mean `neutral`?",
    ),
    (
        "rules:\n  - {id: r, on: page.viewed, by: {field: ¦data.tile, points: {a: 2}}}\n",
        "`data.tile` (did you mean `data.title`?",
    ),
    ("fit:\n  - {id: f, fact: ¦compnay_size, values: {a: 1}}\n", "did you mean `company_size`?"),
    ("fit:\n  - {id: f, fact: ¦companySize, values: {a: 1}}\n", "did you mean `company_size`?"),
    ("fit:\n  - {id: f, fact: ¦titel, values: {a: 1}}\n", "`titel` is not a documented one"),
    (
        rule("on: a") + "actions: [{do: x, when: {rule: r}, channel: ¦emial}]\n",
        "channel `emial` is not a known one (did you mean `email`?",
    ),
    (rule("on: a") + "actions: [{do: x, when: {rule: r}, channel: ¦Phone}]\n", "did you mean `phone`?"),
    (
        rule("on: a") + "actions: [{do: x, when: {rule: r}, channel: crm, payload: {c: {fact: ¦contry}}}]\n",
        "fact `contry` is not a documented one (did you mean `country`?",
    ),
    ("rules:\n  - {id: r, on: a, effect: suppress, channel: ¦e-mail}\n", "did you mean `email`?"),
    (
        rule("on: a") + "actions: [{do: x, when: {rule: r}, channel: ¦telegram}]\n",
        "channel `telegram` is not a known one: it counts as outreach",
    ),
    (
        "internal_channels: [slack]\n" + rule("on: a")
        + "actions: [{do: x, when: {rule: r}, channel: ¦slack2}]\n",
        "channel `slack2` is not a known one: it counts as outreach",
    ),
    (
        "rules:\n  - {id: r, on: a, effect: suppress, channel: ¦telegram}\n",
        "channel `telegram` is not a known one: it counts as outreach",
    ),
    (
        "fit:\n  - {id: f, fact: ¦consent.telegram, values: {given: 1}}\n",
        "channel `telegram` is not a known one: it counts as outreach",
    ),
    ("fit:\n  - {id: f, fact: ¦consent.trackin, values: {given: 1}}\n", "did you mean `tracking`?"),
    (
        rule("on: a") + "actions: [{do: x, when: {rule: r}, payload: {c: {fact: ¦consent.telegram}}}]\n",
        "channel `telegram` is not a known one",
    ),
    (rule("on: consent.changed, when: {data.channel: ¦telegram}"), "channel `telegram` is not a known one"),
    (
        "rules:\n  - {id: r, on: consent.changed, by: {field: data.kind, points: "
        "{tracking: 2, telegram: ¦1}}}\n",
        "channel `telegram` is not a known one",
    ),
    (rule("on: a") + "guards: [{id: g, on: ¦email.clickd, machine: true}]\n", "mean `email.clicked`?"),
    (
        rule("on: a") + "timers: [{id: t, absence: {of: ¦email.reply, within: 7d, band: all}}]\n",
        "did you mean `email.replied`?",
    ),
    (
        "categories: {c: {cap: 30}}\nrules:\n  - {id: r, on: a, points: ¦20, category: c, "
        "repeat: {factors: [1, 2], within: 1d}}\n",
        "`r` gives 40 points, but `c` is capped at 30",
    ),
    (
        "categories: {c: {cap: 30}}\nrules:\n  - {id: r, on: a, points: ¦20, category: c, "
        "recency: [{to: 1d, factor: 2}, {factor: 0.5}]}\n",
        "`r` gives 40 points",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), FOUND)
def test_what_looks_like_a_slip_is_found_where_it_stands(text: str, message: str) -> None:
    before, mark, _ = (HEAD + text).partition(MARK)
    assert mark
    ((line, column, said),) = found(text.replace(MARK, ""))
    assert message in said
    assert (line, column) == (before.count("\n") + 1, len(before) - before.rfind("\n"))


@pytest.mark.parametrize(
    "text",
    [
        rule("on: webinar.joined"),
        rule("on: page.scored"),
        rule("on: lead.rated"),
        rule("on: page.viewed, when: {data.utm_campaign: x}"),
        rule("on: page.viewd2, when: {data.ulr: x}"),
        rule("on: form.submitted, when: {data.answers.budgt: x}"),
        rule("on: lead.updated, when: {data.ulr: x}"),
        rule("on: ad.clicked, when: {data.kind: x}"),
        rule("on: page.viewed, when: {data.kind: x, data.channel: y}"),
        rule("on: page.viewed, when: {source: web}"),
        rule("on: form.submitted, when: {data.channel: partner}"),
        "rules:\n  - {id: r, on: email.replied, by: {field: data.sentiment, points: {p: 1}, default: p}}\n",
        "rules:\n  - {id: r, on: form.submitted, by: {field: [data.channel, source], points: {p: 1}}}\n",
        "rules:\n  - {id: r, on: form.submitted, by: {field: data.channel, points: {partner: 1}}}\n",
        "fit:\n  - {id: f, fact: job_level, values: {a: 1}}\n",
        rule("on: a") + "actions: [{do: x, when: {rule: r}, channel: post}]\n",
        "internal_channels: [Slack, emails]\n"
        + rule("on: a")
        + "actions: [{do: x, when: {rule: r}, channel: slack}, {do: y, when: {rule: r}, channel: emails}]\n",
        "rules:\n  - {id: r, on: a, effect: suppress, channel: all}\n",
        "fit:\n  - {id: f, fact: consent.tracking, values: {given: 1}}\n",
        "fit:\n  - {id: f, fact: consent.whatsapp, values: {given: 1}}\n",
        rule("on: consent.changed, when: {data.channel: linkedin}"),
        # The channel of a form is no channel of outreach.
        rule("on: form.submitted, when: {data.channel: telegram}"),
        "categories: {c: {cap: 30}}\nrules:\n  - {id: r, on: a, points: 20, category: c, "
        "repeat: {factors: [1, 1.5], within: 1d}}\n",
    ],
)
def test_what_is_of_ones_own_is_no_finding(text: str) -> None:
    assert [message for _, _, message in found(text)] == []


def test_no_documented_name_is_taken_for_another_one() -> None:
    for known in (SIGNAL_TYPES, FACTS, CHANNELS):
        assert [name for name in known if nearest(name, known) is not None] == []


@pytest.mark.parametrize("name", preset_names())
def test_lint_finds_nothing_in_a_preset(name: str) -> None:
    document = load_document(name)
    assert [str(finding) for finding in lint(document, checked(document))] == []


def test_the_presets_keep_their_fingerprints() -> None:
    assert {name: load_catalog(name).default.fingerprint for name in preset_names()} == {
        "tenx": "f7e8dbaccc2d8e56",
        "factors-v1": "b6582621e6783c07",
        "basic-l1": "d56fd03e9fb79ca2",
        "advanced-l2": "a06d23cdd88625a9",
        "dimensions": "c66eab4044e6fd91",
        "governed": "9c35e10ae3306243",
        "concept": "cb8b8ceee7013c01",
    }
