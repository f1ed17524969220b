"""`leadstream replay`: files in, files out."""

import json
import subprocess
import sys

import pytest

PROSPECT = {"from": "prospect", "to": "lead"}


def line(ident, kind, at="2026-01-05T10:00:00Z", lead="l1", **data):
    body = {"id": ident, "tenant": "acme", "lead": lead, "type": kind, "at": at, "data": data}
    return json.dumps(body)


SIGNALS = [
    line("s1", "status.changed", **PROSPECT),
    line("s2", "form.submitted", "2026-01-05T10:01:00Z", channel="organic"),
    line("s3", "email.opened", "2026-01-05T10:00:00Z", lead="l2"),
    "nope",
    line("s4", "email.opened", "2026-01-09T10:00:00Z", lead="l3"),
]


@pytest.fixture
def signals(tmp_path):
    file = tmp_path / "signals.ndjson"
    file.write_text("\n".join(SIGNALS) + "\n")
    return file


@pytest.mark.requirement("S0-1")
def test_scores_and_actions_in_their_files(leadstream, signals, tmp_path):
    scores, actions = tmp_path / "scores", tmp_path / "actions"
    result = leadstream(
        None, "replay", "--signals", str(signals), "--at", "2026-01-05T10:01:00Z",
        "--scores", str(scores), "--actions", str(actions),
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, "")
    first, summary = result.stderr.splitlines()
    assert first.startswith("line 4: not_json: ")
    assert summary.startswith(
        "5 lines: 3 signals folded, 1 bad, 1 after the end left out; 2 leads; 1 crossings up and 0 down, "
        "1 actions requested, 0 skipped; "
    )
    found = [json.loads(text) for text in scores.read_text().splitlines()]
    assert [list(lead) for lead in found] == [
        ["tenant", "lead", "total", "score", "band", "dimensions", "factors"]
    ] * 2
    # 40 a minute old, and 30: 70 less 40 x (1 - 2 ** (-1 / 20160)).
    assert found[0]["total"] == pytest.approx(70 - 40 * (1 - 2 ** (-1 / 20160)), abs=1e-9)
    assert (found[0]["lead"], found[0]["score"], found[0]["band"]) == ("l1", 69, "warm")
    assert (found[1]["lead"], found[1]["score"], found[1]["band"]) == ("l2", 1, "cold")
    outputs = [json.loads(text) for text in actions.read_text().splitlines()]
    assert [list(one) for one in outputs] == [
        [
            "id",
            "tenant",
            "lead",
            "type",
            "threshold",
            "direction",
            "at",
            "cause",
            "signal",
            "status",
            "reason",
            "do",
            "trigger",
            "owner",
        ]
    ] * 3
    assert [(one["type"], one["status"], one["do"]) for one in outputs] == [
        ("lead.threshold.crossed", "recorded", None),
        ("lead.action.requested", "requested", "soft-nurture"),
        ("lead.band.changed", "recorded", None),
    ]
    assert {one["at"] for one in outputs} == {"2026-01-05T10:01:00.000Z"}


def test_scores_go_to_stdout_by_default_and_stdin_is_read(leadstream, signals):
    result = leadstream(
        None, "replay", "--signals", "-", "--at", "2026-01-05T10:01:00Z", stdin="\n".join(SIGNALS)
    )
    assert [json.loads(text)["lead"] for text in result.stdout.splitlines()] == ["l1", "l2"]
    actions = leadstream(
        None, "replay", "--signals", str(signals), "--at", "2026-01-05T10:01:00Z", "--actions", "-"
    )
    assert json.loads(actions.stdout.splitlines()[0])["type"] == "lead.threshold.crossed"
    assert "total" not in actions.stdout


def test_the_lineage_is_the_setting_unless_named(leadstream, signals, monkeypatch):
    def identities(*arguments):
        found = leadstream(
            None,
            "replay",
            "--signals",
            str(signals),
            "--at",
            "2026-01-06T00:00:00Z",
            "--actions",
            "-",
            *arguments,
        )
        return [json.loads(text)["id"] for text in found.stdout.splitlines()]

    default = identities()
    assert identities("--app", "leadstream") == default
    assert set(identities("--app", "shadow")).isdisjoint(default)
    monkeypatch.setenv("LEADSTREAM_APP", "shadow")
    assert identities() == identities("--app", "shadow")


def test_a_rule_file_and_a_tenants_file(leadstream, signals, tmp_path):
    rules, tenants = tmp_path / "rules.yaml", tmp_path / "tenants.yaml"
    rules.write_text(
        "name: mine\nversion: '1'\nhalf_life: 1d\n"
        "rules:\n  - {id: open, on: email.opened, points: 8}\n"
        "bands: [{name: low, from: 0}, {name: high, from: 5}]\n"
    )
    tenants.write_text("- tenant: acme\n  half_life: 2d\n")
    arguments = ["--model", str(rules), "--signals", str(signals), "--at", "2026-01-07T10:00:00Z"]
    found = leadstream(None, "replay", *arguments).stdout
    # Two days are two half-lives of the model, and one of the tenant.
    [low] = [json.loads(text) for text in found.splitlines() if json.loads(text)["lead"] == "l2"]
    assert (low["total"], low["band"]) == (pytest.approx(2.0, abs=1e-9), "low")
    found = leadstream(None, "replay", *arguments, "--tenants", str(tenants)).stdout
    [own] = [json.loads(text) for text in found.splitlines() if json.loads(text)["lead"] == "l2"]
    assert own["total"] == pytest.approx(4.0, abs=1e-9)


@pytest.mark.usefixtures("processes")
def test_it_needs_neither_kafka_nor_a_terminal(signals):
    arguments = ["replay", "--signals", str(signals), "--at", "1767780000000"]
    done = subprocess.run(
        [sys.executable, "-m", "leadstream", *arguments],
        capture_output=True,
        env={"LEADSTREAM_KAFKA_BOOTSTRAP": "127.0.0.1:1"},
        check=True,
    )
    assert len(done.stdout.splitlines()) == 2
    assert b"\x1b" not in done.stdout + done.stderr
