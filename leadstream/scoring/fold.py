"""The fold of one lead: what a signal, or the passing of time, does to its state. Pure and deterministic."""

from hashlib import blake2b
from typing import Any

from leadstream.records.outputs import Contribution, HistoryEntry
from leadstream.records.rejection import Rejected, shorten
from leadstream.records.signal import Signal
from leadstream.records.step import LogRecord
from leadstream.scoring import facts as profile
from leadstream.scoring.crossings import Evaluation, Touch
from leadstream.scoring.due import due_of
from leadstream.scoring.evidence import kept_data, reference, traceparent_of
from leadstream.scoring.kernel import decayed, score_of, total_of
from leadstream.scoring.model import BUMP, EMAIL_BIT, CompiledModel, Plan, Repeat
from leadstream.scoring.occurrences import ordinal_of
from leadstream.scoring.outbox import Outbox
from leadstream.scoring.state import ID_BYTES, MEMORY_BYTES, LeadState

FUTURE = 300_000
"""A signal more than this many milliseconds ahead of now is flagged; its effective time is now either way."""
MAX_BUMP = 1e6


def fold_signal(
    state: LeadState, signal: Signal, record: LogRecord, model: CompiledModel, plan: Plan, now: int, outbox: Outbox
) -> HistoryEntry | None:
    """Folds a signal into the state in place; None if its id is among the lead's last ones.

    `record` is where the signal stands, `plan` what the model has for its type, `now` the partition's; all
    timers of the lead up to now have fired. Raises `Rejected("bad_signal")` before anything has changed.
    """
    digest = blake2b(signal.id.encode(), digest_size=ID_BYTES).digest()
    ids = state.ids
    place = ids.find(digest)
    while place >= 0:
        if place % ID_BYTES == 0:
            # The last distinct ones are remembered, so this id is again the newest of them.
            state.ids = ids[:place] + ids[place + ID_BYTES :] + digest
            return None
        place = ids.find(digest, place + 1)

    # What can fail on bad data comes before the first change.
    matches: list[tuple[int, Repeat | None]] = []
    for rule in plan.rules:
        if rule.test is None or rule.test(signal):
            branch = rule.branch if rule.pick is None else rule.pick(signal)
            if branch is not None:
                matches.append((branch, rule.repeat))
    bump = bump_of(signal.data) if plan.bump else None
    data, data_bytes = kept_data(signal, len(record.value or b""))

    sent: int = signal.at  # type: ignore[assignment]
    at = sent if sent < now else now
    if not state.sums:
        state.sums = [0.0] * len(model.half_lives)
    elif now != state.sums_at:
        gone = now - state.sums_at
        state.sums = [
            decayed(value, half, gone) for value, half in zip(state.sums, model.half_lives, strict=True)
        ]
    state.sums_at = now
    before = sum(state.sums)
    state.ids = (ids + digest)[-MEMORY_BYTES:]
    state.place = record.offset
    state.ordinal = 0

    outcome: Any = "unmatched"
    reset = False
    if plan.special:
        reset = apply_effects(state, signal, plan, at)
        outcome = "reset" if reset else "noted"
    contributions: tuple[Contribution, ...] = ()
    gain = 0.0
    after = before
    if (matches or bump is not None) and not reset:
        if state.reset_at is not None and at <= state.reset_at:
            outcome = "before_reset"
        else:
            outcome = "scored"
            if bump is not None:
                by_set, value = bump
                mass = value - before if by_set else value
                gain += mass
                contributions = add(state, model, BUMP, mass, now if by_set else at, now)
            for branch, repeat in matches:
                factor = 1.0 if repeat is None else repeated(state, repeat, at)
                points = model.points[branch]
                gain += points * factor
                contributions += add(state, model, branch, factor, at, now)
                if points > 0 and (state.active_at is None or at > state.active_at):
                    state.active_at = at
            if bump is not None:
                sum_again(state, model)
            after = sum(state.sums)
    elif reset:
        clear(state, model, at)
        after = 0.0

    if after != before or gain > 0:
        level = model.interval(state.passed, state.band)
        if not level.low <= after < level.high or (gain > 0 and state.owed):
            touch = Touch(
                signal.tenant, signal.lead, now, before, after, "signal", "reset" if reset else "signal",
                reference(signal, data), traceparent_of(record.headers),
            )  # fmt: skip
            Evaluation(state, model, touch, outbox).run(gain > 0)
    state.due = due_of(state, model, record.key or b"")
    return HistoryEntry(
        record.offset, signal.tenant, signal.lead, signal.id, signal.type, signal.source, at, now,
        after - before, before, after, score_of(before), score_of(after), contributions, outcome,
        sent - now > FUTURE, data, data_bytes,
    )  # fmt: skip


