"""No input takes time or memory out of proportion."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.devstack.processes import plain_environment


@pytest.mark.usefixtures("processes")
def test_what_would_take_minutes_or_gigabytes_has_an_answer_within_seconds_and_megabytes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.hazards"],
        cwd=Path(__file__).parents[2], env=plain_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-3000:]
