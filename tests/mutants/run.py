"""`make mutants`: plants the faults of mutants.toml, one by one, in a copy, and shows what catches each."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.mutants.listed import ROOT, Mutant, mutants
from tests.mutants.table import Caught, record

COPIED = ("leadstream", "tests", "docs", "schemas")
SEEDS = 1500
SECONDS = 300


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--only", default="", help="only mutants with this in their name")
    parser.add_argument(
        "--requirements",
        action="store_true",
        help="only mutants that name requirements; writes what caught them to docs/mutants.md",
    )
    options = parser.parse_args()
    chosen = [
        one
        for one in mutants()
        if options.only in one.name and (one.requirements or not options.requirements)
    ]
    survived = 0
    found: list[Caught] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in COPIED:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        if caught := unharmed(folder, chosen):
            print(f"without any mutant: {caught}")
            return 1
        for mutant in chosen:
            caught, proofs = try_out(mutant, folder)
            survived += not caught
            found += proofs
            print(f"{mutant.name}\n    {caught or 'SURVIVED'}", flush=True)
    print(f"{len(chosen)} mutants, {survived} survived")
    if options.requirements:
        record(found)
    return 1 if survived or not chosen else 0


def unharmed(folder: Path, chosen: Iterable[Mutant]) -> str:
    """What finds fault with the copy as it is; empty if nothing does."""
    marked = {place for one in chosen for places in one.marked().values() for place in places}
    if marked and (failed := failures(folder, sorted(marked))):
        return ", ".join(failed)
    return "" if all(one.tests is not None for one in chosen) else simulated(folder)


def try_out(mutant: Mutant, folder: Path) -> tuple[str, list[Caught]]:
    """What caught the mutant, empty if nothing did, and for each requirement that it names a marked test.

    The copy is as it was afterwards.
    """
    path = folder / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        return sys.exit(f"{mutant.name}: {mutant.file} has its text {text.count(mutant.old)} times, not once")
    path.write_text(text.replace(mutant.old, mutant.new))
    try:
        if mutant.requirements:
            return by_marked(mutant, folder)
        return (simulated(folder) if mutant.tests is None else tested(folder, mutant.tests)), []
    finally:
        path.write_text(text)


def by_marked(mutant: Mutant, folder: Path) -> tuple[str, list[Caught]]:
    """The first failing test of each requirement that the mutant names; nothing unless each has one."""
    marked = mutant.marked()
    failed = failures(folder, sorted({place for places in marked.values() for place in places}))
    found = []
    for requirement, places in marked.items():
        caught = [place for place in places if place in failed]
        if not caught:
            return "", []
        found.append(Caught(requirement, mutant.name, mutant.digest, caught[0]))
    return ", ".join(f"{one.requirement}: test {one.test}" for one in found), found


def failures(folder: Path, places: list[str]) -> list[str]:
    """Which of the tests fail in the copy, whatever their case."""
    if not places:
        return sys.exit("no test is marked with the requirement in the files that the mutant names")
    done = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", *places)
    found = re.findall(r"^(?:FAILED|ERROR) ([^\s\[]+)", done.stdout, re.MULTILINE)
    if not found and done.returncode:
        sys.exit(f"the tests did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return list(dict.fromkeys(found))


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
