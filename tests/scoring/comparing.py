"""Random histories by the engine and by the oracle, side by side."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st

from leadstream.models.compile import compile_model
from leadstream.models.schema import RuleFile, Tenant
from leadstream.records.outputs import ScoreSnapshot
from leadstream.scoring.compiled.model import CompiledModel, ModelCatalog
from leadstream.scoring.decay.totals import accumulators, explain, score, sum_at
from leadstream.scoring.partition.snapshot import snapshot
from tests.oracle.log import Event, Oracle
from tests.oracle.rules import Rules
from tests.scoring.folding import APP, DAY, TOPIC, Result, run
from tests.scoring.worlds import log_of

EXAMPLES = os.environ.get("LEADSTREAM_EXAMPLES")
"""How many random histories per test; by default a few hundred, the same ones each time."""


def examples(count: int) -> settings:
    """So many examples, unless the environment says how many."""
    return settings(
        max_examples=int(EXAMPLES or count),
        derandomize=EXAMPLES is None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def seeds(count: int) -> settings:
    """The same for tests that take a seed: there is nothing smaller about a smaller one."""
    return settings(examples(count), phases=[Phase.explicit, Phase.generate])


def close(left: float, right: float) -> bool:
    return abs(left - right) <= 1e-9 * max(1.0, abs(left), abs(right))


def compiled(file: dict[str, Any]) -> CompiledModel:
    """The model of a rule file, not read from YAML: that would take as long as all the rest."""
    return compile_model(RuleFile.model_validate_json(json.dumps(file)))


def catalog(file: dict[str, Any], tenants: Mapping[str, dict[str, str]]) -> ModelCatalog:
    """A model for all tenants, and what some have of their own: `half_life` and `timezone`."""
    rules = RuleFile.model_validate_json(json.dumps(file))
    default = compile_model(rules)
    own = {
        name: Tenant.model_validate_json(json.dumps({"tenant": name, **one})) for name, one in tenants.items()
    }
    return ModelCatalog(
        default, {"acme": default, **{name: compile_model(rules, tenant) for name, tenant in own.items()}}
    )


def told(
    file: dict[str, Any],
    signals: Sequence[dict[str, Any]],
    tenants: Mapping[str, dict[str, str]] | None = None,
) -> Oracle:
    own = {name: Rules(file, **one) for name, one in (tenants or {}).items()}
    oracle = Oracle(Rules(file), APP, TOPIC, tenants=own)
    for signal in signals:
        oracle.fold(signal)
    return oracle


def packs_of(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, count), max_size=4)


def check(
    file: dict[str, Any], model: CompiledModel, signals: list[dict[str, Any]], data: st.DataObject
) -> None:
    """The same records, history and totals from both, wherever the packs are split."""
    packs = data.draw(packs_of(len(signals)))
    limit = data.draw(st.sampled_from([1, 2, 3, 4000]))
    oracle = told(file, signals)
    assume(not too_flat(oracle))
    compare(run(log_of(signals), model, packs=packs, limit=limit), oracle)


def too_flat(oracle: Oracle) -> bool:
    """Whether a total crept so slowly over a level that doubles can't tell one millisecond from the next."""
    return oracle.blurred or any(
        event.signal is None
        and event.type == "lead.threshold.crossed"
        and abs(event.after - event.before) < 1e-13
        for event in oracle.events
    )


def what(record: dict[str, Any]) -> str:
    """What a record's id names: its action, trigger, threshold, band or stage."""
    if "do" in record:
        return str(record["do"])
    kind = record["type"]
    if kind == "lead.trigger.fired":
        return str(record["trigger"])
    if kind == "lead.threshold.crossed":
        return repr(float(record["threshold"]))
    return str(record.get(kind.split(".")[1], ""))


def shown(record: dict[str, Any]) -> dict[str, Any]:
    """A record as far as it is compared exactly."""
    kind = record["type"].split(".")[1]
    return {
        "id": record["id"], "type": record["type"], "lead": record["lead"], "at": record["at"],
        "cause": record["cause"], "direction": record["direction"], "what": what(record),
        "band": record["band"], "stage": record.get("stage", ""),
        "signal": record.get("signal", {}).get("id"),
        "reason": record.get("reason"), "crossing": record.get("crossing") or None,
        "payload": record.get("payload") or None, "trigger": record.get("trigger"),
        "channel": record.get("channel"),
        "previous": record.get(f"previous_{kind}"), "until": record.get("until", ""),
        "priority": record.get("priority", ""),
    }  # fmt: skip


