"""The demo as a newcomer runs it: in processes of its own, to its end or to Ctrl-C."""

import json
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest

from leadstream.devstack import apache
from leadstream.records.rejection import Rejected
from leadstream.records.signal import decode_signal
from leadstream.synthetic.generator import generate
from tests.devstack.processes import family, gone, plain_environment
from tests.support.children import Children
from tests.support.waiting import until

SIGNALS, LEADS, SEED = 3000, 150, 5
NOT_JSON = 391
"""A seed whose first signal can't be read."""
needs_java = pytest.mark.skipif(
    not apache.available(), reason="needs java and mvn to start a broker of its own"
)


def start(spawn: Children, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return spawn(
        [sys.executable, "-m", "leadstream", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**plain_environment(), "TMPDIR": str(folder)},
    )


def expected() -> tuple[int, int, int]:
    """Leads, duplicates and dead letters of the generated stream; the last 16 ids of a lead are known."""
    recent: dict[tuple[str, str], deque[str]] = {}
    duplicates = dead = 0
    for record in generate(SEED, LEADS, SIGNALS, 1_770_000_000_000, 14_000):
        try:
            found = decode_signal(record.key, record.value)
        except Rejected:
            dead += 1
            continue
        ids = recent.setdefault((found.tenant, found.lead), deque(maxlen=16))
        if found.id in ids:
            duplicates += 1
        else:
            ids.append(found.id)
    return len(recent), duplicates, dead


@pytest.mark.parametrize("kind", ["embedded", pytest.param("apache", marks=[pytest.mark.kafka, needs_java])])
def test_it_reports_what_it_did_and_leaves_nothing_behind(tmp_path: Path, spawn: Children, kind: str) -> None:
    arguments = f"--kafka {kind} --signals {SIGNALS} --leads {LEADS} --seed {SEED} --report json".split()
    process = start(spawn, tmp_path, *arguments)
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    report = json.loads(output.splitlines()[-1])
    assert list(report) == [
        "signals",
        "leads",
        "actions",
        "duplicates",
        "dead_letters",
        "signals_per_second",
        "projected_leads",
        "bands",
        "verified",
    ]
    leads, duplicates, dead = expected()
    assert report["signals"] == SIGNALS
    assert (report["leads"], report["duplicates"], report["dead_letters"]) == (leads, duplicates, dead)
    assert duplicates > 0
    assert report["projected_leads"] == leads
    assert report["verified"] is True
    assert report["actions"] > 0
    assert list(report["bands"]) == ["cold", "warm", "hot"]
    assert sum(report["bands"].values()) == leads
    assert report["signals_per_second"] > 0
    # What it says to a person.
    assert "explained" in errors
    assert "psql" in errors
    assert "all equal to the replay" in errors
    assert list(tmp_path.iterdir()) == []


def test_where_no_signal_can_be_folded_it_says_so_in_one_line(tmp_path: Path, spawn: Children) -> None:
    [record] = generate(NOT_JSON, 1, 1, 1_770_000_000_000, 14_000)
    with pytest.raises(Rejected, match="not_json"):
        decode_signal(record.key, record.value)
    process = start(spawn, tmp_path, "--signals", "1", "--leads", "1", "--seed", str(NOT_JSON))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert errors == (
        "error: none of 1 signals could be folded, not_json 1; take more --signals or another --seed\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_one_signal_of_one_lead_is_enough(tmp_path: Path, spawn: Children) -> None:
    process = start(spawn, tmp_path, "--signals", "1", "--leads", "1", "--report", "json")
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    report = json.loads(output.splitlines()[-1])
    assert (report["signals"], report["leads"], report["projected_leads"]) == (1, 1, 1)
    assert report["verified"] is True


@pytest.mark.parametrize("moment", ["PostgreSQL", "worker (", "It stays up"])
def test_an_interrupt_stops_it_all(tmp_path: Path, spawn: Children, moment: str) -> None:
    process = start(spawn, tmp_path, "--signals", "500", "--leads", "50", "--keep")
    assert process.stdout is not None
    seen = ""
    while moment not in seen:
        line = process.stdout.readline()
        assert line, (seen, process.stderr and process.stderr.read())
        seen += line
    children = family(process.pid)[1:]
    assert children
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (0 if moment == "It stays up" else 130), errors
    assert "Traceback" not in errors
    until(lambda: all(gone(pid) for pid in children), "the children are gone")
    assert list(tmp_path.iterdir()) == []
