"""From the conditions of a rule file to tests of signals."""

from leadstream.models.rules import Condition, When
from leadstream.scoring.compiled.conditions import (
    COMPARISONS,
    Test,
    all_of,
    any_of,
    compares,
    contains,
    getter,
    matches,
    negated,
    one_of,
    other_than,
    present,
    url_path,
)


def test_of(when: When) -> Test | None:
    """The test of checked conditions; None for no condition."""
    tests = [test for field, condition in when.fields.items() for test in tests_of(field, condition)]
    tests += [asking(one) for one in when.all or ()]
    if when.any is not None:
        tests.append(any_of([asking(one) for one in when.any]))
    if when.not_ is not None:
        tests.append(negated(asking(when.not_)))
    return all_of(tests)


def asking(when: When) -> Test:
    """The test of conditions within `all`, `any` or `not`, where the check refuses those that ask nothing."""
    test = test_of(when)
    if test is None:
        raise ValueError("conditions that ask for nothing")
    return test


def tests_of(field: str, condition: Condition) -> list[Test]:
    """The tests of one field, the cheapest first."""
    get = getter(field)
    tests: list[Test] = []
    if condition.eq is not None:
        tests.append(one_of(get, [condition.eq]))
    if condition.in_ is not None:
        tests.append(one_of(get, condition.in_))
    if condition.not_ is not None:
        tests.append(other_than(get, condition.not_))
    if condition.exists is not None:
        tests.append(present(get, condition.exists))
    for comparison in COMPARISONS:
        bound = getattr(condition, comparison)
        if bound is not None:
            tests.append(compares(get, comparison, bound))
    if condition.url_path is not None:
        tests.append(url_path(get, condition.url_path))
    if condition.contains is not None:
        tests.append(contains(get, condition.contains))
    if condition.matches is not None:
        tests.append(matches(get, condition.matches))
    return tests