def fire(
    state: LeadState, model: CompiledModel, key: bytes, tenant: str, lead: str, outbox: Outbox
) -> None:
    """What time alone has done to a lead at its due instant; sets the next one."""
    due = state.due
    gone = due - state.sums_at
    before = total_of(state.sums, model.half_lives, gone - 1)
    state.sums = [decayed(value, half, gone) for value, half in zip(state.sums, model.half_lives, strict=True)]
    state.sums_at = due
    after = sum(state.sums)
    level = model.interval(state.passed, state.band)
    if not level.low <= after < level.high:
        touch = Touch(tenant, lead, due, before, after, "recovery", "decay")
        Evaluation(state, model, touch, outbox).run(gained=False)
    state.due = due_of(state, model, key)


def add(
    state: LeadState, model: CompiledModel, branch: int, mass: float, at: int, now: int
) -> tuple[Contribution, ...]:
    """Adds a mass of the effective time `at` to a branch and to the sums, which stand at `now`.

    Forward decay (Cormode et al., ICDE 2009): the reference instant is the newest effective time; a mass
    that comes late has faded for the time between.
    """
    kernel = model.branches[branch].kernel
    half_life = model.half_lives[kernel]
    points = model.points[branch]
    state.sums[kernel] += points * decayed(mass, half_life, now - at)
    if branch in state.branches:
        index = state.branches.index(branch)
        ref = state.refs[index]
        if at >= ref:
            state.masses[index] = decayed(state.masses[index], half_life, at - ref) + mass
            state.refs[index] = at
        else:
            state.masses[index] += decayed(mass, half_life, ref - at)
        state.counts[index] += 1
    else:
        state.branches.append(branch)
        state.masses.append(mass)
        state.refs.append(at)
        state.counts.append(1)
    return (Contribution(model.branches[branch].factor, points * mass),)


def sum_again(state: LeadState, model: CompiledModel) -> None:
    """The sums from the accumulators, so that what large numbers leave when they cancel does not stay in them."""
    state.sums = [0.0] * len(model.half_lives)
    for branch, mass, ref in zip(state.branches, state.masses, state.refs, strict=True):
        kernel = model.branches[branch].kernel
        state.sums[kernel] += model.points[branch] * decayed(mass, model.half_lives[kernel], state.sums_at - ref)


def repeated(state: LeadState, repeat: Repeat, at: int) -> float:
    """The factor of this occurrence by its ordinal; it is an occurrence from now on."""
    rings = state.rings
    while len(rings) <= repeat.ring:
        rings.append(b"")
    ordinal, rings[repeat.ring] = ordinal_of(rings[repeat.ring], at, repeat.within)
    return repeat.factors[min(ordinal, len(repeat.factors)) - 1]


def clear(state: LeadState, model: CompiledModel, at: int) -> None:
    """Everything folded so far counts nothing; ids, facts, suppression and last requests stay."""
    state.branches, state.masses, state.refs, state.counts = [], [], [], []
    state.rings = []
    state.sums = [0.0] * len(model.half_lives)
    if state.reset_at is None or at > state.reset_at:
        state.reset_at = at


def apply_effects(state: LeadState, signal: Signal, plan: Plan, at: int) -> bool:
    """Suppression and facts, in the order of the log; says whether the signal resets the score."""
    reset = False
    state.suppressed |= plan.suppress
    for effect in plan.effects:
        if effect.test is None or effect.test(signal):
            state.suppressed |= effect.suppress
            reset = reset or effect.reset
    if plan.releases:
        state.suppressed = 0
    if plan.facts:
        facts = profile.unpack(state.facts)
        old = profile.known(facts, "email")
        if profile.learn(facts, signal.data, at):
            state.facts = profile.pack(facts)
            if old is not None and profile.known(facts, "email") != old:
                state.suppressed &= ~EMAIL_BIT
    return reset


def bump_of(data: dict[str, Any]) -> tuple[bool, float]:
    """Whether a `score.bumped` sets the total, and the points. Raises `Rejected` if it is not complete."""
    if ("points" in data) == ("set" in data):
        raise Rejected("bad_signal", "score.bumped needs exactly one of `data.points` and `data.set`")
    name = "set" if "set" in data else "points"
    value = data[name]
    if type(value) not in (int, float) or not -MAX_BUMP <= value <= MAX_BUMP:
        raise Rejected(
            "bad_signal", f"`data.{name}` of score.bumped is no number up to {MAX_BUMP:.0f}: {shorten(value)}"
        )
    for field in ("by", "why"):
        text = data.get(field)
        if type(text) is not str or not text.strip():
            raise Rejected("bad_signal", f"score.bumped needs a text in `data.{field}`")
    return name == "set", float(value)
