"""The same log by the independent oracle: every signal kept, everything evaluated from scratch."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from ruamel.yaml import YAML

from leadstream.records.keys import TICK_KEY
from leadstream.records.rejection import Rejected
from leadstream.records.signal import decode_signal
from leadstream.records.step import LogRecord
from leadstream.scoring.decay.totals import accumulators, sum_at
from leadstream.scoring.partition.fold import PartitionFold
from tests.oracle.log import Oracle
from tests.oracle.rules import Rules
from tests.simulation.model import RULES
from tests.simulation.worker import NAMES, SETTINGS
from tests.support.simulated import Written

TOLERANCE = 1e-9


@cache
def rules() -> Rules:
    return Rules(YAML(typ="safe").load(RULES))


def judge(
    number: int, records: Sequence[LogRecord], forwarded: set[int], written: Written, fold: PartitionFold
) -> None:
    """Raises AssertionError unless the records of one partition give these outputs and this state.

    `forwarded` are the offsets of records that belong to another partition.
    """
    oracle = Oracle(rules(), SETTINGS.app, NAMES.signals, number)
    for record in records:
        signal = as_told(record, forwarded)
        if signal is not None:
            oracle.fold(signal)
        else:
            oracle.advance(max(oracle.now, record.timestamp))
    expected = sorted((event.id, event.type, event.lead, event.at, event.cause) for event in oracle.events)
    outputs = [msgspec.json.decode(value or b"") for _, value, _ in written.actions + written.decisions]
    found = sorted((one["id"], one["type"], one["lead"], one["at"], one["cause"]) for one in outputs)
    for have, want in zip(found, expected, strict=False):
        assert have == want, f"partition {number}: {have} is put out, the oracle says {want}"
    assert len(found) == len(expected), f"partition {number}: {len(found)} records, not {len(expected)}"
    totals = {event.id: (event.before, event.after) for event in oracle.events}
    for one in outputs:
        before, after = totals[one["id"]]
        close = abs(one["total_before"] - before) < TOLERANCE and abs(one["total_after"] - after) < TOLERANCE
        assert close, f"partition {number}: {one} should go from {before} to {after}"
    outcomes = [entry.get("outcome", "scored") for entry in written.history if isinstance(entry, dict)]
    assert outcomes == [outcome for outcome in oracle.outcomes if outcome != "duplicate"]
    for key, state in fold.leads():
        tenant, _, lead = key.decode().partition(":")
        model = fold.model_of(key)
        found_total = sum_at(accumulators(state, model), fold.now, model.caps)
        expected_total = oracle.leads[tenant, lead].total(fold.now)
        assert abs(found_total - float(expected_total)) < TOLERANCE, (key, found_total, expected_total)


def as_told(record: LogRecord, forwarded: set[int]) -> dict[str, Any] | None:
    """A signal as the oracle takes it; None for what only moves the time."""
    if record.key == TICK_KEY or record.offset in forwarded:
        return None
    try:
        signal = decode_signal(record.key, record.value)
    except Rejected:
        return None
    return {
        "id": signal.id, "tenant": signal.tenant, "lead": signal.lead, "type": signal.type, "at": signal.at,
        "source": signal.source, "data": signal.data, "offset": record.offset,
        "timestamp": record.timestamp,
    }  # fmt: skip
