"""Moving a lead through time, and when it next needs work without a signal."""

from leadstream.scoring.instants import fall_time, first_exit
from leadstream.scoring.kernel import TOLERANCE, decayed
from leadstream.scoring.model import CompiledModel
from leadstream.scoring.reading import shown_interval
from leadstream.scoring.state import LeadState, refresh_instant


def advance(state: LeadState, model: CompiledModel, now: int) -> None:
    """Moves the sums to `now`, which is not before they stand."""
    elapsed = now - state.touched
    state.total *= 2.0 ** (-elapsed / model.scales[0])
    if state.others is not None:
        halves = model.half_lives[1:]
        state.others = [
            decayed(value, half, elapsed) for value, half in zip(state.others, halves, strict=True)
        ]
    state.touched = now


def set_due(state: LeadState, model: CompiledModel, key: bytes, low: float, high: float) -> None:
    """Sets when the lead next changes by itself, and when it is due for work.

    Thresholds and bands change when the total leaves [low, high); the lead is due then, and within 24 h of a
    change of the score shown, to be written again.
    """
    start = state.touched
    if state.others is None:
        total, half_life = state.total, model.half_lives[0]
        if not half_life or total <= 0.0:
            # A constant stays, and what is negative rises to 0 at most: no level stands there.
            state.due = state.change = 0
            return
        if total < 1.0 - TOLERANCE:
            state.due = state.change = start + fall_time(total, half_life, low) if low > 0.0 else 0
            return
        shown = (100 if total >= 100.0 else int(total + TOLERANCE)) - TOLERANCE
        change = start + fall_time(total, half_life, shown)
        due = refresh_instant(key, change)
        if low > shown or (low > 0.0 and total * 2.0 ** ((start - due) / half_life) < low):
            # The level is met before the score shown changes, or before the lead is written again.
            passed = start + fall_time(total, half_life, low)
            change, due = min(change, passed), min(due, passed)
        state.due, state.change = due, change
        return
    sums = [state.total, *state.others]
    leaves = first_exit(sums, model.half_lives, low, high)
    changes = first_exit(sums, model.half_lives, *shown_interval(sum(sums)))
    instants = [start + exit_ for exit_ in (leaves, changes) if exit_ is not None]
    dues = [] if leaves is None else [start + leaves]
    if changes is not None:
        dues.append(refresh_instant(key, start + changes))
    state.change = min(instants, default=0)
    state.due = min(dues, default=0)
