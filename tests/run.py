"""`make test`: the tests that stand others beside them, in as many workers as suits, then the rest.

All stages run, whatever the one before has found. Exit code: that of the first stage that fails, else 0;
5 if no stage has a test.
"""

import os
import subprocess
import sys

import pytest

NONE = int(pytest.ExitCode.NO_TESTS_COLLECTED)


def main(arguments: list[str]) -> int:
    codes = [
        _run(
            "together",
            "--numprocesses",
            str(workers()),
            "--dist",
            "loadgroup",
            "--no-loadscope-reorder",
            *arguments,
        ),
        _run("alone", "--numprocesses", "0", *arguments),
    ]
    failed = [code for code in codes if code not in (0, NONE)]
    return failed[0] if failed else min(codes)


def workers() -> int:
    """One for each processor that is ours."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(stage: str, *arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "--stage", stage, *arguments]
    print(f"\n--- {stage}", flush=True)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
