"""Conditions on a signal, made into functions once; they answer False for data they did not expect."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from leadstream.records.signal import Signal

Test = Callable[[Signal], bool]
Getter = Callable[[Signal], Any]
T = TypeVar("T")
Scalar = str | bool | int | float

SHORT_URL = 512
"""The longest URL whose path is remembered; the same pages are viewed again and again."""


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
    """Whether the field is one of the values. A number is none of the booleans, 1 is 1.0."""
    accepted = frozenset((kind(value), value) for value in values)
    if all(type(value) is str for _, value in accepted):
        texts = frozenset(str(value) for _, value in accepted)

        def is_text(signal: Signal) -> bool:
            value = get(signal)
            return type(value) is str and value in texts

        return is_text

    def is_one(signal: Signal) -> bool:
        value = get(signal)
        return type(value) in (str, bool, int, float) and (kind(value), value) in accepted

    return is_one


def kind(value: Scalar) -> str:
    """The JSON type of a value."""
    return "boolean" if type(value) is bool else "text" if type(value) is str else "number"


def present(get: Getter, wanted: bool) -> Test:
    """Whether the field has a value, or has none when that is wanted. Null and, of `source`, "" are none."""
    return lambda signal: (get(signal) not in (None, "")) is wanted


def url_path(get: Getter, segments: Iterable[str]) -> Test:
    """Whether a whole segment of the URL's path is one of these.

    Upper and lower case differ; query and fragment are no path. `/de/pricing` has the segment `pricing`,
    `/pricing-faq` and `https://pricing.example/` have not.
    """
    wanted = frozenset(segments)

    def among(url: str) -> bool:
        path = url.split("#", 1)[0].split("?", 1)[0]
        parts = path.split("/")
        if len(parts) > 2 and not parts[1] and (not parts[0] or parts[0][-1] == ":"):
            # `https://host/...` or `//host/...`: the host is no segment.
            del parts[2]
        return not wanted.isdisjoint(parts)

    remembered = lru_cache(maxsize=4096)(among)

    def has_segment(signal: Signal) -> bool:
        url = get(signal)
        if type(url) is not str:
            return False
        return remembered(url) if len(url) <= SHORT_URL else among(url)

    return has_segment


def all_of(tests: Sequence[Test]) -> Test | None:
    """All of the tests as one; None for none."""
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda signal: all(test(signal) for test in tests)


def picker(getters: Sequence[Getter], found: dict[str, T], default: T | None) -> Callable[[Signal], T | None]:
    """What is found for the value of the first field that the signal has.

    `default` if it has none of the fields, or its value is not listed.
    """
    if len(getters) == 1:
        get = getters[0]

        def pick(signal: Signal) -> T | None:
            value = get(signal)
            return found.get(value, default) if type(value) is str else default

        return pick

    def pick_first(signal: Signal) -> T | None:
        for get in getters:
            value = get(signal)
            if value is not None and value != "":
                return found.get(value, default) if type(value) is str else default
        return default

    return pick_first
