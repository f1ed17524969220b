"""One lead out of two: what a lead that was known under two ids would have been, had it had one."""

from leadstream.scoring.actions.consents import given, merged_consents
from leadstream.scoring.actions.evaluation import Evaluation, Transition
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import MAX_DEFERRED, RoundRobin
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.decay.accumulate import be_active, lock_all_in, sum_again
from leadstream.scoring.decay.due import advance, set_due
from leadstream.scoring.kernels.buckets import add_bucket, read_buckets, write_buckets
from leadstream.scoring.lead.bot_filters import MAX_SENDS
from leadstream.scoring.lead.fit import rescore
from leadstream.scoring.lead.spikes import joined
from leadstream.scoring.state.bounces import joined as joined_bounces
from leadstream.scoring.state.facts import (
    BEYOND,
    CONSENT,
    MAX_OTHERS,
    kept_consent,
    others_of,
    pack,
    unpack,
)
from leadstream.scoring.state.lead_state import ID_BYTES, Extra, LeadState
from leadstream.scoring.state.occurrences import merged_rings

MAX_IDS = 64
"""Signal ids that a lead made of several remembers at most."""


def absorb(
    state: LeadState,
    loser: LeadState,
    model: CompiledModel,
    key: bytes,
    now: int,
    outbox: Outbox,
    turns: RoundRobin,
) -> None:
    """Takes the state of `loser`, which is used up, into the survivor's, of the key `key`, at `now` (ms).

    All timers of both up to now have fired, `state.place` is that of the record that asks for it.
    Accumulators add, facts go by their last writer (the survivor's, of two alike), suppression by the
    stricter, requests by the later. Exact, but for rules with `repeat`, `inactivity_step` or `reset`, which
    keep what they have given. What the merge lifts the total over is a crossing with the cause `merge`.
    """
    tenant, _, lead = key.decode().partition(":")
    for one in (state, loser):
        if now != one.touched:
            advance(one, model, now)
    before = state.total
    state.ordinal = 0
    activity = later(state.active_at, loser.active_at)
    if activity is not None:
        # What inactivity has taken of either until then stays lost.
        reset = later(state.reset_at, loser.reset_at)
        for one in (state, loser):
            be_active(one, model, activity)
            if reset is not None and reset > activity:
                lock_all_in(one, model, reset)
    for index, symbol in enumerate(loser.branches):
        if symbol not in model.fitted:
            add_accumulator(state, loser, index, model, now)
    state.reset_at = later(state.reset_at, loser.reset_at)
    state.suppressed |= loser.suppressed
    state.passed |= loser.passed
    state.ids = (loser.ids + state.ids)[-MAX_IDS * ID_BYTES :]
    state.rings = merged_rings(state.rings, loser.rings)
    state.requested = merged_requests(state.requested, loser.requested)
    if loser.owed:
        state.owed = {**loser.owed, **(state.owed or {})}
    if loser.extra is not None:
        merge_extra(state.ensure_extra(), loser.extra, model)
    merge_facts(state, loser, model)
    if model.fits:
        rescore(state, model, now)
    sum_again(state, model)
    transition = Transition(key, tenant, lead, now, before, state.total, "merge", "merge")
    stage = None if model.staged_by_total or loser.stage <= state.stage else loser.stage
    evaluation = Evaluation(state, model, transition, outbox, turns, stage, (loser.band, loser.stage))
    evaluation.run(gained=False)
    if state.extra is not None and state.extra.deferred:
        waiting = state.extra.deferred
        state.extra.deferred = waiting[:MAX_DEFERRED]
        for late in waiting[MAX_DEFERRED:]:
            action = model.actions[late.action]
            evaluation.requester.skip(action, "merge", late.crossing, "outside_hours", late.threshold)
    set_due(state, model, key, *model.interval(state.passed, state.band, state.stage))


def later(first: int | None, second: int | None) -> int | None:
    return second if first is None else first if second is None else max(first, second)


