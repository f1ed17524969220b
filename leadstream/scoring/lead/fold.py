"""The fold of one lead: what a signal, or the passing of time, does to its state. Pure and deterministic."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from leadstream.records.outputs import Contribution, HistoryEntry, Outcome
from leadstream.records.signal import Signal
from leadstream.records.step import LogRecord
from leadstream.records.times import DAY
from leadstream.scoring.actions.consents import allows
from leadstream.scoring.actions.evaluation import Evaluation, Transition
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.compiled.levels import Interval
from leadstream.scoring.compiled.model import BUMP, CompiledModel
from leadstream.scoring.compiled.rules import Plan
from leadstream.scoring.decay.accumulate import add, be_active, begin_spell, clear, sum_again
from leadstream.scoring.decay.due import advance, set_due
from leadstream.scoring.decay.totals import inactive_since, total_at
from leadstream.scoring.kernels.kernel import score_of
from leadstream.scoring.lead.effects import apply_effects, bump_of
from leadstream.scoring.lead.evidence import SMALL, kept_data, reference, traceparent_of
from leadstream.scoring.lead.fit import rescore
from leadstream.scoring.lead.matching import Match, scoring
from leadstream.scoring.lead.signal_effects import SignalEffects, repeated
from leadstream.scoring.lead.unread import unread_in
from leadstream.scoring.state.bounces import forgive, of_present_address
from leadstream.scoring.state.lead_state import (
    ID_BYTES,
    MEMORY_BYTES,
    Deferred,
    LeadState,
)

FUTURE = 300_000
"""A signal more than this many milliseconds ahead of now is flagged; its effective time is now either way."""
PAST = 1826 * DAY
"""A signal whose effective time is more than this many milliseconds, five years, before now is flagged."""


def fold_signal(
    state: LeadState,
    signal: Signal,
    record: LogRecord,
    model: CompiledModel,
    plan: Plan,
    now: int,
    outbox: Outbox,
    turns: RoundRobin,
) -> HistoryEntry | None:
    """Folds a signal into the state in place; None if its id is among the lead's last ones.

    `record` is where the signal stands, `plan` what the model has for its type, `now` the partition's; all
    timers of the lead up to now have fired. Raises `Rejected("bad_signal")` before anything has changed.

    The steps: match the rules, take what the signal means beside points, score it, settle what the total
    leads to, and record it.
    """
    bump = bump_of(signal.data) if plan.bump else None
    identity = signal.id
    if not remember(state, identity):
        return None
    matches = matching(plan, signal)
    sent: int = signal.at  # type: ignore[assignment]
    at = sent if sent < now else now
    if now != state.touched:
        advance(state, model, now)
    before = state.total
    state.place = record.offset
    state.ordinal = 0
    effects: SignalEffects | None = None
    if (
        model.watches
        or plan.rare
        or state.extra is not None
        or (plan.agent_only and "user_agent" in signal.data)
    ):
        effects = SignalEffects(state, signal, plan, model, at)

    outcome: Outcome = "unmatched"
    reset = learnt = False
    if plan.special or (effects is not None and plan.gets_through):
        outcome, reset, learnt = take_meaning(state, model, signal, plan, effects, at)
    if reset:
        clear(state, at)
        begin_spell(state, model, now)
        matches, bump = [], None
    elif plan.grouped:
        matches = scoring(matches, state, at)

    contributions: tuple[Contribution, ...] = ()
    gain = 0.0
    moved = reset or bump is not None or (effects is not None and effects.first)
    if bump is not None or matches:
        refused = not_counted(state, model, plan, at)
        if refused is not None:
            outcome = refused
        else:
            contributions, gain = score(state, model, plan, matches, effects, at, now)
            if bump is not None:
                contributions, gain = bumped(state, model, bump, contributions, gain, before, at, now)
            if contributions:
                outcome = "scored"
            elif matches:
                outcome = "flagged"
    if learnt and model.fits:
        changes = rescore(state, model, now)
        if changes:
            contributions += changes
            moved = True
            gain += sum([change.points for change in changes])
            outcome = "reset" if outcome == "reset" else "scored"
    if moved or (contributions and not model.plain):
        sum_again(state, model)

    data, data_bytes = signal.data, 0
    if len(record.value or b"") > SMALL:
        data, data_bytes = kept_data(signal, len(record.value or b""))
    low, high = settle(
        state, model, signal, record, data, effects, reset, gain, before, at, now, outbox, turns
    )
    # What only time asks for may change with any signal.
    timed = effects is not None or state.extra is not None
    if contributions or reset or timed or 0 < state.change <= now:
        set_due(state, model, record.key or b"", low, high)
    after = state.total
    shown = score_of(before)
    # Two may have one name: a guard of the file, and the one for opens before anybody reads.
    flags = () if effects is None else tuple(dict.fromkeys([guard.name for guard in effects.flags]))
    return HistoryEntry(
        record.offset, signal.tenant, signal.lead, identity, signal.type, signal.source, at, now,
        after - before, before, after, shown, shown if after == before else score_of(after), contributions,
        outcome, sent - now > FUTURE, data, data_bytes, flags, unread_in(signal) if plan.facts else (),
        now - at > PAST,
    )  # fmt: skip


def remember(state: LeadState, identity: str) -> bool:
    """Makes an id the newest of those that the lead remembers; whether it was none of them."""
    digest = blake2b(identity.encode(), digest_size=ID_BYTES).digest()
    ids = state.ids
    if digest in ids and (place := place_of(digest, ids)) >= 0:
        # The last distinct ones are remembered, and this one is the newest of them again.
        state.ids = ids[:place] + ids[place + ID_BYTES :] + digest
        return False
    # A lead made of two remembers the ids of both.
    state.ids = ids + digest if len(ids) < MEMORY_BYTES else ids[ID_BYTES:] + digest
    return True


def matching(plan: Plan, signal: Signal) -> list[Match]:
    """The rules whose conditions hold of a signal."""
    matches: list[Match] = []
    for test, branch, pick, repeat, options in plan.rules:
        if test is None or test(signal):
            if pick is not None:
                branch = pick(signal)
            if branch is not None:
                matches.append((branch, repeat, options))
    return matches


def take_meaning(
    state: LeadState,
    model: CompiledModel,
    signal: Signal,
    plan: Plan,
    effects: SignalEffects | None,
    at: int,
) -> tuple[Outcome, bool, bool]:
    """What a signal means beside points: its outcome so far, whether it resets the score, whether it changed
    facts."""
    outcome: Outcome = "unmatched"
    if (
        effects is not None
        and plan.gets_through
        and not effects.flags
        and of_present_address(state, signal.data, in_doubt=False)
        and forgive(state, model.bounces, at)
    ):
        outcome = "noted"
    if not plan.special:
        return outcome, False, False
    flagged = effects is not None and bool(effects.flags)
    reset, learnt, noted = apply_effects(state, model, signal, plan, at, flagged=flagged)
    return "reset" if reset else "noted" if noted else outcome, reset, learnt


def not_counted(state: LeadState, model: CompiledModel, plan: Plan, at: int) -> Outcome | None:
    """Why a signal of the effective time `at` counts nothing, though rules match it; None if it counts."""
    if state.reset_at is not None and at <= state.reset_at:
        return "before_reset"
    required = model.consent_required
    if (required or state.extra is not None) and not allows(state, plan, at, required):
        return "no_consent"
    return None


def score(
    state: LeadState,
    model: CompiledModel,
    plan: Plan,
    matches: list[Match],
    effects: SignalEffects | None,
    at: int,
    now: int,
) -> tuple[tuple[Contribution, ...], float]:
    """Adds what the rules give: the contributions at the signal's time, and the points gained."""
    if effects is not None and (effects.flags or plan.has_options):
        return effects.score(state, model, matches, at, now)
    contributions: tuple[Contribution, ...] = ()
    gain = 0.0
    active = False
    for branch, repeat, _ in matches:
        points = branch.points
        if repeat is None:
            add(state, model, branch, 1.0, at, now)
            contributions += branch.once
            gain += points
        else:
            factor = repeated(state, repeat, at)
            add(state, model, branch, factor, at, now)
            contributions += (Contribution(branch.factor, points * factor),)
            gain += points * factor
        active = active or points > 0.0
    if active and (state.active_at is None or at > state.active_at):
        be_active(state, model, at)
    return contributions, gain


