"""Two leads made one, and what becomes of the one: the engine and the oracle side by side."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadstream.scoring.merge import absorb
from leadstream.scoring.outbox import Outbox
from leadstream.scoring.policy import Turns
from leadstream.scoring.state import encode_state
from tests.oracle.log import Oracle
from tests.oracle.rules import Rules
from tests.scoring.comparing import compare, compiled, seeds, too_flat
from tests.scoring.folding import APP, TOPIC, Result, run
from tests.scoring.rich_parts import MODEL_KEYS
from tests.scoring.rich_worlds import World
from tests.scoring.shrinking import hold
from tests.scoring.worlds import log_of

EXACT = tuple(key for key in MODEL_KEYS if key not in ("steps", "repeat", "guards", "effects"))
"""Keys of models in which two leads are exactly what one would have been, but for orders of arrival."""
PLACE = 1000
"""The offset of the record that asks for the merge."""


@pytest.mark.requirement("N-7")
@seeds(250)
@given(st.integers(0, 2**48))
def test_two_leads_made_one_are_the_union_of_both(seed: int) -> None:
    hold(as_one, seed, EXACT)


def as_one(world: World, random: Random) -> None:
    file, signals = world
    signals = [
        {**signal, "lead": "l1" if signal["lead"] == "l1" and random.random() < 0.6 else "l2", "tenant": "acme"}
        for signal in signals
        if signal["type"] != "wipe"
    ]
    end = random.randint(0, len(signals))
    before = signals[:end]
    after = [{**one, "lead": "l1", "offset": one["offset"] + PLACE + 1} for one in signals[end:]]
    if {signal["lead"] for signal in before if signal["type"] != "tick"} != {"l1", "l2"}:
        return
    oracle = Oracle(Rules(file), APP, TOPIC)
    for signal in before:
        oracle.fold(signal)
    if ("acme", "l1") not in oracle.leads or ("acme", "l2") not in oracle.leads:
        return
    oracle.merge(("acme", "l1"), ("acme", "l2"), PLACE)
    for signal in after:
        oracle.fold(signal)
    if not too_flat(oracle):
        compare(folded(file, before, after), oracle)


def folded(file: dict[str, Any], before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Result:
    """The engine's first part, the merge of l2 into l1, and the second part from the rows of both."""
    model = compiled(file)
    first = run(log_of(before), model)
    state, loser = first.fold.state_of(b"acme:l1"), first.fold.state_of(b"acme:l2")
    assert state is not None
    assert loser is not None
    outbox, turns = Outbox(APP, TOPIC, 0), first.fold.turns
    state.place = PLACE
    absorb(state, loser, model, b"acme:l1", first.fold.now, outbox, turns)
    return joined(first, encode_state(state), outbox, after)