def expected(event: Event) -> dict[str, Any]:
    return {
        "id": event.id, "type": event.type, "lead": event.lead, "at": event.at, "cause": event.cause,
        "direction": event.direction, "what": event.what, "band": event.band, "stage": event.stage,
        "signal": event.signal, "reason": event.reason, "crossing": event.crossing or None,
        "payload": event.payload or None, "trigger": event.trigger, "channel": event.channel,
        "previous": event.previous,
        "until": event.until, "priority": event.priority,
    }  # fmt: skip


def compare(result: Result, oracle: Oracle) -> None:
    """Every record the same, in the same order; totals within 1e-9."""
    outputs = result.outputs
    for record, event in zip(outputs, oracle.events, strict=False):
        found, wanted = shown(record), expected(event)
        assert found == wanted, {
            name: (found[name], wanted[name]) for name in found if found[name] != wanted[name]
        }
    assert len(outputs) == len(oracle.events), [what(record) for record in outputs[len(oracle.events) :]] or [
        event.what for event in oracle.events[len(outputs) :]
    ]
    for record, event in zip(outputs, oracle.events, strict=True):
        assert close(record["total_before"], event.before)
        assert close(record["total_after"], event.after)
        if event.value is not None:
            assert close(record["value"], event.value)
        if event.trigger and event.trigger.startswith("threshold:"):
            assert record["threshold"] == float(event.trigger.removeprefix("threshold:"))
        compare_shares(record, event)
    compare_history(result, oracle)
    assert result.reasons == ["bad_signal"] * oracle.rejected
    compare_totals(result, oracle)


def compare_shares(record: dict[str, Any], event: Event) -> None:
    """A record names all factors with their worth, and they add up to the total; of actions that are
    withheld none does."""
    named = {one["factor"]: one["points"] for one in record.get("factors", [])}
    left = {factor: points for factor, points in event.shares.items() if abs(points) > 1e-9}
    if record["type"] == "lead.action.skipped":
        assert not named
        return
    assert close(sum(named.values()), event.after)
    for factor, points in named.items():
        assert close(points, event.shares.get(factor, 0.0))
        left.pop(factor, None)
    for one in record.get("factors", []):
        if one["factor"] in event.evidence:
            found = one["count"], one["last_at"], one.get("offset", -1)
            assert found == event.evidence[one["factor"]], (one, event.evidence)
    assert not left


def compare_history(result: Result, oracle: Oracle) -> None:
    entries = [one for one in oracle.told if one.outcome != "duplicate"]
    found = [(entry.outcome, list(entry.flags)) for entry in result.history]
    wanted = [(one.outcome, one.flags) for one in entries]
    assert found == wanted, (found, wanted)
    for entry, one in zip(result.history, entries, strict=True):
        points: dict[str, float] = {}
        for contribution in entry.contributions:
            points[contribution.factor] = points.get(contribution.factor, 0.0) + contribution.points
        for factor in {*points, *one.contributions}:
            assert close(points.get(factor, 0.0), float(one.contributions.get(factor, 0)))


def compare_totals(result: Result, oracle: Oracle) -> None:
    """Whose all leads are, their totals now and later, and that explanations add up to them."""
    states = dict(result.fold.leads())
    assert {f"{tenant}:{lead}".encode() for tenant, lead in oracle.leads} == set(states)
    for (tenant, lead), known in oracle.leads.items():
        key = f"{tenant}:{lead}".encode()
        state, model = states[key], result.fold.model_of(key)
        told = msgspec.json.decode(snapshot(state, model, tenant, lead), type=ScoreSnapshot)
        assert told.owner == known.belongs_to, (told.owner, known.belongs_to)
        wanted = known.suppressed_at(oracle.now)
        assert {name.casefold() for name in told.suppressed} == wanted, (told.suppressed, wanted)
        assert len(told.suppressed) == len(wanted)
        parts = accumulators(state, model)
        for later in (oracle.now, oracle.now + DAY, oracle.now + 100 * DAY):
            shares = known.shares(later)
            total = float(sum(shares.values()))
            assert close(score(state, model, later).total, total), (score(state, model, later).total, total)
            assert close(sum_at(parts, later, model.caps), total)
            factors = {factor.factor: factor.points for factor in explain(parts, later, model.caps)}
            assert close(sum(factors.values()), total)
            for name in {*shares, *factors}:
                points, wanted = factors.get(name, 0.0), float(shares.get(name, 0))
                assert close(points, wanted), (name, points, wanted)
