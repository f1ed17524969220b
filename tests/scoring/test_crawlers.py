"""Crawlers by the kept list, against its own examples and Python's own regular expressions."""

import re

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA as LISTED
from hypothesis import given
from hypothesis import strategies as st

from leadstream.scoring.compiled.crawlers import LIST_VERSION, LONGEST, is_crawler

BOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
PEOPLE = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Safari/605.1.15",
]
EXAMPLES = [agent for crawler in LISTED for agent in crawler["instances"]]
PYTHONS = re.compile("|".join(f"(?:{crawler['pattern']})" for crawler in LISTED))


@pytest.mark.requirement("S4-8")
def test_every_example_of_the_list_is_a_crawler() -> None:
    assert len(EXAMPLES) > 2000
    assert [agent for agent in EXAMPLES if not is_crawler(agent)] == []


@pytest.mark.parametrize("agent", ["", "Mozilla/5.0", *PEOPLE])
def test_people_are_not(agent: str) -> None:
    assert not is_crawler(agent)


def test_only_the_beginning_of_a_long_agent_is_looked_at() -> None:
    assert is_crawler("x" * (LONGEST - len(BOT)) + BOT)
    assert not is_crawler("x" * LONGEST + BOT)
    assert not is_crawler("x" * 1_000_000 + BOT)


def test_any_text_is_judged() -> None:
    assert is_crawler("\ud800" + BOT)
    assert is_crawler("\0" + BOT)
    assert is_crawler("ü漢" + BOT)


def test_the_version_of_the_list_is_known() -> None:
    assert re.fullmatch(r"[0-9.]+\+[0-9]+", LIST_VERSION)


pieces = st.sampled_from(EXAMPLES + PEOPLE) | st.text(max_size=20)


@given(st.lists(st.tuples(pieces, st.integers(0, 60), st.integers(0, 120)), max_size=4))
def test_as_each_pattern_by_itself(parts: list[tuple[str, int, int]]) -> None:
    agent = "".join(text[start : start + length] for text, start, length in parts)
    assert is_crawler(agent) == (PYTHONS.search(agent) is not None)
