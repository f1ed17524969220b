"""What one signal costs in the fold of a lead alone, without outputs, in microseconds of one core.

    python benchmarks/one_signal.py [--models tenx advanced-l2] [--signals N]

A lead with five active rules and sixteen remembered ids gets a signal a day, of the five kinds by turns.
`amortised`: the state is at hand, as for the later signals of a lead in a step. `seen once`: its row is
decoded before and encoded after. Snapshots, history and the partition around it are in `benchmarks/fold.py`.
"""

import argparse
import platform
import time
from typing import Any

import fold
import msgspec

from leadstream.models import load_catalog
from leadstream.records.signal import decode_signal
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.lead.fold import fold_signal
from leadstream.scoring.state.lead_state import LeadState, decode_state, encode_state

DAY = 86_400_000
START = 1_767_225_600_000
BATCH = 2000
"""Signals timed at once; the median of all batches is told."""


def cost(model: str, signals: int, *, rows: bool) -> float:
    """Microseconds a signal, the median of all batches."""
    compiled = load_catalog(model).default
    kinds = [fold.KINDS[model][index][1:] for index in fold.FIVE_RULES]
    log = [fold.record(i, START + i * DAY, 1, *kinds[i % 5]) for i in range(signals)]
    folded = [(decode_signal(one.key, one.value), one) for one in log]
    state, outbox, turns = LeadState(), Outbox("leadstream", "leadstream.signals", 0), RoundRobin()
    row, buffer = encode_state(state), bytearray()
    found = []
    for start in range(0, signals, BATCH):
        begin = time.process_time()
        for signal, record in folded[start : start + BATCH]:
            if rows:
                state = decode_state(row)
            plan = compiled.plans[signal.type]
            fold_signal(state, signal, record, compiled, plan, record.timestamp, outbox, turns)
            if rows:
                row = encode_state(state, buffer)
        found.append((time.process_time() - begin) / BATCH * 1e6)
    return sorted(found)[len(found) // 2]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["tenx", "advanced-l2"], choices=list(fold.KINDS))
    parser.add_argument("--signals", type=int, default=20_000)
    given = parser.parse_args()
    versions: dict[str, Any] = {"Python": platform.python_version(), "msgspec": msgspec.__version__}
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    for model in given.models:
        alone = cost(model, given.signals, rows=False)
        once = cost(model, given.signals, rows=True)
        print(f"{model}: {alone:.1f} us amortised, {once:.1f} us seen once")


if __name__ == "__main__":
    main()