def add_accumulator(state: LeadState, loser: LeadState, number: int, model: CompiledModel, now: int) -> None:
    """Adds one accumulator of the loser."""
    symbol = loser.branches[number]
    branch = model.branches[ord(symbol)]
    kernel = model.kernels[branch.kernel]
    index = state.branches.find(symbol)
    theirs = loser.masses[number], loser.refs[number]
    if index < 0:
        state.branches += symbol
        state.masses.append(theirs[0])
        state.refs.append(theirs[1])
        state.counts.append(loser.counts[number])
        state.places.append(-1)
    else:
        ours = state.masses[index], state.refs[index]
        state.masses[index], state.refs[index] = kernel.added(ours, theirs)
        state.counts[index] += loser.counts[number]
    if kernel.memoryless:
        return
    extra, other = state.ensure_extra(), loser.ensure_extra()
    newest = (other.lasts or {}).get(symbol)
    if newest is not None:
        extra.lasts = {**(extra.lasts or {}), symbol: max(newest, (extra.lasts or {}).get(symbol, newest))}
    packed = (other.buckets or {}).get(symbol)
    if packed:
        index = state.branches.index(symbol)
        kept = extra.buckets = extra.buckets or {}
        buckets = list(read_buckets(kept.get(symbol, b"")))
        for bucket in read_buckets(packed):
            held = state.masses[index], state.refs[index]
            state.masses[index], state.refs[index] = add_bucket(buckets, kernel, *held, bucket, now)
        kept[symbol] = write_buckets(buckets)


def merged_requests(
    ours: list[int | None] | None, theirs: list[int | None] | None
) -> list[int | None] | None:
    """Per action name the later of the last requests."""
    if not theirs or not ours:
        return ours or theirs
    length = max(len(ours), len(theirs))
    first, second = (one + [None] * (length - len(one)) for one in (ours, theirs))
    return [later(one, other) for one, other in zip(first, second, strict=True)]


def merge_facts(state: LeadState, loser: LeadState, model: CompiledModel) -> None:
    if not loser.facts:
        return
    ours, theirs = unpack(state.facts), unpack(loser.facts)
    consents = merged_consents(dict(given(state)), dict(given(loser)), ours, theirs)
    extra = state.ensure_extra()
    void = set(extra.void or ())
    others = len(others_of(ours, model.kept_facts))
    for name, (value, at) in theirs.items():
        if name not in ours and name not in model.kept_facts:
            if name.startswith(CONSENT):
                name, value = kept_consent(ours, name, value, model.kept_facts)
                if not name:
                    continue
                if name == CONSENT + BEYOND:
                    consents.setdefault(BEYOND, (False, at))
            elif others >= MAX_OTHERS:
                continue
            else:
                others += 1
        if name not in ours or at > ours[name][1]:
            ours[name] = (value, at)
            void.discard(name)
            if loser.extra is not None and name in (loser.extra.void or ()):
                void.add(name)
    extra.void = sorted(void) or None
    extra.consents = {name: one for name, one in consents.items() if CONSENT + name in ours} or None
    state.facts = pack(ours)


def merge_extra(extra: Extra, other: Extra, model: CompiledModel) -> None:
    """What only some models keep, accumulators and facts aside."""
    extra.spell_at = later(extra.spell_at, other.spell_at)
    if other.known_at is not None:
        extra.known_at = other.known_at if extra.known_at is None else min(extra.known_at, other.known_at)
    extra.spikes = merged_surges(extra.spikes, other.spikes)
    sends = sorted([*(extra.sends or []), *(other.sends or [])], key=lambda send: send[1])
    extra.sends = sends[-MAX_SENDS:] or None
    # Of the loser's absences those that a rule began; a band or stage that it was in is another lead's.
    begun = {timer for plan in model.plans.values() for rule in plan.rules if rule.options
             for timer in rule.options.timers}  # fmt: skip
    waits = {wait[1]: wait for wait in other.waits or () if wait[1] in begun}
    for wait in extra.waits or ():
        waits[wait[1]] = min(wait, waits.get(wait[1], wait))
    extra.waits = sorted(waits.values()) or None
    extra.deferred = [*(extra.deferred or []), *(other.deferred or [])] or None
    for index, at in (other.crossed or {}).items():
        extra.crossed = {**(extra.crossed or {}), index: max(at, (extra.crossed or {}).get(index, at))}
    extra.owner = extra.owner or other.owner
    extra.bounces = joined_bounces(extra.bounces, other.bounces, model.bounces)


def merged_surges(ours: list[bytes] | None, theirs: list[bytes] | None) -> list[bytes] | None:
    """Per spike the entries of both."""
    if not theirs or not ours:
        return ours or theirs
    length = max(len(ours), len(theirs))
    first, second = (one + [b""] * (length - len(one)) for one in (ours, theirs))
    return [joined(one, other) for one, other in zip(first, second, strict=True)]
