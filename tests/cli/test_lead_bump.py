"""`leadstream lead bump`: one signal, or none and a reason."""

import json
import re

import pytest

from tests.support.log import Log

NOWHERE = "postgresql://127.0.0.1:1/none"


@pytest.fixture
def bump(installation, leadstream, monkeypatch):
    """Runs the command without PostgreSQL; gives the result and the signals that there are afterwards."""

    def run(*arguments):
        result = leadstream(installation, "lead", "bump", *arguments)
        found = Log(installation.bootstrap).read(installation.names.signals)
        return result, [(one.key(), json.loads(one.value())) for one in found]

    return run


@pytest.mark.parametrize(
    ("arguments", "data"),
    [
        (["15"], {"points": 15}),
        (["-2.5"], {"points": -2.5}),
        (["--set", "80"], {"set": 80}),
        (["--set", "-5"], {"set": -5}),
        (["--set", "0"], {"set": 0}),
    ],
)
def test_one_signal_with_its_id(bump, arguments, data):
    result, found = bump("acme", "l1", *arguments, "--by", "ann", "--why", "met at the fair")
    assert result.exit_code == 0, result.stderr
    [(key, signal)] = found
    assert key == b"acme:l1"
    assert signal["data"] == data | {"by": "ann", "why": "met at the fair"}
    assert (signal["type"], signal["source"]) == ("score.bumped", "leadstream-cli")
    assert f"id {signal['id']}" in result.stdout
    assert re.fullmatch(r"[0-9a-f-]{36}", signal["id"])


def test_a_bump_that_may_not_have_arrived_is_sent_again_under_its_id(bump):
    _, [(_, first)] = bump("acme", "l1", "5", "--by", "ann", "--why", "x", "--id", "again")
    _, both = bump("acme", "l1", "5", "--by", "ann", "--why", "x", "--id", "again")
    assert [one["id"] for _, one in both] == [first["id"]] * 2 == ["again"] * 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["acme", "l1", "--by", "ann", "--why", "x"], "give POINTS or --set TOTAL"),
        (["acme", "l1", "5", "--set", "3", "--by", "ann", "--why", "x"], "give POINTS or --set TOTAL"),
        (["acme", "l1", "five", "--by", "ann", "--why", "x"], "'five' is no number"),
        (["acme", "l1", "nan", "--by", "ann", "--why", "x"], "'nan' is no number"),
        (["acme", "l1", "1e400", "--by", "ann", "--why", "x"], "'1e400' is no number"),
        (["acme", "l1", "--set", "", "--by", "ann", "--why", "x"], "'' is no number"),
        (["acme", "l1", "4,25", "--by", "ann", "--why", "x"], "'4,25' is no number"),
        (["acme", "l1", "0", "--by", "ann", "--why", "x"], "0 points change nothing"),
        (["acme", "l1", "1000001", "--by", "ann", "--why", "x"], "no number up to 1000000"),
        (["acme", "l1", "5", "--why", "x"], "--by"),
        (["acme", "l1", "5", "--by", "ann"], "--why"),
        (["acme", "l1", "5", "--by", "  ", "--why", "x"], "--by"),
        (["a:b", "l1", "5", "--by", "ann", "--why", "x"], "`tenant` has a colon"),
        (["acme", "", "5", "--by", "ann", "--why", "x"], "`lead` is empty"),
        (["acme", "l\n1", "5", "--by", "ann", "--why", "x"], "control character"),
        (["acme", "x" * 300, "5", "--by", "ann", "--why", "x"], "300 characters"),
        (["acme", "l1", "5", "--by", "ann", "--why", "x", "--id", ""], "`id` is empty"),
        (["acme", "l1", "5", "--by", "ann", "--why", "x" * 2_000_000], "more than 1048576"),
        (["acme", "l1", "--wy", "x", "5", "--by", "ann"], "--wy"),
        (["acme"], "lead"),
    ],
)
def test_bad_input_is_exit_code_2_and_no_signal(leadstream, arguments, reason):
    # Nothing is asked before the input is good: there is no broker here.
    result = leadstream(None, "lead", "bump", *arguments)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert reason.casefold() in line.casefold()
