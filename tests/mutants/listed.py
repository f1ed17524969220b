"""The planted faults of mutants.toml, and which requirements each breaks."""

import tomllib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from tests.support import proven

ROOT = Path(__file__).parents[2]
LIST = ROOT / "tests/mutants/mutants.toml"


@dataclass(frozen=True)
class Mutant:
    """A fault: `old` in `file` becomes `new`. The simulation catches it, or where it can't, `tests` do.

    With `requirements` only those of the tests are run that are marked with one of these, and for each
    of these one has to fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str | None = None
    requirements: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What was planted, in short: another one after any change."""
        return sha256("\0".join((self.file, self.old, self.new)).encode()).hexdigest()[:16]

    def marked(self) -> dict[str, list[str]]:
        """By requirement, the tests that are marked with it, of those in `tests`."""
        files = (self.tests or "").split()
        found: dict[str, list[str]] = {requirement: [] for requirement in self.requirements}
        for requirement, place in all_marks():
            if requirement in found and place.partition("::")[0] in files:
                found[requirement].append(place)
        return found


@cache
def all_marks() -> tuple[tuple[str, str], ...]:
    """The marks of the tests as they are at first sight."""
    return tuple(proven.marks())


def mutants() -> list[Mutant]:
    """All that are listed."""
    listed = tomllib.loads(LIST.read_text())["mutant"]
    return [Mutant(**{**one, "requirements": tuple(one.get("requirements", ()))}) for one in listed]
