"""Laws that hold of every model: what the oracle says; order, packs, restores, time, explanations, points."""

import json
from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.records.keys import CONTROL_PREFIX
from leadstream.records.times import parse_instant
from leadstream.scoring.decay.totals import accumulators, explain, total_at
from tests.oracle import wire
from tests.scoring.comparing import catalog, close, compare, compiled, seeds, told, too_flat
from tests.scoring.folding import DAY, HOUR, Record, Result, model_of, run
from tests.scoring.rich_parts import MODEL_KEYS
from tests.scoring.rich_worlds import World, rich_world
from tests.scoring.shrinking import hold
from tests.scoring.worlds import log_of

SEEDS = st.integers(0, 2**48)
TENANTS = [
    {},
    {"half_life": "3d"},
    {"timezone": "Europe/Berlin"},
    {"half_life": "none", "timezone": "Asia/Tokyo"},
]
COMMUTING = ("categories", "lines", "recency", "group", "when", "by", "triggers")
"""Keys of models in which signals may come in any order."""


@pytest.mark.requirement("N-1")
@pytest.mark.requirement("N-2")
@pytest.mark.requirement("N-8")
@seeds(1200)
@given(SEEDS)
def test_any_rich_model_does_what_the_oracle_says(seed: int) -> None:
    hold(as_the_oracle_says, seed)


def as_the_oracle_says(world: World, random: Random) -> None:
    file, signals = world
    tenants = {"beta": random.choice(TENANTS)}
    oracle = told(file, signals, tenants)
    if not too_flat(oracle):
        packs, limit = packs_of(len(signals), random)
        compare(run(log_of(signals), catalog(file, tenants), packs=packs, limit=limit), oracle)


@seeds(60)
@given(SEEDS)
def test_rich_models_are_rule_files_as_people_write_them(seed: int) -> None:
    file, _ = rich_world(Random(seed))
    assert model_of(json.dumps(file)).fingerprint == compiled(file).fingerprint


def packs_of(count: int, random: Random) -> tuple[list[int], int]:
    """Where packs begin, and how many records or timers a step takes at most."""
    return [random.randint(0, count) for _ in range(random.randint(0, 4))], random.choice([1, 2, 3, 4000])


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
@seeds(100)
@given(SEEDS)
def test_packs_may_be_split_anywhere(seed: int) -> None:
    def law(world: World, random: Random) -> None:
        model, records = compiled(world[0]), records_of(world[1])
        packs, limit = packs_of(len(records), random)
        assert written(run(records, model, packs=packs, limit=limit)) == written(run(records, model))

    hold(law, seed)


@seeds(100)
@given(SEEDS)
def test_a_fold_goes_on_from_its_rows_as_if_nothing_had_been(seed: int) -> None:
    def law(world: World, random: Random) -> None:
        model, records = compiled(world[0]), records_of(world[1])
        end = random.randint(0, len(records))
        first = run(records[:end], model)
        rows = {key: row for step in first.steps for key, row in step.changelog if row is not None}
        steps = run(records[end:], model, rows=rows).steps if end < len(records) else []
        assert written(Result(first.fold, model, first.steps + steps)) == written(run(records, model))

    hold(law, seed)


@pytest.mark.requirement("N-2")
@seeds(100)
@given(SEEDS)
def test_no_timer_is_early_and_none_is_missed(seed: int) -> None:
    """Ticks anywhere, also right before and right at what time alone brings about, change nothing."""

    def law(world: World, random: Random) -> None:
        model, records = compiled(world[0]), records_of(world[1])
        until = max((record.timestamp for record in records), default=0) + 50 * DAY
        for record in records:
            record.offset *= 1000
        plain = run(records, model, until=until)
        fired = sorted({parse_instant(one["at"]) for one in plain.outputs if "signal" not in one})
        chosen = random.sample(fired, min(6, len(fired)))
        instants = [*(one - 1 for one in chosen), *chosen, until - DAY, until - HOUR - 1]
        ticking = with_ticks(records, instants)
        assert written(run(ticking, model, until=until)) == written(plain)
        for instant in (until - DAY, *chosen):
            early = run([one for one in ticking if one.timestamp <= instant], model)
            seen = [one["id"] for one in early.outputs]
            assert seen == [one["id"] for one in plain.outputs if parse_instant(one["at"]) <= instant]

    hold(law, seed)


