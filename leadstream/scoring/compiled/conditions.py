"""Conditions on a signal, made into functions once; they answer False for data they did not expect."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, TypeVar

import re2

from leadstream.records.signal import Signal
from leadstream.scoring.facts.numbers import number_of
from leadstream.scoring.facts.paths import segment_of, segments_of
from leadstream.scoring.facts.text import composed, plain, without_case

Test = Callable[[Signal], bool]
Getter = Callable[[Signal], Any]
T = TypeVar("T")
Scalar = str | bool | int | float

SHORT = 512
"""The longest text whose answer is remembered; the same pages are viewed again and again."""
REMEMBERED = 4096
"""How many answers a condition remembers."""
SEARCHED = 4096
"""The first characters of a text in which `contains` and `matches` look."""

Comparison = Literal["gt", "gte", "lt", "lte"]
COMPARISONS: Final[dict[Comparison, Callable[[float, float], bool]]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def getter(path: str) -> Getter:
    """The value of a field, `source` or `data.<name>...`; None where there is none."""
    if path == "source":
        return lambda signal: signal.source
    names = path.split(".")[1:]
    if len(names) == 1:
        name = names[0]
        return lambda signal: signal.data.get(name)

    def nested(signal: Signal) -> Any:
        value: Any = signal.data
        for name in names:
            if type(value) is not dict:
                return None
            value = value.get(name)
        return value

    return nested


def one_of(get: Getter, values: Iterable[Scalar]) -> Test:
    """Whether the field is one of the values, by the text of each scalar: 9, 9.0 and `9` are one."""
    texts = frozenset(plain(value) for value in values)

    def is_one(signal: Signal) -> bool:
        value = get(signal)
        if type(value) is not str or not value.isascii():
            value = plain(value)
        return value is not None and value in texts

    return is_one


def present(get: Getter, wanted: bool) -> Test:
    """Whether the field has a value, or has none when that is wanted. Null and, of `source`, "" are none."""
    return lambda signal: (get(signal) not in (None, "")) is wanted


def other_than(get: Getter, value: Scalar) -> Test:
    """Whether the field is there, as `present` has it, and is another value."""
    there, same = present(get, True), one_of(get, [value])
    return lambda signal: there(signal) and not same(signal)


def compares(get: Getter, comparison: Comparison, bound: float) -> Test:
    """Whether the field is a number on that side of the bound, or a text that is one; a boolean is none."""
    on_its_side = COMPARISONS[comparison]

    def holds(signal: Signal) -> bool:
        value = get(signal)
        if type(value) is str:
            value = number_of(value)
            return value is not None and on_its_side(value, bound)
        return type(value) in (int, float) and on_its_side(value, bound)

    return holds


def contains(get: Getter, wanted: str) -> Test:
    """Whether a text holds this one, whatever the case, or a list has it as an entry."""
    sought = without_case(wanted)
    entry = plain(wanted)

    def holds(signal: Signal) -> bool:
        value = get(signal)
        if type(value) is str:
            return sought in without_case(value[:SEARCHED])
        if type(value) is list:
            return any(plain(one) == entry for one in value)
        return False

    return holds


def matches(get: Getter, pattern: str) -> Test:
    """Whether the expression is found in a text, in time linear in it. Raises ValueError as `expression`."""
    search = expression(composed(pattern)).search

    def found(text: str) -> bool:
        return search(composed(text[:SEARCHED]).encode("utf-8", "replace")) is not None

    remembered = lru_cache(maxsize=REMEMBERED)(found)

    def holds(signal: Signal) -> bool:
        text = get(signal)
        if type(text) is not str:
            return False
        return remembered(text) if len(text) <= SHORT else found(text)

    return holds


def expression(pattern: str) -> Any:
    """The compiled regular expression of RE2. Raises ValueError, with RE2's reason, for what is none."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None


def url_path(get: Getter, segments: Iterable[str]) -> Test:
    """Whether a whole segment of the URL's path is one of these, both as `segments_of` reads them."""
    wanted = frozenset(segment_of(one) for one in segments)

    def among(url: str) -> bool:
        return not wanted.isdisjoint(segments_of(url))

    remembered = lru_cache(maxsize=REMEMBERED)(among)

    def has_segment(signal: Signal) -> bool:
        url = get(signal)
        if type(url) is not str:
            return False
        return remembered(url) if len(url) <= SHORT else among(url)

    return has_segment


def all_of(tests: Sequence[Test]) -> Test | None:
    """All of the tests as one; None for none."""
    if len(tests) < 2:
        return tests[0] if tests else None
    if len(tests) == 2:
        first, second = tests
        return lambda signal: first(signal) and second(signal)

    def all_hold(signal: Signal) -> bool:
        for test in tests:  # noqa: SIM110 a generator for `all` would take twice as long
            if not test(signal):
                return False
        return True

    return all_hold


def any_of(tests: Sequence[Test]) -> Test:
    """At least one of the tests."""

    def any_holds(signal: Signal) -> bool:
        for test in tests:  # noqa: SIM110 as in `all_of`
            if test(signal):
                return True
        return False

    return any_holds


def negated(test: Test) -> Test:
    """Whether the test does not hold, also because a field is absent."""
    return lambda signal: not test(signal)


def picker(
    getters: Sequence[Getter], values: Mapping[str, T], default: T | None
) -> Callable[[Signal], T | None]:
    """What is found for the value of the first field that the signal has, by the text of the scalar.

    `default` if it has none of the fields, or its value is not listed.
    """
    found = {composed(value): one for value, one in values.items()}

    def of(value: Any) -> T | None:
        text = plain(value)
        return found.get(text, default) if text is not None else default

    if len(getters) == 1:
        get = getters[0]

        def pick(signal: Signal) -> T | None:
            value = get(signal)
            return found.get(value, default) if type(value) is str and value.isascii() else of(value)

        return pick

    def pick_first(signal: Signal) -> T | None:
        for get in getters:
            value = get(signal)
            if value is not None and value != "":
                return of(value)
        return default

    return pick_first
