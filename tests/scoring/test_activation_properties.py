"""Rules that change while signals are folded, against the oracle that is told where."""

from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from leadstream.models.catalog import compile_rules
from leadstream.records.control import ACTIVATE_KEY, SWEEP_KEY, Activation, Sweep
from leadstream.scoring.compiled.model import ModelCatalog
from tests.oracle.log import Oracle
from tests.oracle.rules import Rules
from tests.scoring.changing import with_activations
from tests.scoring.comparing import compare, compiled, seeds, too_flat
from tests.scoring.folding import APP, TOPIC, Log, run
from tests.scoring.rich_parts import MODEL_KEYS
from tests.scoring.rich_worlds import World
from tests.scoring.shrinking import hold

SEEDS = st.integers(0, 2**32)
SAME = tuple(key for key in MODEL_KEYS if key != "steps")
"""A loss by inactivity does not go on while a factor is parked, which the oracle does not know."""


def log_of(entries: list[dict[str, Any]]) -> Log:
    log, number = Log(), 0
    for entry in entries:
        body = {name: value for name, value in entry.items() if name not in ("offset", "timestamp")}
        now = entry["timestamp"]
        if entry["type"] == "tick":
            log.tick(now)
        elif entry["type"] == "activate":
            number += 1
            activation = Activation(number=number, rules=entry["file"], by="ann", why="test")
            log.raw(ACTIVATE_KEY, msgspec.json.encode(activation), now)
        elif entry["type"] == "sweep":
            log.raw(SWEEP_KEY, msgspec.json.encode(Sweep(number=number, start="", count=500)), now)
        else:
            log.add(body.pop("type"), now, **body)
    return log


def check(world: World, random: Random, *, kernels: bool) -> None:
    file, signals = world
    compile_rules(file, None)
    entries = with_activations(random, file, signals, kernels=kernels)
    oracle = Oracle(Rules(file), APP, TOPIC)
    for entry in entries:
        oracle.fold(entry)
    if too_flat(oracle):
        return
    packs = [random.randint(0, len(entries)) for _ in range(random.randint(0, 3))]
    catalog = ModelCatalog(compiled(file), compile_rules=compile_rules)
    compare(run(log_of(entries), catalog, packs=packs, limit=random.choice([1, 2, 4000])), oracle)


@seeds(200)
@given(SEEDS)
def test_rules_change_as_the_oracle_says(seed: int) -> None:
    hold(lambda world, random: check(world, random, kernels=False), seed, SAME)


@seeds(100)
@given(SEEDS)
def test_kernels_change_from_the_instant_on(seed: int) -> None:
    hold(lambda world, random: check(world, random, kernels=True), seed, SAME)
