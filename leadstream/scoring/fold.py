"""The fold of one lead: what a signal, or the passing of time, does to its state. Pure and deterministic."""

from hashlib import blake2b

from leadstream.records.outputs import Cause, Contribution, HistoryEntry, Outcome
from leadstream.records.signal import Signal
from leadstream.records.step import LogRecord
from leadstream.scoring.crossings import Evaluation, Touch
from leadstream.scoring.due import advance, set_due
from leadstream.scoring.effects import apply_effects, bump_of
from leadstream.scoring.evidence import SMALL, kept_data, reference, traceparent_of
from leadstream.scoring.kernel import decayed, score_of, total_of
from leadstream.scoring.model import Branch, CompiledModel, Plan, Repeat
from leadstream.scoring.occurrences import ordinal_of
from leadstream.scoring.outbox import Outbox
from leadstream.scoring.reading import sums_of
from leadstream.scoring.state import ID_BYTES, MEMORY_BYTES, LeadState

FUTURE = 300_000
"""A signal more than this many milliseconds ahead of now is flagged; its effective time is now either way."""


def fold_signal(
    state: LeadState,
    signal: Signal,
    record: LogRecord,
    model: CompiledModel,
    plan: Plan,
    now: int,
    outbox: Outbox,
) -> HistoryEntry | None:
    """Folds a signal into the state in place; None if its id is among the lead's last ones.

    `record` is where the signal stands, `plan` what the model has for its type, `now` the partition's; all
    timers of the lead up to now have fired. Raises `Rejected("bad_signal")` before anything has changed.
    """
    bump = bump_of(signal.data) if plan.bump else None
    identity = signal.id
    digest = blake2b(identity.encode(), digest_size=ID_BYTES).digest()
    ids = state.ids
    if digest in ids and (place := place_of(digest, ids)) >= 0:
        # The last distinct ones are remembered, and this one is the newest of them again.
        state.ids = ids[:place] + ids[place + ID_BYTES :] + digest
        return None

    matches: list[tuple[Branch, Repeat | None]] = []
    for test, branch, pick, repeat in plan.rules:
        if test is None or test(signal):
            if pick is not None:
                branch = pick(signal)
            if branch is not None:
                matches.append((branch, repeat))
    data, data_bytes = signal.data, 0
    if len(record.value or b"") > SMALL:
        data, data_bytes = kept_data(signal, len(record.value or b""))

    sent: int = signal.at  # type: ignore[assignment]
    at = sent if sent < now else now
    offset = record.offset
    if now != state.touched:
        advance(state, model, now)
    before = state.total if state.others is None else state.total + sum(state.others)
    state.ids = (ids + digest)[-MEMORY_BYTES:]
    state.place = offset
    state.ordinal = 0

    outcome: Outcome = "unmatched"
    contributions: tuple[Contribution, ...] = ()
    gain = 0.0
    after = before
    fall: Cause = "signal"
    if plan.special:
        outcome = "noted"
        if apply_effects(state, signal, plan, at):
            outcome, fall = "reset", "reset"
            clear(state, at)
            after = 0.0
            matches.clear()
    if bump is not None or matches:
        if state.reset_at is not None and at <= state.reset_at:
            outcome = "before_reset"
        else:
            outcome = "scored"
            for branch, repeat in matches:
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
                if points > 0.0 and (state.active_at is None or at > state.active_at):
                    state.active_at = at
            if bump is not None:
                by_set, mass = bump
                branch = model.branches[0]
                if by_set:
                    mass -= before
                add(state, model, branch, mass, now if by_set else at, now)
                contributions += (Contribution(branch.factor, mass),)
                gain += mass
                sum_again(state, model)
            after = state.total if state.others is None else state.total + sum(state.others)

    low, high = model.intervals.get((state.passed, state.band)) or model.interval(state.passed, state.band)
    if not low <= after < high or (gain > 0.0 and state.owed):
        touch = Touch(
            signal.tenant, signal.lead, now, before, after, "signal", fall, reference(signal, data),
            traceparent_of(record.headers),
        )  # fmt: skip
        Evaluation(state, model, touch, outbox).run(gain > 0.0)
        low, high = model.interval(state.passed, state.band)
    if contributions or outcome == "reset" or 0 < state.change <= now:
        set_due(state, model, record.key or b"", low, high)
    shown = score_of(before)
    return HistoryEntry(
        offset, signal.tenant, signal.lead, identity, signal.type, signal.source, at, now,
        after - before, before, after, shown, shown if after == before else score_of(after), contributions,
        outcome, sent - now > FUTURE, data, data_bytes,
    )  # fmt: skip


