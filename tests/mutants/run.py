"""`make mutants`: plants the faults of mutants.toml, one by one, in a copy, and shows what catches each."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("leadstream", "tests")
SEEDS = 1500
SECONDS = 300


@dataclass(frozen=True)
class Mutant:
    """A fault: `old` in `file` becomes `new`. The simulation catches it, or where it can't, `tests` do."""

    name: str
    file: str
    old: str
    new: str
    tests: str | None = None


def mutants() -> list[Mutant]:
    """All that are listed."""
    listed = tomllib.loads((ROOT / "tests/mutants/mutants.toml").read_text())
    return [Mutant(**one) for one in listed["mutant"]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--only", default="", help="only mutants with this in their name")
    only = parser.parse_args().only
    survived = tried = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in COPIED:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        if caught := simulated(folder):
            print(f"without any mutant: {caught}")
            return 1
        for mutant in mutants():
            if only in mutant.name:
                tried += 1
                caught = try_out(mutant, folder)
                survived += not caught
                print(f"{mutant.name}\n    {caught or 'SURVIVED'}", flush=True)
    print(f"{tried} mutants, {survived} survived")
    return 1 if survived or not tried else 0


def try_out(mutant: Mutant, folder: Path) -> str:
    """What caught the mutant; empty if nothing did. The copy is as it was afterwards."""
    path = folder / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        return sys.exit(f"{mutant.name}: {mutant.file} has its text {text.count(mutant.old)} times, not once")
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        return simulated(folder) if mutant.tests is None else tested(folder, mutant.tests)
    finally:
        path.write_text(text)


def simulated(folder: Path) -> str:
    """What the simulation finds wrong in the copy, and with which seed; empty if nothing."""
    try:
        done = python(folder, "-m", "tests.simulation.run", "--seeds", str(SEEDS), "--brief")
    except subprocess.TimeoutExpired:
        return f"simulation: no end within {SECONDS} s"
    found = re.search(r"^seed (\d+) FAILS: (.*)$", done.stdout, re.MULTILINE)
    if found is None and done.returncode:
        sys.exit(f"the simulation did not run:\n{done.stderr[-2000:]}")
    return "" if found is None else f"simulation, seed {found[1]}: {found[2][:150]}"


def tested(folder: Path, tests: str) -> str:
    """The first of the tests that fails in the copy; empty if none does."""
    done = python(folder, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests.split())
    found = re.search(r"^FAILED (\S+)", done.stdout, re.MULTILINE)
    if found is None and done.returncode:
        sys.exit(f"the tests did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return "" if found is None else f"test {found[1]}"


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command on the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
