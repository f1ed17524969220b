"""A soak of some seconds, from end to end, and its early end."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from leadstream.devstack import apache
from tests.devstack.processes import family, gone, plain_environment
from tests.support.children import Children
from tests.support.waiting import until

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.heavy,
    pytest.mark.skipif(not apache.available(), reason="needs java and mvn to start a broker of its own"),
]


def test_a_soak_that_is_ended_early_judges_what_there_is_and_leaves_nothing(
    tmp_path: Path, spawn: Children
) -> None:
    samples = tmp_path / "out" / "samples.csv"
    process = spawn(
        [
            sys.executable, "-m", "tests.soak.run", "--hours", "1", "--every", "1", "--rate", "200",
            "--out", str(samples.parent),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2], env={**plain_environment(), "TMPDIR": str(tmp_path)},
    )  # fmt: skip

    def enough() -> bool:
        assert process.poll() is None, process.communicate()
        return rows(samples) >= 8

    until(enough, "eight samples are there", 200)
    children = family(process.pid)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=80)
    assert process.returncode == 2, errors
    assert "too short to tell" in output
    assert "Ended early." in errors
    until(lambda: all(map(gone, children)), "all that it started is gone")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with samples.open() as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["signals"]) > 500
    assert 20 < float(last["worker_rss"]) < 1000
    assert 0 < float(last["latency_p50"]) <= float(last["latency_max"])
    for measured in ("worker_tasks", "projector_handles", "kafka_scores", "postgres_logs"):
        assert float(last[measured]) > 0, measured
    assert (samples.parent / "soak.png").read_bytes().startswith(b"\x89PNG")
    assert "partition open" in (samples.parent / "worker.log").read_text()


def rows(samples: Path) -> int:
    """How many samples the CSV has."""
    return len(samples.read_text().splitlines()) - 1 if samples.exists() else 0
