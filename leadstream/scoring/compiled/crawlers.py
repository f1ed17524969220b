"""Known crawlers, told by their user agents."""

from functools import cache, lru_cache
from importlib.metadata import version

import re2

from leadstream.scoring.compiled.image_fetches import FETCHES_VERSION

LIST_VERSION = f"{version('crawler-user-agents')}+{FETCHES_VERSION}"
"""The version of the list of crawlers, and of what is decided on opens beside it: another may know more."""

LONGEST = 1024
"""Characters of a user agent that are looked at."""

_REMEMBERED = 256
_MEMORY = 64 << 20
"""Bytes for the automaton at most; it is begun anew when they are used up."""


def is_crawler(user_agent: str) -> bool:
    """Whether the list has a crawler with this user agent. Upper and lower case differ, as in the list."""
    text = user_agent[:LONGEST]
    return _remembered(text) if len(text) <= _REMEMBERED else _listed(text)


def _listed(text: str) -> bool:
    return bool(_patterns().Match(text.encode(errors="replace")))


_remembered = lru_cache(maxsize=4096)(_listed)


@cache
def _patterns() -> re2.Set:
    # Reading the list takes a moment: only models with such a guard need it.
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    for crawler in CRAWLER_USER_AGENTS_DATA:
        patterns.Add(crawler["pattern"])
    patterns.Compile()
    return patterns
