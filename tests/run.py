"""`make test` and `make test-fast`: stages of the tests, one after the other.

    python -m tests.run light heavy -k decay

runs `light` and then `heavy`, which are all tests between them; `fast` is part of `light`. Each stage runs in
several workers, the tests of a file in one. What follows the stages is for pytest. All stages run, whatever
the one before has found. Exit code: of the first stage that fails, else 0; 5 if none has a test.
"""

import os
import subprocess
import sys
from itertools import takewhile

import pytest

from tests.support.stages import STAGES

WORKERS = {"light": 1, "heavy": 0, "fast": 0}
"""How many more than processors run a stage in parallel: tests that start servers often wait for them."""
NONE = int(pytest.ExitCode.NO_TESTS_COLLECTED)


def main(arguments: list[str]) -> int:
    stages = list(takewhile(STAGES.__contains__, arguments))
    codes = [_run(stage, arguments[len(stages) :]) for stage in stages]
    failed = [code for code in codes if code not in (0, NONE)]
    return failed[0] if failed else min(codes)


def _run(stage: str, arguments: list[str]) -> int:
    workers = str(_processors() + WORKERS[stage])
    command = [sys.executable, "-m", "pytest", "--stage", stage]
    command += ["--numprocesses", workers, "--dist", "loadfile", "--no-loadscope-reorder"]
    print(f"\n--- {stage}", flush=True)
    # Compiled modules are kept, whatever the environment says: else each worker, and each process of a test,
    # compiles all of them again.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run([*command, *arguments], env=environment, check=False).returncode


def _processors() -> int:
    """How many of them are ours."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
