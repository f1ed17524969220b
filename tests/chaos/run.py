"""`make chaos`: the matrix on real brokers and processes, with a table at the end."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leadstream.localstack import Postgres
from leadstream.localstack.signals import ends_on_signal
from tests.chaos.brokers import small_disk
from tests.chaos.faults import Fault
from tests.chaos.matrix import FAULTS, Row, play, stage
from tests.chaos.table import markdown

SEED = 20260105


def main() -> int:
    """Exit code 1 if anything is lost, doubled or wrong, or did not come to rest."""
    arguments = parse()
    chosen = [
        fault
        for fault in FAULTS
        if (fault.short or not arguments.short) and all(word in fault.name for word in [arguments.only])
    ]
    if not chosen:
        print(f"no fault is named {arguments.only!r}; there are: {', '.join(f.name for f in FAULTS)}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="leadstream-chaos-"))
    rows, failures = [], {}
    begin = time.monotonic()
    with ends_on_signal(), ExitStack() as stack:
        postgres = stack.enter_context(Postgres(folder / "postgres"))
        for number, fault in enumerate(chosen, start=1):
            print(f"[{number}/{len(chosen)}] {fault.name} ...", end=" ", file=sys.stderr, flush=True)
            if fault.stage == "small disk" and not small_disk.available():
                failures[fault.name] = "not run: this system lets us make no disk (user namespaces)"
                print(failures[fault.name], file=sys.stderr)
                continue
            try:
                row = one(fault, arguments, folder / f"{number:02d}", postgres)
            except (AssertionError, OSError, RuntimeError) as error:
                failures[fault.name] = f"did not come to rest: {error}"
                print(failures[fault.name], file=sys.stderr, flush=True)
                continue
            rows.append(row)
            print(f"{row.seconds:.0f} s{': ' + row.found if row.found else ''}", file=sys.stderr, flush=True)
    print(markdown(rows))
    print(f"\nSeed {arguments.seed}, {time.monotonic() - begin:.0f} s.")
    for name, failure in failures.items():
        print(f"{name}: {failure}")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    if not failures and all(row.clean for row in rows):
        shutil.rmtree(folder, ignore_errors=True)
        return 0
    print(f"the logs of all processes are in {folder}")
    return 1


def one(fault: Fault, arguments: argparse.Namespace, folder: Path, postgres: Postgres) -> Row:
    """Plays a fault on brokers of its own."""
    times = fault.short if arguments.short else fault.full
    assert times is not None
    with stage(fault.stage, folder / "broker") as on:
        return play(fault, times, arguments.seed, folder, on, postgres)


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