def with_ticks(records: list[Record], instants: list[int]) -> list[Record]:
    """The records with ticks between them where now passes these instants."""
    found: list[Record] = []
    left = sorted(set(instants))
    now = 0
    for record in [*records, None]:
        while left and (record is None or left[0] < record.timestamp):
            instant = left.pop(0)
            if instant >= now:
                offset = found[-1].offset + 1 if found else 0
                found.append(Record(offset, instant, b"\0tick", b"{}"))
        if record is not None:
            found.append(record)
            now = max(now, record.timestamp)
    return found


@pytest.mark.requirement("N-5")
@seeds(100)
@given(SEEDS)
def test_signals_that_commute_give_the_same_total_in_any_order(seed: int) -> None:
    def law(world: World, random: Random) -> None:
        file, signals = world
        alike = ("wipe", "email.unsubscribed", "score.bumped", "tick", "lead.updated", "consent.changed")
        signals = [signal for signal in signals if signal["type"] not in alike]
        now = max([signal["at"] for signal in signals], default=0)
        signals = [{**one, "id": f"s{index}", "timestamp": now} for index, one in enumerate(signals)]
        model = compiled(file)
        first = run(log_of(signals), model)
        random.shuffle(signals)
        second = run(log_of([{**one, "offset": index} for index, one in enumerate(signals)]), model)
        for key, state in first.fold.leads():
            again = second.fold.state_of(key)
            assert again is not None
            for later in (0, DAY - 1, 40 * DAY):
                t = first.fold.now + later
                assert close(total_at(state, model, t), total_at(again, model, t))

    hold(law, seed, COMMUTING)


@pytest.mark.requirement("N-8")
@seeds(200)
@given(SEEDS)
def test_a_snapshot_alone_explains_the_total_at_any_later_time(seed: int) -> None:
    def law(world: World, random: Random) -> None:
        file, signals = world
        result = run(log_of(signals), compiled(file))
        scores = {key: value for step in result.steps for key, value, _ in step.scores}
        for key, state in result.fold.leads():
            snapshot = json.loads(scores[key] or b"")
            for later in (0, 1, HOUR, DAY, 8 * DAY, 100 * DAY, random.randint(0, 50 * DAY)):
                t = result.fold.now + later
                total = total_at(state, result.model, t)
                assert close(float(wire.total(snapshot, t)), total)
                assert close(sum(one.points for one in explained(result, key, t)), total)

    hold(law, seed)


def explained(result: Result, key: bytes, t: int) -> Any:
    state = result.fold.state_of(key)
    assert state is not None
    return explain(accumulators(state, result.model), t, result.model.caps)


@seeds(100)
@given(SEEDS)
def test_more_points_never_make_a_positive_factor_less(seed: int) -> None:
    def law(world: World, random: Random) -> None:
        file, signals = world
        raised = deepcopy(file)
        rule = random.choice([rule for rule in raised["rules"] if rule.get("points", 0) > 0])
        rule["points"] *= random.choice([1.5, 4])
        first, second = (run(log_of(signals), compiled(one)) for one in (file, raised))
        for key, _ in first.fold.leads():
            for later in (0, DAY, 31 * DAY):
                t = first.fold.now + later
                less, more = (worth(explained(one, key, t), rule["id"]) for one in (first, second))
                assert more >= less - 1e-9

    hold(law, seed, tuple(key for key in MODEL_KEYS if key != "by"))


def worth(factors: Any, name: str) -> float:
    return float(sum(factor.points for factor in factors if factor.factor == name))
