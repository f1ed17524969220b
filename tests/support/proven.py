"""`docs/requirements.md`: each requirement with the tests that name it.

python -m tests.support.proven     # writes the page
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "requirements.md"


def requirements() -> dict[str, str]:
    """The text of each requirement by its id, in order."""
    lines = (TESTS / "requirements.tsv").read_text().splitlines()
    return dict(line.split("\t") for line in lines)


def marks() -> Iterator[tuple[str, str]]:
    """Every (requirement, place of a test that names it), read from the sources."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                place = f"{path.relative_to(TESTS.parent)}::{node.name}"
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("mark.requirement"):
                        yield from ((ast.literal_eval(argument), place) for argument in mark.args)


def page() -> str:
    """The page as it should be."""
    proofs = defaultdict(list)
    for requirement, place in marks():
        proofs[requirement].append(place)
    known = requirements()
    proven = len(known.keys() & proofs.keys())
    lines = [
        "# Requirements and the tests that prove them",
        "",
        f"Made by `python -m tests.support.proven` from the marks of the tests: {proven} of {len(known)}",
        "are named by a test. What no test names is not claimed.",
        "",
        "| id | requirement | proven by |",
        "|---|---|---|",
    ]
    for requirement, text in known.items():
        places = ", ".join(f"`{place}`" for place in sorted(set(proofs[requirement])))
        lines.append(f"| {requirement} | {text.replace('|', chr(92) + '|')} | {places} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE.relative_to(TESTS.parent))
