"""The fold against the oracle: random models, random signals, in order, late, twice, split anywhere."""

import json
import os
from importlib import resources
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from leadstream.scoring.model import CompiledModel
from leadstream.scoring.reading import accumulators, explain, score, sum_at
from tests.oracle.log import Oracle
from tests.oracle.rules import Rules
from tests.scoring.folding import APP, DAY, TOPIC, Result, model_of, run
from tests.scoring.worlds import known_signals, log_of, logs, models, plain_signals

TENX_TEXT = (resources.files("leadstream.models") / "presets" / "tenx.yaml").read_text()
TENX = YAML(typ="safe").load(TENX_TEXT)
TENX_MODEL = model_of(TENX_TEXT)

EXAMPLES = os.environ.get("LEADSTREAM_EXAMPLES")
"""How many random histories per test; by default 300, the same ones each time."""

quick = settings(
    max_examples=int(EXAMPLES or 300),
    derandomize=EXAMPLES is None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def close(left: float, right: float) -> bool:
    return abs(left - right) <= 1e-9 * max(1.0, abs(left), abs(right))


def told(file: dict[str, Any], signals: list[dict[str, Any]]) -> Oracle:
    oracle = Oracle(Rules(file), APP, TOPIC)
    for signal in signals:
        oracle.fold(signal)
    return oracle


def what(record: dict[str, Any]) -> str:
    """What a record's id names: its threshold, band or action."""
    if "do" in record:
        return str(record["do"])
    return repr(float(record["threshold"])) if "threshold" in record else str(record["band"])


def compare(result: Result, oracle: Oracle) -> None:
    """Every record the same, in the same order; totals within 1e-9."""
    outputs = result.outputs
    shown = [
        (r["type"], r["lead"], r["at"], r["cause"], r["direction"], what(r), r["band"],
         r.get("signal", {}).get("id"), r.get("reason"), r.get("crossing"), r.get("payload") or None, r["id"])
        for r in outputs
    ]  # fmt: skip
    expected = [
        (e.type, e.lead, e.at, e.cause, e.direction, e.what, e.band,
         e.signal, e.reason, e.crossing, e.payload or None, e.id)
        for e in oracle.events
    ]  # fmt: skip
    assert shown == expected
    for record, event in zip(outputs, oracle.events, strict=True):
        assert close(record["total_before"], event.before)
        assert close(record["total_after"], event.after)
    assert [entry.outcome for entry in result.history] == [
        one for one in oracle.outcomes if one != "duplicate"
    ]
    assert result.reasons == ["bad_signal"] * oracle.rejected
    states = dict(result.fold.leads())
    assert {f"{tenant}:{lead}".encode() for tenant, lead in oracle.leads} == set(states)
    for (tenant, lead), known in oracle.leads.items():
        state = states[f"{tenant}:{lead}".encode()]
        for later in (oracle.now, oracle.now + DAY, oracle.now + 100 * DAY):
            total = float(known.total(later))
            assert close(score(state, result.model, later).total, total)
            assert close(sum_at(accumulators(state, result.model), later), total)
            factors = explain(accumulators(state, result.model), later)
            assert close(sum(factor.points for factor in factors), total)


def packs_of(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, count), max_size=4)


def too_flat(oracle: Oracle) -> bool:
    """Whether a total crept so slowly over a level that doubles can't tell one millisecond from the next."""
    return any(event.signal is None and abs(event.after - event.before) < 1e-13 for event in oracle.events)


def check(
    file: dict[str, Any], model: CompiledModel, signals: list[dict[str, Any]], data: st.DataObject
) -> None:
    packs = data.draw(packs_of(len(signals)))
    limit = data.draw(st.sampled_from([1, 2, 3, 4000]))
    oracle = told(file, signals)
    assume(not too_flat(oracle))
    compare(run(log_of(signals), model, packs=packs, limit=limit), oracle)


@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-5")
@pytest.mark.requirement("N-6")
@quick
@given(logs(known_signals()), st.data())
def test_tenx_does_what_the_oracle_says(signals: list[dict[str, Any]], data: st.DataObject) -> None:
    check(TENX, TENX_MODEL, signals, data)


@pytest.mark.requirement("N-1")
@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-3")
@pytest.mark.requirement("N-8")
@quick
@given(models(), logs(plain_signals()), st.data())
def test_any_model_does_what_the_oracle_says(
    file: dict[str, Any], signals: list[dict[str, Any]], data: st.DataObject
) -> None:
    check(file, model_of(json.dumps(file)), signals, data)