def bumped(
    state: LeadState,
    model: CompiledModel,
    bump: tuple[bool, float],
    contributions: tuple[Contribution, ...],
    gain: float,
    before: float,
    at: int,
    now: int,
) -> tuple[tuple[Contribution, ...], float]:
    """Adds points given by hand, or what a total set by hand differs by from `before`, the present one."""
    by_set, mass = bump
    branch = model.branches[BUMP]
    if by_set:
        mass -= before
    add(state, model, branch, mass, now if by_set else at, now)
    return (*contributions, Contribution(branch.factor, mass)), gain + mass


def settle(
    state: LeadState,
    model: CompiledModel,
    signal: Signal,
    record: LogRecord,
    data: dict[str, Any],
    effects: SignalEffects | None,
    reset: bool,
    gain: float,
    before: float,
    at: int,
    now: int,
    outbox: Outbox,
    turns: RoundRobin,
) -> Interval:
    """Puts out what the total leads to, which was `before`; the totals between which nothing changes."""
    after = state.total
    stage = 0 if reset and state.stage and not model.staged_by_total else None
    if effects is not None:
        effects.surge(state, model, at, now)
        if effects.stage > state.stage:
            stage = effects.stage
    levels = (state.passed, state.band, state.stage)
    interval = model.intervals.get(levels) or model.interval(*levels)
    low, high = interval
    if (
        # What time alone has done is told already: without this rounding might move a lead to and fro.
        (after != before and not low <= after < high)
        or (gain > 0.0 and state.owed)
        or stage is not None
        or (effects is not None and effects.tells)
    ):
        transition = Transition(
            record.key or b"", signal.tenant, signal.lead, now, before, after, "signal",
            "reset" if reset else "signal", reference(signal, data), signal, traceparent_of(record.headers),
        )  # fmt: skip
        evaluation = Evaluation(state, model, transition, outbox, turns, stage)
        evaluation.run(gain > 0.0)
        if effects is not None:
            effects.tell(evaluation)
        interval = model.interval(state.passed, state.band, state.stage)
    return interval


