"""Laws that hold of every model: order, packs, restores, time, explanations, points."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leadstream.records.keys import CONTROL_PREFIX
from leadstream.records.times import parse_instant
from leadstream.scoring.reading import accumulators, explain, total_at
from tests.oracle import wire
from tests.scoring.comparing import check, close, compiled, examples, packs_of
from tests.scoring.folding import DAY, HOUR, Record, Result, run
from tests.scoring.rich_worlds import MODEL_KEYS, World, rich_worlds
from tests.scoring.worlds import LEADS, log_of

COMMUTING = ["categories", "lines", "recency", "group", "when", "by", "triggers"]
"""Keys of models in which signals may come in any order."""


@pytest.mark.requirement("N-1")
@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-8")
@examples(1000)
@given(rich_worlds(), st.data())
def test_any_rich_model_does_what_the_oracle_says(world: World, data: st.DataObject) -> None:
    file, signals = world
    check(file, compiled(file), signals, data)


def records_of(signals: list[dict[str, Any]]) -> list[Record]:
    return log_of(signals).records


def written(result: Result) -> dict[str, Any]:
    """Everything that a fold leaves behind, but for how it was packed."""
    steps = result.steps
    rows = {key: row for step in steps for key, row in step.changelog}
    return {
        "actions": [one for step in steps for one in step.actions],
        "decisions": [one for step in steps for one in step.decisions],
        "outputs": [one["id"] for one in result.outputs],
        "history": result.history,
        "dead letters": [one for step in steps for one in step.dead_letters],
        "scores": {key: value for step in steps for key, value, _ in step.scores},
        "rows": {key: row for key, row in rows.items() if not key.startswith(CONTROL_PREFIX)},
    }


@pytest.mark.requirement("N-5")
@examples(80)
@given(rich_worlds(), st.data())
def test_packs_may_be_split_anywhere(world: World, data: st.DataObject) -> None:
    file, signals = world
    model, records = compiled(file), records_of(signals)
    packs, limit = data.draw(packs_of(len(signals))), data.draw(st.sampled_from([1, 2, 3]))
    assert written(run(records, model, packs=packs, limit=limit)) == written(run(records, model))


@examples(80)
@given(rich_worlds(), st.data())
def test_a_fold_goes_on_from_its_rows_as_if_nothing_had_been(world: World, data: st.DataObject) -> None:
    file, signals = world
    model, records = compiled(file), records_of(signals)
    end = data.draw(st.integers(1, len(records)))
    first = run(records[:end], model)
    rows = {key: row for step in first.steps for key, row in step.changelog if row is not None}
    second = run(records[end:], model, rows=rows) if end < len(records) else None
    both = written(Result(first.fold, model, first.steps + (second.steps if second else [])))
    assert both == written(run(records, model))


@pytest.mark.requirement("N-2")
@examples(80)
@given(rich_worlds(), st.data())
def test_no_timer_is_early_and_none_is_missed(world: World, data: st.DataObject) -> None:
    """Ticks anywhere, also right before and right at what time alone brings about, change nothing."""
    file, signals = world
    model, records = compiled(file), records_of(signals)
    until = max(record.timestamp for record in records) + 50 * DAY
    for record in records:
        record.offset *= 1000
    plain = run(records, model, until=until)
    fired = sorted({parse_instant(one["at"]) for one in plain.outputs if "signal" not in one})
    chosen = data.draw(st.lists(st.sampled_from(fired or [until - DAY]), max_size=6))
    extra = [*(one + shift for one in chosen for shift in (-1, 0)), until - DAY, until - HOUR - 1]
    assert written(run(with_ticks(records, extra), model, until=until)) == written(plain)
    early = run([one for one in with_ticks(records, extra) if one.timestamp < until], model)
    seen = [one["id"] for one in early.outputs]
    assert seen == [one["id"] for one in plain.outputs if parse_instant(one["at"]) <= early.fold.now]


def with_ticks(records: list[Record], instants: list[int]) -> list[Record]:
    """The records with ticks between them where now passes these instants."""
    found: list[Record] = []
    left = sorted(set(instants))
    now = 0
    for record in [*records, None]:
        while left and (record is None or left[0] <= record.timestamp):
            instant = left.pop(0)
            if instant >= now:
                offset = found[-1].offset + 1 if found else 0
                found.append(Record(offset, instant, b"\0tick", b"{}"))
        if record is not None:
            found.append(record)
            now = max(now, record.timestamp)
    return found


@st.composite
def commuting(draw: st.DrawFn) -> World:
    """A model in which order does not matter, and signals that come all at once."""
    file, signals = draw(rich_worlds(COMMUTING))
    signals = [
        {**signal, "id": f"s{index}"}
        for index, signal in enumerate(signals)
        if signal["type"] not in ("wipe", "score.bumped", "tick", "lead.updated")
    ]
    now = max([signal["at"] for signal in signals], default=0)
    return file, [{**signal, "timestamp": now} for signal in signals]


@pytest.mark.requirement("N-5")
@examples(80)
@given(commuting(), st.randoms(use_true_random=False))
def test_signals_that_commute_give_the_same_total_in_any_order(world: World, random: Any) -> None:
    file, signals = world
    assume(len(signals) > 1)
    model = compiled(file)
    other = list(signals)
    random.shuffle(other)
    first, second = run(log_of(signals), model), run(log_of(other), model)
    for key, state in first.fold.leads():
        again = second.fold.state_of(key)
        assert again is not None
        for later in (0, DAY - 1, 40 * DAY):
            t = first.fold.now + later
            assert close(total_at(state, model, t), total_at(again, model, t))


@pytest.mark.requirement("N-8")
@examples(120)
@given(rich_worlds())
def test_a_snapshot_alone_explains_the_total_at_any_later_time(world: World) -> None:
    file, signals = world
    model = compiled(file)
    result = run(log_of(signals), model)
    for lead in sorted(set(LEADS)):
        state = result.fold.state_of(f"acme:{lead}".encode())
        if state is None:
            continue
        values = [
            value for step in result.steps for key, value, _ in step.scores if key == f"acme:{lead}".encode()
        ]
        snapshot = json.loads(values[-1] or b"")
        for later in (0, 1, HOUR, DAY, 8 * DAY, 100 * DAY):
            t = result.fold.now + later
            total = total_at(state, model, t)
            assert close(float(wire.total(snapshot, t)), total)
            assert close(sum(one.points for one in explained(result, lead, t)), total)


def explained(result: Result, lead: str, t: int) -> Any:
    state = result.fold.state_of(f"acme:{lead}".encode())
    assert state is not None
    return explain(accumulators(state, result.model), t, result.model.caps)


@examples(80)
@given(rich_worlds([key for key in MODEL_KEYS if key != "by"]), st.data())
def test_more_points_never_make_a_positive_factor_less(world: World, data: st.DataObject) -> None:
    file, signals = world
    good = [rule for rule in file["rules"] if rule.get("points", 0) > 0]
    chosen = data.draw(st.sampled_from(good))["id"]
    raised = deepcopy(file)
    rule = next(rule for rule in raised["rules"] if rule["id"] == chosen)
    rule["points"] *= data.draw(st.sampled_from([1.5, 4]))
    first, second = (run(log_of(signals), compiled(one)) for one in (file, raised))
    for key, _ in first.fold.leads():
        lead = key.decode().partition(":")[2]
        for later in (0, DAY, 31 * DAY):
            less, more = (
                worth(explained(one, lead, first.fold.now + later), chosen) for one in (first, second)
            )
            assert more >= less - 1e-9


def worth(factors: Any, name: str) -> float:
    return float(sum(factor.points for factor in factors if factor.factor == name))
