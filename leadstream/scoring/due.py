"""When a lead next needs work without a signal."""

from leadstream.scoring.instants import fall_time, first_exit
from leadstream.scoring.kernel import TOLERANCE
from leadstream.scoring.model import CompiledModel
from leadstream.scoring.reading import shown_interval
from leadstream.scoring.state import LeadState, refresh_instant


def due_of(state: LeadState, model: CompiledModel, key: bytes) -> int:
    """The next instant at which a threshold or band changes by itself, or the lead is written again; 0 if none.

    The state's `sums` stand at its `sums_at`, and its levels fit them.
    """
    half_lives, start = model.half_lives, state.sums_at
    level = model.interval(state.passed, state.band)
    if len(half_lives) == 1:
        half_life, total = half_lives[0], state.sums[0]
        if not half_life or total < 1.0 - TOLERANCE:
            # Nothing of this total shows; a level below one is the only thing that can still change.
            if half_life and total > 0.0 and level.low > 0.0:
                return start + fall_time(total, half_life, level.low)
            return 0
        shown = min(int(total + TOLERANCE), 100) - TOLERANCE
        due = refresh_instant(key, start + fall_time(total, half_life, shown))
        if level.low > 0.0:
            due = min(due, start + fall_time(total, half_life, level.low))
        return due
    instants = []
    change = first_exit(state.sums, half_lives, *shown_interval(sum(state.sums)))
    if change is not None:
        instants.append(refresh_instant(key, start + change))
    exit_ = first_exit(state.sums, half_lives, level.low, level.high)
    if exit_ is not None:
        instants.append(start + exit_)
    return min(instants, default=0)