def fire(
    state: LeadState,
    model: CompiledModel,
    key: bytes,
    tenant: str,
    lead: str,
    outbox: Outbox,
    turns: RoundRobin,
) -> None:
    """What time alone has done to a lead at its due instant; sets the next one."""
    due = state.due
    anchor = inactive_since(state)
    since = state.touched
    before = total_at(state, model, due - 1)
    advance(state, model, due)
    after = state.total
    idle = [one for one in model.inactivities if anchor is not None and since < anchor + one.after <= due]
    low, high = model.interval(state.passed, state.band, state.stage)
    if not low <= after < high or idle or waiting(state, due):
        transition = Transition(key, tenant, lead, due, before, after, "recovery", "decay")
        evaluation = Evaluation(state, model, transition, outbox, turns)
        evaluation.run(gained=False)
        for timer in idle:
            evaluation.fire_trigger(timer.trigger, timer.actions, "timer")
        for number in absences_due(state, due):
            timer = model.timers[number]
            evaluation.fire_trigger(timer.trigger, timer.actions, "timer")
        for one in deferred_due(state, due):
            evaluation.requester.take_up(one)
        low, high = model.interval(state.passed, state.band, state.stage)
    set_due(state, model, key, low, high)


def waiting(state: LeadState, now: int) -> bool:
    """Whether an absence or a deferred action is due at `now`."""
    extra = state.extra
    if extra is None:
        return False
    return any(deadline <= now for deadline, _, _ in extra.waits or ()) or any(
        one.due <= now for one in extra.deferred or ()
    )


def absences_due(state: LeadState, now: int) -> list[int]:
    """The timers of absences that end at `now`, in the order of the file; they wait no longer."""
    waits = (state.extra.waits if state.extra is not None else None) or []
    due = sorted(number for deadline, number, _ in waits if deadline <= now)
    if due:
        state.ensure_extra().waits = [wait for wait in waits if wait[0] > now] or None
    return due


def deferred_due(state: LeadState, now: int) -> Iterator[Deferred]:
    """The deferred actions that are due at `now`, in their order; one given out waits no longer."""
    while state.extra is not None:
        deferred = state.extra.deferred or []
        first = next((one for one in deferred if one.due <= now), None)
        if first is None:
            return
        state.extra.deferred = [one for one in deferred if one is not first] or None
        yield first


def place_of(digest: bytes, ids: bytes) -> int:
    """Where a hash stands among the remembered ones; -1 if it only seems to, across two of them."""
    place = ids.find(digest)
    while place >= 0 and place % ID_BYTES:
        place = ids.find(digest, place + 1)
    return place
