"""The stages of `make test` have each test once, and a test starts processes only if it says so."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFTEST = """
import pytest
from tests.support.stages import pytest_addoption, pytest_collection_modifyitems, pytest_runtest_protocol

@pytest.fixture
def processes(): pass
@pytest.fixture
def server(processes): pass
"""
TESTS = """
import subprocess, sys
import pytest

def start():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_plain(): pass
def test_undeclared(): start()
def test_declared(server): start()
@pytest.mark.heavy
def test_heavy(processes): start()
"""
NAMES = ["test_plain", "test_undeclared", "test_declared", "test_heavy"]

pytestmark = pytest.mark.usefixtures("processes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  heavy: x\n  processes: x\n")
    return tmp_path


def ran(folder: Path, *arguments: str) -> tuple[int, dict[str, str]]:
    """The exit code, and how each test that ran has ended."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments, "-v", "-p", "no:cacheprovider", "--rootdir", folder, "-c",
         folder / "pytest.ini", folder],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    words = [line.split() for line in done.stdout.splitlines() if "PASSED" in line or "FAILED" in line]
    ends = {
        name: outcome
        for line in words
        for name in NAMES
        for outcome in ("PASSED", "FAILED")
        if outcome in line and any(word.endswith(f"::{name}") for word in line)
    }
    return done.returncode, ends


def test_one_that_starts_a_program_without_saying_so_fails(folder: Path) -> None:
    assert ran(folder, "pytest") == (1, {**dict.fromkeys(NAMES, "PASSED"), "test_undeclared": "FAILED"})


def test_fast_has_none_that_may_start_any(folder: Path) -> None:
    assert ran(folder, "pytest", "--stage", "fast")[1].keys() == {"test_plain", "test_undeclared"}


def test_all_stages_run_and_the_failure_of_the_first_is_told(folder: Path) -> None:
    code, ends = ran(folder, "tests.run", "light", "heavy")
    assert code == 1
    assert ends == {**dict.fromkeys(NAMES, "PASSED"), "test_undeclared": "FAILED"}


def test_a_stage_without_tests_is_no_failure(folder: Path) -> None:
    assert ran(folder, "tests.run", "light", "heavy", "-k", "declared and not un") == (
        0, {"test_declared": "PASSED"},
    )  # fmt: skip
    assert ran(folder, "tests.run", "light", "heavy", "-k", "absent") == (5, {})
