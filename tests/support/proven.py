"""`docs/requirements.md`: each requirement with the tests that name it, or that none does.

python -m tests.support.proven     # writes the page
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "requirements.md"
NOT_PROVEN = "**not proven**"


def requirements() -> dict[str, str]:
    """The text of each requirement by its id, in order."""
    lines = (TESTS / "requirements.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines)


def marks(folder: Path = TESTS) -> Iterator[tuple[str, str]]:
    """Every (requirement, place of a test that names it), read from the sources.

    A mark of a module, or of a class, is one of each of its tests; a mark of a case (`pytest.param`) is one
    of the test.
    """
    for path in sorted(folder.rglob("test_*.py")):
        module = ast.parse(path.read_text())
        yield from _of_tests(module.body, _assigned(module.body), str(path.relative_to(folder.parent)))


def _of_tests(body: Iterable[ast.stmt], outer: list[str], place: str) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            named = [*outer, *_named(node.decorator_list), *_assigned(node.body)]
            yield from _of_tests(node.body, named, f"{place}::{node.name}")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            for requirement in dict.fromkeys([*outer, *_named(node.decorator_list)]):
                yield requirement, f"{place}::{node.name}"


def _assigned(body: Iterable[ast.stmt]) -> list[str]:
    """What `pytestmark` of a module or class names."""
    values = [
        node.value
        for node in body
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["pytestmark"]
    ]
    return _named(values)


def _named(expressions: Iterable[ast.expr]) -> list[str]:
    """The requirements that marks name anywhere within: in lists, and in the cases of a parametrized test."""
    return [
        ast.literal_eval(argument)
        for expression in expressions
        for call in ast.walk(expression)
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("mark.requirement")
        for argument in call.args
    ]


def page() -> str:
    """The page as it should be."""
    proofs = defaultdict(set)
    for requirement, place in marks():
        proofs[requirement].add(place)
    known = requirements()
    unproven = [requirement for requirement in known if requirement not in proofs]
    lines = [
        "# Requirements and the tests that prove them",
        "",
        "Made by `python -m tests.support.proven` from the marks of the tests. A mark is a claim that the",
        f"whole text holds. Of {len(known)} requirements",
        "",
        f"- {len(known) - len(unproven)} are proven by the tests that are named;",
        f"- {len(unproven)} are not proven, and not claimed: {', '.join(unproven) or 'none'}.",
        "",
        "Which planted faults these tests catch: [mutants.md](mutants.md).",
        "",
        "| id | requirement | proven by |",
        "|---|---|---|",
    ]
    for requirement, text in known.items():
        places = ", ".join(f"`{place}`" for place in sorted(proofs[requirement])) or NOT_PROVEN
        lines.append(f"| {requirement} | {text.replace('|', chr(92) + '|')} | {places} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE.relative_to(TESTS.parent))
