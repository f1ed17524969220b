"""`make chaos`: the matrix on real brokers and processes, with a table at the end."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from leadstream.devstack import LocalStackError, Postgres
from leadstream.devstack.termination import ends_on_signal
from tests.chaos.brokers import small_disk
from tests.chaos.matrix import FAULTS, Row, play, stage
from tests.chaos.table import markdown

SEED = 20260105


def main() -> int:
    """Exit code 1 if anything is lost, doubled or wrong, or did not come to rest."""
    arguments = parse()
    chosen = [
        fault for fault in FAULTS if (fault.short or not arguments.short) and arguments.only in fault.name
    ]
    if not chosen:
        print(f"no fault is named {arguments.only!r}; there are: {', '.join(f.name for f in FAULTS)}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="leadstream-chaos-"))
    rows: list[Row] = []
    failures: dict[str, str] = {}
    begin = time.monotonic()
    with ends_on_signal(), Postgres(folder / "postgres") as postgres:
        for kind, faults in groupby(chosen, lambda fault: fault.stage):
            if kind == "small disk" and not small_disk.available():
                failures |= {fault.name: "not run: this system lets us have no disk" for fault in faults}
                continue
            with stage(kind, folder / kind) as on:
                for fault in faults:
                    print(f"{fault.name} ...", end=" ", file=sys.stderr, flush=True)
                    times = fault.short if arguments.short else fault.full
                    assert times is not None
                    try:
                        row = play(fault, times, arguments.seed, folder / fault.name, on, postgres)
                    except (AssertionError, KafkaException, LocalStackError) as error:
                        failures[fault.name] = f"did not come to rest: {error}"
                        print(failures[fault.name], file=sys.stderr, flush=True)
                        continue
                    rows.append(row)
                    said = "\n".join([f"{row.seconds:.0f} s {row.found}", *row.errors])
                    print(said, file=sys.stderr, flush=True)
                    if arguments.json:
                        arguments.json.write_text(json.dumps([asdict(one) for one in rows], indent=1))
    print(markdown(rows))
    print(f"\nSeed {arguments.seed}, {time.monotonic() - begin:.0f} s.")
    for name, failure in failures.items():
        print(f"{name}: {failure}")
    if not failures and all(row.clean for row in rows):
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    print(f"the logs of all processes are in {folder}")
    return 1


def parse() -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="decides signals and moments (not the timing)")
    parser.add_argument("--only", default="", metavar="NAME", help="faults with this in their names")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--short", action="store_true", help="the matrix of the tests")
    length.add_argument("--full", action="store_true", help="all faults at full length (the default)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the rows there, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
