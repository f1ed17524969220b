"""`docs/mutants.md`: each requirement with a planted fault and the test that caught it.

`caught.tsv` keeps what `make mutants ARGS=--requirements` found; the page is made of it.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from tests.mutants.listed import ROOT, Mutant, mutants
from tests.support import proven

CAUGHT = ROOT / "tests/mutants/caught.tsv"
PAGE = ROOT / "docs/mutants.md"


@dataclass(frozen=True, order=True)
class Caught:
    """That a test which is marked with a requirement failed with a mutant of this digest planted."""

    requirement: str
    mutant: str
    digest: str
    test: str


def recorded() -> list[Caught]:
    """What was found the last time."""
    return [Caught(*line.split("\t")) for line in CAUGHT.read_text().splitlines()]


def record(found: Iterable[Caught]) -> None:
    """Keeps what was found beside what is known of other mutants, and makes the page of it."""
    found = list(found)
    again = {one.mutant for one in found}
    listed = {(one.name, one.digest) for one in mutants()}
    found += [one for one in recorded() if one.mutant not in again and (one.mutant, one.digest) in listed]
    order = {requirement: number for number, requirement in enumerate(proven.requirements())}
    rows = sorted(found, key=lambda one: (order[one.requirement], one))
    CAUGHT.write_text("".join("\t".join(astuple(one)) + "\n" for one in rows))
    PAGE.write_text(page())


def page() -> str:
    """The page as it should be."""
    planted: dict[str, Mutant] = {one.name: one for one in mutants()}
    rows = recorded()
    covered = {row.requirement for row in rows}
    lines = [
        "# Requirements, planted faults and what caught them",
        "",
        "Made by `make mutants ARGS=--requirements`: each fault is planted in a copy of the project, the",
        "tests that are marked with the requirement are run, and one of them has to fail; without the fault",
        "all pass.",
        f"{len({row.mutant for row in rows})} faults break {len(covered)} of the requirements that",
        "[are proven](requirements.md). The faults themselves are in `tests/mutants/mutants.toml`.",
        "",
        "| id | planted fault | in | caught by |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {row.requirement} | {row.mutant} | `{planted[row.mutant].file}` | `{row.test}` |" for row in rows
    ]
    return "\n".join(lines) + "\n"
