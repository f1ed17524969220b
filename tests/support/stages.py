"""What a test needs, by its fixtures, and which tests each stage of a run has.

A test that starts processes (brokers, PostgreSQL, programs) has the fixture `processes`, mostly by way of
another; without it the test may start none. One that loads all of the machine is marked `heavy`.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

STAGES: dict[str, Callable[[pytest.Item], bool]] = {
    "fast": lambda item: not _starts_processes(item) and not _is_heavy(item),
    "light": lambda item: not _is_heavy(item),
    "heavy": lambda item: _is_heavy(item),
}
PROCESSES = "processes"
LOOK_UPS = ("file", "uname")
"""Programs that Python's own `platform` asks when a library is first imported."""

_under_way: pytest.Item | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stage", choices=list(STAGES), help="only the tests of this stage of `make test`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves what the stage has. Files that take long come first, so that all workers are busy to the end."""
    for item in items:
        if _starts_processes(item):
            item.add_marker(PROCESSES)
    stage = config.getoption("--stage")
    if stage is not None:
        config.hook.pytest_deselected(items=[item for item in items if not STAGES[stage](item)])
        items[:] = [item for item in items if STAGES[stage](item)]
    ranks: dict[Path, int] = {}
    for item in items:
        ranks[item.path] = min(_rank(item), ranks.get(item.path, 2))
    items.sort(key=lambda item: ranks[item.path])


def _rank(item: pytest.Item) -> int:
    """0 for a test that starts processes, 1 for one of many examples, 2 for the others."""
    if _starts_processes(item):
        return 0
    return 1 if getattr(getattr(item, "obj", None), "is_hypothesis_test", False) else 2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _under_way
    _under_way = item
    try:
        return (yield)
    finally:
        _under_way = None


def _starts_processes(item: pytest.Item) -> bool:
    return PROCESSES in getattr(item, "fixturenames", ())


def _is_heavy(item: pytest.Item) -> bool:
    return item.get_closest_marker("heavy") is not None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "subprocess.Popen" or arguments[0] in LOOK_UPS:
        return
    if _under_way is not None and not _starts_processes(_under_way):
        raise AssertionError(
            f"{_under_way.nodeid} starts {arguments[0]} without the fixture `{PROCESSES}`, or one with it"
        )


sys.addaudithook(_watch)
