"""Two leads made one, and what becomes of the one: the engine and the oracle side by side."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from leadstream.records.step import Step
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.lead.merge import absorb
from leadstream.scoring.partition.rows import TURNS, read_turns, turns_row
from leadstream.scoring.state.lead_state import decode_state, encode_state
from tests.oracle.log import Oracle
from tests.oracle.rules import Rules
from tests.scoring.comparing import compare, compiled, seeds, too_flat
from tests.scoring.folding import APP, TOPIC, Result, run
from tests.scoring.rich_parts import MODEL_KEYS
from tests.scoring.rich_worlds import World
from tests.scoring.shrinking import hold
from tests.scoring.worlds import log_of

EXACT = tuple(key for key in MODEL_KEYS if key != "steps")
"""Keys of models in which what two leads kept can be joined; losses locked in by activity can't."""
PLACE = 1000
"""The offset of the record that asks for the merge."""


@seeds(250)
@given(st.integers(0, 2**48))
def test_two_leads_made_one_are_the_union_of_both(seed: int) -> None:
    hold(as_one, seed, EXACT)


def as_one(world: World, random: Random) -> None:
    file, signals = world
    # What is drawn does not depend on how many signals there are, as failures are made small.
    salt, cut = random.randint(1, 10**6), random.randint(0, 25)
    signals = [
        {**one, "lead": "l1" if Random(one["offset"] * salt).random() < 0.5 else "l2", "tenant": "acme"}
        for one in signals
        if one["type"] not in ("wipe", "email.unsubscribed")
    ]
    before = [one for one in signals if one["offset"] < cut]
    after = [
        {**one, "lead": "l1", "offset": one["offset"] + PLACE + 1} for one in signals if one["offset"] >= cut
    ]
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
    rows = {key: row for step in first.steps for key, row in step.changelog if row is not None}
    state, loser = decode_state(rows.pop(b"acme:l1")), decode_state(rows.pop(b"acme:l2"))
    turns, row = RoundRobin(), TURNS + b"acme"
    if row in rows:
        turns.counters["acme"] = read_turns(row, rows[row])
    outbox, now = Outbox(APP, TOPIC, 0), first.fold.now
    state.place = PLACE
    absorb(state, loser, model, b"acme:l1", now, outbox, turns)
    rows[b"acme:l1"] = encode_state(state)
    if turns.counters:
        rows[row] = turns_row(turns.counters["acme"])
    step = Step(PLACE, now)
    outbox.move_to(step)
    second = run(log_of(after), model, rows=rows)
    return Result(second.fold, model, [*first.steps, step, *second.steps])
