"""Every exception of LeadStream derives from one base, and the page of errors shows the real tree."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import leadstream
from leadstream import LeadStreamError

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"
NOT_IMPORTED = {
    "leadstream.__main__": "it runs the command line",
    "leadstream.projection.migrations.env": "it runs within Alembic only",
}
CONTROL_FLOW = {
    "leadstream.stream.errors.Fenced": "the task that catches it opens its partition again: no failure",
    "leadstream.models.implication._Gave": "ends a search that got too long, within its module",
}


def modules() -> list[str]:
    """The names of all modules, imported."""
    found = [module.name for module in pkgutil.walk_packages(leadstream.__path__, "leadstream.")]
    for name in found:
        if name not in NOT_IMPORTED:
            importlib.import_module(name)
    return found


def exceptions_below(base: type[BaseException]) -> Iterator[type[BaseException]]:
    for found in base.__subclasses__():
        yield found
        yield from exceptions_below(found)


def named(found: type[BaseException]) -> str:
    return f"{found.__module__}.{found.__qualname__}"


def tree(base: type[BaseException], first: str = "", rest: str = "") -> Iterator[str]:
    """A line for each exception: its name, the first sentence of its docstring, its exit code."""
    sentence = re.split(r"\.(?:\s|$)|;", " ".join((base.__doc__ or "").split()))[0]
    own = vars(base).get("exit_code")
    yield f"{first + base.__name__:<27} {sentence}" + (f" (exit code {own})" if own is not None else "")
    children = sorted(
        (one for one in base.__subclasses__() if one.__module__.startswith("leadstream.")),
        key=lambda one: one.__name__,
    )
    for child in children:
        last = child is children[-1]
        yield from tree(child, rest + ("└── " if last else "├── "), rest + ("    " if last else "│   "))


def test_every_exception_has_the_base() -> None:
    found = modules()
    assert len(found) > 150
    assert NOT_IMPORTED.keys() <= set(found)
    ours = {one for one in exceptions_below(BaseException) if one.__module__.startswith("leadstream.")}
    outside = {named(one) for one in ours if not issubclass(one, LeadStreamError)}
    assert outside == CONTROL_FLOW.keys()


def test_the_page_shows_the_tree() -> None:
    modules()
    wanted = "\n".join(tree(LeadStreamError))
    [shown] = re.findall(r"```text\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert shown == wanted, f"docs/errors.md should show:\n{wanted}"