def fire(state: LeadState, model: CompiledModel, key: bytes, tenant: str, lead: str, outbox: Outbox) -> None:
    """What time alone has done to a lead at its due instant; sets the next one."""
    due = state.due
    before = total_of(sums_of(state, model), model.half_lives, due - 1 - state.touched)
    advance(state, model, due)
    after = state.total if state.others is None else state.total + sum(state.others)
    low, high = model.interval(state.passed, state.band)
    if not low <= after < high:
        touch = Touch(tenant, lead, due, before, after, "recovery", "decay")
        Evaluation(state, model, touch, outbox).run(gained=False)
        low, high = model.interval(state.passed, state.band)
    set_due(state, model, key, low, high)


def place_of(digest: bytes, ids: bytes) -> int:
    """Where a hash stands among the remembered ones; -1 if it only seems to, across two of them."""
    place = ids.find(digest)
    while place >= 0 and place % ID_BYTES:
        place = ids.find(digest, place + 1)
    return place


def add(state: LeadState, model: CompiledModel, branch: Branch, mass: float, at: int, now: int) -> None:
    """Adds a mass of the effective time `at` to a branch and to the sums, which stand at `now`.

    Forward decay (Cormode et al., ICDE 2009): the reference instant is the newest effective time; a mass
    that comes late has faded for the time between.
    """
    kernel = branch.kernel
    scale = model.scales[kernel]
    worth = branch.points * (mass * 2.0 ** ((at - now) / scale))
    if kernel == 0:
        state.total += worth
    else:
        if state.others is None:
            state.others = [0.0] * (len(model.scales) - 1)
        state.others[kernel - 1] += worth
    index = state.branches.find(branch.symbol)
    if index < 0:
        state.branches += branch.symbol
        state.masses.append(mass)
        state.refs.append(at)
        state.counts.append(1)
        return
    masses, refs = state.masses, state.refs
    gone = at - refs[index]
    if gone >= 0:
        masses[index] = masses[index] * 2.0 ** (-gone / scale) + mass
        refs[index] = at
    else:
        masses[index] += mass * 2.0 ** (gone / scale)
    state.counts[index] += 1


def sum_again(state: LeadState, model: CompiledModel) -> None:
    """The sums from the accumulators: what large numbers leave when they cancel does not stay in them."""
    sums = [0.0] * len(model.half_lives)
    for symbol, mass, ref in zip(state.branches, state.masses, state.refs, strict=True):
        branch = model.branches[ord(symbol)]
        sums[branch.kernel] += branch.points * decayed(
            mass, model.half_lives[branch.kernel], state.touched - ref
        )
    state.total = sums[0]
    if state.others is not None:
        state.others = sums[1:]


def repeated(state: LeadState, repeat: Repeat, at: int) -> float:
    """The factor of this occurrence by its ordinal; it is an occurrence from now on."""
    rings = state.rings
    if rings is None:
        rings = state.rings = []
    while len(rings) <= repeat.ring:
        rings.append(b"")
    ordinal, rings[repeat.ring] = ordinal_of(rings[repeat.ring], at, repeat.within)
    return repeat.factors[min(ordinal, len(repeat.factors)) - 1]


def clear(state: LeadState, at: int) -> None:
    """Everything folded so far counts nothing; ids, facts, suppression and last requests stay."""
    state.branches, state.masses, state.refs, state.counts = "", [], [], []
    state.rings = None
    state.total, state.others = 0.0, None
    if state.reset_at is None or at > state.reset_at:
        state.reset_at = at
