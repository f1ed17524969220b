"""Moving a lead through time, and when it next needs work without a signal."""

from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.decay.first_exit import fall_time, first_exit
from leadstream.scoring.decay.segments import segment_of_state
from leadstream.scoring.decay.totals import inactive_since, shown_interval, total_at
from leadstream.scoring.kernels.kernel import TOLERANCE
from leadstream.scoring.state.bounces import lapse
from leadstream.scoring.state.lead_state import LeadState, refresh_instant


def advance(state: LeadState, model: CompiledModel, now: int) -> None:
    """Moves the total to `now`, which is not before it stands."""
    if model.plain:
        state.total *= 2.0 ** ((state.touched - now) / model.scales[0])
    else:
        state.total = total_at(state, model, now)
    state.touched = now


def set_due(state: LeadState, model: CompiledModel, key: bytes, low: float, high: float) -> None:
    """Sets when the lead next changes by itself, and when it is due for work.

    Thresholds, bands and stages change when the total leaves [low, high); the lead is due then, when its
    total takes another form, when one of its timers is, and within 24 h of a change of the score shown, to be
    written again.
    """
    if model.plain:
        set_plain_due(state, model, key, low, high)
    else:
        set_any_due(state, model, key, low, high)
    if model.inactivities or state.extra is not None:
        due = next_timer(state, model)
        if due and (not state.due or due < state.due):
            state.due = due


def set_plain_due(state: LeadState, model: CompiledModel, key: bytes, low: float, high: float) -> None:
    start, total, half_life = state.touched, state.total, model.scales[0]
    if not model.kernels[0].half_life or total <= 0.0:
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


def set_any_due(state: LeadState, model: CompiledModel, key: bytes, low: float, high: float) -> None:
    segment = segment_of_state(state, model)

    def total(t: int) -> float:
        return total_at(state, model, t)

    leaves = first_exit(total, segment, low, high)
    changes = first_exit(total, segment, *shown_interval(state.total))
    end = segment.end
    dues = [instant for instant in (leaves, end) if instant is not None]
    if changes is not None:
        dues.append(refresh_instant(key, changes))
    state.change = min((instant for instant in (leaves, changes, end) if instant is not None), default=0)
    state.due = min(dues, default=0)


def next_timer(state: LeadState, model: CompiledModel) -> int:
    """When the next inactivity, absence or deferred action of the lead is due, or its suppression by soft
    bounces ends; 0 if none does.
    """
    found = []
    anchor = inactive_since(state)
    if anchor is not None:
        found = [anchor + one.after for one in model.inactivities if anchor + one.after > state.touched]
    extra = state.extra
    if extra is not None:
        if extra.waits:
            found += [deadline for deadline, _, _ in extra.waits]
        if extra.deferred:
            found += [one.due for one in extra.deferred]
        if extra.bounces is not None:
            ends = lapse(state, model.bounces)
            if ends is not None and ends > state.touched:
                found.append(ends)
    return min(found, default=0)
