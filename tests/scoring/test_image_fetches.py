"""Opens that a mail service fetched: for a person who reads, or before anybody does."""

from importlib.metadata import version
from typing import Any

import pytest

from leadstream.models import load_catalog
from leadstream.models.catalog import preset_names
from leadstream.scoring.compiled.crawlers import LIST_VERSION, is_crawler
from leadstream.scoring.compiled.image_fetches import is_image_proxy, is_prefetch
from leadstream.scoring.partition.rows import DATA_VERSIONS
from tests.scoring.folding import HOUR, T0, Log, Result, model_of, run

GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
APPLE = "Mozilla/5.0"
GMAIL_AHEAD = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
PERSONS = [GMAIL, GMAIL.upper(), YAHOO, "YahooCacheSystem; YahooWebServiceClient", "FastmailUA/1.0",
           "Shortwave Image Fetcher"]  # fmt: skip
MACHINES = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; Yahoo Link Preview; https://help.yahoo.com/kb/mail/yahoo-link-preview-SLN23615.html)",
    "Slack-ImgProxy (+https://api.slack.com/robots)", "facebookexternalhit/1.1", "ChatGPT-User/1.0",
    "github-camo (c006e452)",
]  # fmt: skip
GUARDED = """
name: guarded
version: "1"
half_life: none
rules:
  - {id: open, on: email.opened, points: 2, guards: {listed: 0.5, told: 0.5}}
  - {id: page, on: page.viewed, points: 3}
guards:
  - {id: listed, on: [email.opened, page.viewed], crawlers: true, weight: 0.5}
  - {id: told, on: email.opened, machine: true, weight: 0.5}
bands: [{name: all, from: 0}]
"""


def told(agent: Any, kind: str = "email.opened", text: str = GUARDED, **data: Any) -> Result:
    return run(Log().add(kind, T0, data={"user_agent": agent, **data}), model_of(text))


@pytest.mark.parametrize("agent", PERSONS)
def test_an_open_through_an_image_proxy_is_a_persons(agent: str) -> None:
    result = told(agent)
    assert (result.history[0].flags, result.history[0].points) == ((), 2)
    assert result.snapshot().last_activity == T0
    # Nobody views a page through it.
    assert told(agent, "page.viewed").history[0].flags == (("listed",) if is_crawler(agent) else ())


@pytest.mark.parametrize("agent", MACHINES)
def test_previews_and_assistants_stay_machines_also_in_opens(agent: str) -> None:
    assert told(agent).history[0].flags == ("listed",)
    assert not is_image_proxy(agent)


@pytest.mark.parametrize("agent", [APPLE, GMAIL_AHEAD, " Mozilla/5.0 "])
def test_an_open_before_anybody_reads_counts_nothing_whatever_the_guards_weigh(agent: str) -> None:
    result = told(agent)
    assert (result.history[0].outcome, result.history[0].flags) == ("flagged", ("prefetch",))
    assert (result.snapshot().total, result.snapshot().last_activity) == (0, None)
    # Of a page it says nothing.
    assert told(agent, "page.viewed").history[0].flags == ()


@pytest.mark.parametrize("agent", ["Mozilla/5.0 (Macintosh)", "mozilla/5.0", "Mozilla/5.00", "", None, 5])
def test_only_the_whole_user_agent_tells_a_prefetch(agent: Any) -> None:
    assert told(agent).history[0].flags == ()
    assert not is_prefetch(str(agent))


def test_what_the_mail_system_says_itself_is_flagged_beside() -> None:
    both = told(APPLE, machine=True)
    assert both.history[0].flags == ("told", "prefetch")
    assert both.snapshot().total == 0
    # SendGrid's sg_machine_open, carried as `machine`, with any user agent.
    assert told("Mozilla/5.0 (Macintosh)", machine=True).history[0].flags == ("told",)
    assert told(GMAIL, machine=True).history[0].flags == ("told",)


BARE, GUARDS = GUARDED.replace(", guards: {listed: 0.5, told: 0.5}", "").split("guards:\n")
BANDS = GUARDS.splitlines()[-1]


@pytest.mark.parametrize(
    "guards",
    [
        "",
        "guards: [{id: g, on: page.viewed, crawlers: true}]\n",
        "guards: [{id: g, on: b, machine: true}]\n",
        "guards: [{id: g, on: email.opened, user_agents: [Barracuda]}]\n",
        "guards: [{id: g, on: email.opened, after_send: 5s}]\n",
        "guards: [{id: g, on: email.opened, burst: {more_than: 10, within: 10s}}]\n",
    ],
)
@pytest.mark.parametrize("agent", [APPLE, GMAIL_AHEAD])
def test_an_open_before_anybody_reads_is_flagged_whatever_guards_there_are(agent: str, guards: str) -> None:
    result = told(agent, text=f"{BARE}{guards}{BANDS}")
    assert (result.history[0].outcome, result.history[0].flags) == ("flagged", ("prefetch",))
    assert (result.snapshot().total, result.snapshot().last_activity) == (0, None)
    assert told("Mozilla/5.0 (Macintosh)", text=f"{BARE}{guards}{BANDS}").snapshot().total == 2
    assert told(agent, "page.viewed", f"{BARE}{guards}{BANDS}").snapshot().total == 3


def test_a_plain_model_leaves_an_open_before_anybody_reads_out() -> None:
    log = Log().add("email.opened", T0, data={"user_agent": APPLE})
    log.add("email.opened", T0, data={"user_agent": "Mozilla/5.0 (Macintosh)"})
    ahead, opened = run(log, load_catalog("tenx").default).history
    assert (ahead.outcome, ahead.flags, ahead.after) == ("flagged", ("prefetch",), 0)
    # It is no occurrence either: the next open is the first.
    assert (opened.outcome, opened.flags, opened.after) == ("scored", (), 2)


def test_a_reader_at_gmail_is_active_in_governed_and_a_prefetch_is_not() -> None:
    model = load_catalog("governed").default
    log = Log()
    for agent in (GMAIL, APPLE):
        log.add("lead.created", T0, lead=agent[-5:], data={"consent": {"email": True}})
        log.add("email.opened", T0, lead=agent[-5:], data={"user_agent": agent})
    _, opened, _, prefetched = run(log, model).history
    assert (opened.flags, opened.outcome) == ((), "scored")
    assert opened.after > 0
    assert (prefetched.flags, prefetched.outcome, prefetched.after) == (("prefetch",), "flagged", 0)


def test_one_name_is_told_once_where_a_guard_has_it_too() -> None:
    log = Log().add("email.sent", T0).add("email.opened", T0 + 1000, data={"user_agent": APPLE})
    log.add("email.opened", T0 + HOUR, data={"user_agent": GMAIL})
    sent, soon, later = run(log, load_catalog("governed").default).history
    assert [one.flags for one in (sent, soon, later)] == [(), ("prefetch",), ()]


# As they were before opens were looked at: a running installation goes on.
FINGERPRINTS = {
    "governed": "9c35e10ae3306243", "tenx": "f7e8dbaccc2d8e56", "advanced-l2": "a06d23cdd88625a9",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FINGERPRINTS))
def test_presets_are_the_same_models(name: str) -> None:
    assert name in preset_names()
    assert load_catalog(name).default.fingerprint == FINGERPRINTS[name]


def test_the_version_in_a_partitions_row_tells_of_the_decisions_on_opens() -> None:
    assert f"{version('crawler-user-agents')}+1" == LIST_VERSION == DATA_VERSIONS["crawlers"]
