"""Settings and arguments that nobody means: one line on stderr, and an exit code."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from leadstream.cli.app import app
from leadstream.cli.errors import as_cli_error
from leadstream.settings import Settings
from tests.devstack.processes import plain_environment
from tests.fuzz.mutation import HOSTILE
from tests.scoring.comparing import EXAMPLES

TEXTS = [one for one in HOSTILE if isinstance(one, str) and "\0" not in one and one.isprintable()]
TEXTS += [
    "-1",
    "0",
    "65536",
    "1e309",
    "inf",
    "nan",
    "PLAINTEXT",
    "a" * 200,
    "::1",
    "http://",
    "[",
    "exactly_once",
]
COMMANDS = [
    ["models", "show", "*"], ["models", "lint", "*"], ["models", "diff", "tenx", "*"],
    ["models", "simulate", "tenx", "*"], ["models", "import", "*", "--from", "mautic"],
    ["replay", "*"], ["replay", "--at", "*", "/dev/null"], ["send", "*"], ["worker", "--start-at", "*"],
    ["worker", "--model", "*"], ["worker", "--tenants", "*"], ["worker", "--processes", "*"],
    ["topics", "create", "--partitions", "*"], ["dlq", "show", "*"], ["lead", "show", "*"], ["*"],
    ["demo", "--signals", "*"],
    ["report", "*"], ["db", "retain", "--keep-months", "*"], ["log", "*"],
]  # fmt: skip


@pytest.mark.parametrize("name", Settings.model_fields)
def test_any_setting_has_an_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in TEXTS:
        monkeypatch.setenv(f"LEADSTREAM_{name.upper()}", text)
        try:
            Settings()
        except ValueError as error:
            said = str(as_cli_error(error))
            assert said.startswith(f"LEADSTREAM_{name.upper()}: ")
            assert len(said.splitlines()) == 1
            assert len(said) < 500


def test_any_argument_has_an_answer(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Wrong ones: what is right would start something."""
    monkeypatch.chdir(tmp_path)
    # Nobody listens there, and nobody is waited for.
    monkeypatch.setenv("LEADSTREAM_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    wrong = [text for text in TEXTS if not text.strip().isdecimal() and text.strip() not in ("-",)]
    random = Random("arguments")
    for _ in range(int(EXAMPLES or 150)):
        command = [random.choice(wrong) if part == "*" else part for part in random.choice(COMMANDS)]
        with pytest.raises(SystemExit) as ended:
            app(command)
        said = capfd.readouterr()
        assert ended.value.code in (0, 1, 2), command
        assert "Traceback" not in said.err, command
        assert "unexpected" not in said.err, (command, said.err)


@pytest.mark.usefixtures("processes")
def test_half_a_surrogate_in_an_argument_has_an_answer() -> None:
    done = subprocess.run(
        [os.fsencode(sys.executable), b"-m", b"leadstream", b"models", b"show", b"\xff\xfe"],
        env=plain_environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"error: ")
