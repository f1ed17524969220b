"""How large the records that a model makes can be at most, in bytes. Pure.

Upper bounds, not estimates: each text counts with six bytes a character, as JSON writes control characters,
each number with the most digits that it can have. A broker refuses a record that is larger than its topic
takes, and the same step would be refused at each start; so a worker compares these with its topics before it
folds.
"""

import msgspec

from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.kernels.buckets import MAX_BUCKETS
from leadstream.scoring.state.facts import MAX_TEXT
from leadstream.scoring.state.occurrences import MAX_OCCURRENCES

CHARACTER = 6
COMMON = 65_536
"""Key, headers and the members that a record has whatever its model: some 20 texts of up to 512 characters,
2 KiB of a signal's data, five factors."""
FACTS = 262_144
"""The facts of a lead, of which it has some 45 with texts of 512 characters, and its consents and times."""
ACCUMULATOR = 160
"""Mass, count and instants of one factor, and what stands around them."""
PAIR = 64
"""An instant and a number, in JSON."""

_encode = msgspec.json.encode


def largest_snapshot(model: CompiledModel) -> int:
    """Of the topic of scores: all factors of the model, with all signals that they keep apart."""
    size = COMMON + len(_encode(model.caps)) + CHARACTER * sum(map(len, model.channels))
    for branch, head in zip(model.branches, model.heads, strict=True):
        size += len(bytes(head)) + ACCUMULATOR
        kernel = model.kernels[branch.kernel]
        if not kernel.memoryless:
            size += 4 * PAIR + (MAX_BUCKETS + len(kernel.ages) + 1) * PAIR
    return size


def largest_row(model: CompiledModel) -> int:
    """Of the changelog: the state of a lead of which the model counts all that it can."""
    apart = sum(not model.kernels[branch.kernel].memoryless for branch in model.branches)
    rings = len(model.rules.get("rules", ())) + len(model.rules.get("guards", ())) + len(model.spikes)
    return (
        COMMON
        + FACTS
        + len(model.branches) * ACCUMULATOR // 2
        + apart * (MAX_BUCKETS * 16 + PAIR)
        + rings * (MAX_OCCURRENCES * 16 + PAIR)
        + (len(model.timers) + len(model.thresholds) + len(model.actions)) * PAIR
    )


def largest_action(model: CompiledModel) -> int:
    """Of the topics of actions and decisions: the largest payload, its texts from facts and signals at their
    longest."""
    size = 0
    for action in model.actions:
        taken = len(action.fact_payload) + len(action.signal_payload) + 3
        names = sum(len(name) for name, _ in (*action.fact_payload, *action.signal_payload))
        payload = len(_encode(action.payload)) + names + taken * (CHARACTER * MAX_TEXT + 8)
        size = max(size, payload)
    return COMMON + size
