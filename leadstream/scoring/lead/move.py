"""A lead under other rules: all that its state has by number is moved by name."""

from collections.abc import Sequence

from leadstream.scoring.actions.evaluation import Evaluation, Transition
from leadstream.scoring.actions.outbox import Outbox
from leadstream.scoring.actions.policy import RoundRobin
from leadstream.scoring.compiled.channels import bits_of
from leadstream.scoring.compiled.levels import Level
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.decay.accumulate import sum_again
from leadstream.scoring.decay.due import advance, set_due
from leadstream.scoring.decay.totals import inactive_since, steps_since
from leadstream.scoring.kernels.age_table import AgeTable
from leadstream.scoring.kernels.buckets import add_bucket, read_buckets, write_buckets
from leadstream.scoring.kernels.kernel import TOLERANCE, Kernel, Parameters
from leadstream.scoring.kernels.registry import kernel_of_record
from leadstream.scoring.lead.fit import rescore
from leadstream.scoring.state.lead_state import Deferred, LeadState
from leadstream.scoring.state.parked import Parked, ParkedMass


def move(
    state: LeadState,
    old: CompiledModel,
    new: CompiledModel,
    key: bytes,
    now: int,
    outbox: Outbox,
    turns: RoundRobin,
) -> None:
    """Puts a state in the terms of `old` into those of `new`, at `now` (ms).

    Accumulators keep their masses, so other points, caps and levels hold at once and exactly. Under another
    kernel a factor keeps what it was worth at the instant of the activation (`new.since`), and fades by the
    new one from there. What the new model lacks is parked by name. Thresholds are set or armed without a
    record; another band or stage is recorded with the cause `model`; no action is asked for. One that waited
    and that the new model does not have is skipped, `no_longer`.
    """
    tenant, _, lead = key.decode().partition(":")
    advance(state, old, now)
    before = state.total
    drop_deferred(state, old, new, Transition(key, tenant, lead, now, before, before, "model", "model"),
                  outbox, turns)  # fmt: skip
    parked = state.extra.parked if state.extra is not None and state.extra.parked is not None else Parked()
    was = Held(state, old)
    move_accumulators(state, old, new, parked)
    move_suppression(state, old, new, parked)
    move_requests(state, old, new, parked)
    move_extra(state, old, new, parked)
    if state.rings:
        state.rings = carried(state.rings, old.rings, new.rings) or None
    parked.bound()
    if state.extra is not None or not parked.is_empty():
        state.ensure_extra().parked = None if parked.is_empty() else parked
    state.activation = new.activation
    if new.inactivities and inactive_since(state) is None:
        state.ensure_extra().known_at = new.since
    if new.fits:
        rescore(state, new, now)
    sum_again(state, new)
    was.restore(state, new)
    transition = Transition(key, tenant, lead, now, before, state.total, "model", "model")
    Evaluation(state, new, transition, outbox, turns).change_rules(was.band, was.stage)
    set_due(state, new, key, *new.interval(state.passed, state.band, state.stage))


class Held:
    """Thresholds, band and stage of a lead by value and name, as it had them under the old rules."""

    def __init__(self, state: LeadState, model: CompiledModel) -> None:
        self.band = model.bands[state.band].name
        self.stage = model.stages[state.stage].name
        self.passed = {one.at for index, one in enumerate(model.thresholds) if state.passed >> index & 1}
        self.owed = {model.thresholds[index].at: crossing for index, crossing in (state.owed or {}).items()}

    def restore(self, state: LeadState, model: CompiledModel) -> None:
        """Sets them again under other rules: a threshold that the lead had passed stays so down to its
        hysteresis, another one is passed if the total has reached it.
        """
        state.passed, owed = 0, {}
        for index, one in enumerate(model.thresholds):
            level = one.at - one.hysteresis if one.at in self.passed else one.at
            if state.total >= level - TOLERANCE:
                state.passed |= 1 << index
                if one.at in self.owed:
                    owed[index] = self.owed[one.at]
        state.owed = owed or None
        state.band = place_of(model.bands, self.band) or 0
        state.stage = place_of(model.stages, self.stage) or 0


def place_of(levels: Sequence[Level], name: str) -> int | None:
    return next((index for index, level in enumerate(levels) if level.name == name), None)


def move_accumulators(state: LeadState, old: CompiledModel, new: CompiledModel, parked: Parked) -> None:
    """Each factor to the one of its name, or out of the way; and back what is wanted again."""
    extra = state.extra
    buckets = (extra.buckets if extra is not None else None) or {}
    lasts = (extra.lasts if extra is not None else None) or {}
    since = steps_since(state)
    wanted = {branch.factor: branch for branch in new.branches if branch.symbol not in new.fitted}
    masses = [
        ParkedMass(
            old.branches[ord(symbol)].factor, described(old.kernels[old.branches[ord(symbol)].kernel]), mass,
            ref, count, place, lasts.get(symbol), buckets.get(symbol, b""),
        )
        for symbol, mass, ref, count, place in zip(
            state.branches, state.masses, state.refs, state.counts, state.places, strict=True
        )
        if symbol not in old.fitted
    ]  # fmt: skip
    points = {old.branches[ord(symbol)].factor: old.branches[ord(symbol)].points for symbol in state.branches}
    held = {one.factor for one in masses}
    kept = []
    for one in parked.masses:
        branch = wanted.get(one.factor)
        if branch is None or one.factor in held or described(new.kernels[branch.kernel]) != one.kernel:
            kept.append(one)
        else:
            masses.append(one)
    state.branches, state.masses, state.refs, state.counts, state.places = "", [], [], [], []
    moved_buckets, moved_lasts = {}, {}
    for one in masses:
        branch = wanted.get(one.factor)
        if branch is None:
            kept.append(one)
            continue
        kernel = new.kernels[branch.kernel]
        if described(kernel) != one.kernel:
            from_now(one, kernel, points.get(one.factor, 1.0), since, new.since)
        state.branches += branch.symbol
        state.masses.append(one.mass)
        state.refs.append(one.ref)
        state.counts.append(one.count)
        state.places.append(one.place)
        if one.buckets:
            moved_buckets[branch.symbol] = one.buckets
        if one.last is not None and not kernel.memoryless:
            moved_lasts[branch.symbol] = one.last
    parked.masses = kept
    if extra is not None or moved_buckets or moved_lasts:
        extra = state.ensure_extra()
        extra.buckets, extra.lasts = moved_buckets or None, moved_lasts or None


def described(
    kernel: Kernel,
) -> tuple[str, int, float, bool, float, tuple[tuple[int, float], ...]]:
    return kernel.kind, kernel.half_life, *kernel.parameters, kernel.ages


def from_now(one: ParkedMass, kernel: Kernel, points: float, since: int | None, at: int) -> None:
    """Puts a mass under another kernel, with the worth that it had at `at`.

    Exact for `none`, `exponential` and the compounding `inactivity_step`; `linear` and an age table count it
    as one signal of that instant. Where only the age table differs, each signal keeps its age and is rescaled
    by the ratio of the factors, except that one whose new factor is 0 counts nothing.
    """
    kind, half_life, percent, linear, floor, ages = one.kernel
    # A floor is of points: without points it holds nothing up.
    parameters = Parameters(percent, linear, floor if points else 0.0)
    before = kernel_of_record(kind, half_life, parameters, ages)
    entries = list(read_buckets(one.buckets))
    if isinstance(before, AgeTable) and isinstance(kernel, AgeTable) and before.base == kernel.base:
        rescale(one, entries, before, kernel, at)
        return
    scale, ref = points or 1.0, max(at, one.ref)
    value = before.worth(scale, one.mass, one.ref, entries, since, ref) / scale
    last = one.ref if one.last is None else one.last
    if kernel.bucketed:
        first = kernel.factor_at(0) if isinstance(kernel, AgeTable) else 1.0
        one.mass, one.buckets = 0.0, write_buckets([(ref, value / first if first else 0.0)])
    else:
        one.mass, one.buckets = value, b""
    one.ref, one.last = ref, None if kernel.memoryless else last


def rescale(
    one: ParkedMass, entries: list[tuple[int, float]], before: AgeTable, after: AgeTable, at: int
) -> None:
    """Puts signals under another age table, each with the worth that it had at `at`."""
    final = after.ages[-1][1]
    one.mass *= before.ages[-1][1] / final if final else 0.0
    kept: list[tuple[int, float]] = []
    for time, value in entries:
        ahead = after.factor_at(at - time)
        ratio = before.factor_at(at - time) / ahead if ahead else 0.0
        one.mass, one.ref = add_bucket(kept, after, one.mass, one.ref, (time, value * ratio), at)
    one.buckets = write_buckets(kept)


def move_suppression(state: LeadState, old: CompiledModel, new: CompiledModel, parked: Parked) -> None:
    names = [name for index, name in enumerate(old.channels) if state.suppressed >> index & 1]
    state.suppressed, kept = 0, []
    for name in dict.fromkeys([*parked.channels, *names]):
        bits = bits_of(name, new.channels)
        state.suppressed |= bits
        if not bits:
            kept.append(name)
    parked.channels = kept


def move_requests(state: LeadState, old: CompiledModel, new: CompiledModel, parked: Parked) -> None:
    """When actions were last asked for, and when thresholds with a cool-down last asked for theirs."""
    numbers = {action.do: action.number for action in old.actions}
    last = dict(parked.requested)
    for do, number in numbers.items():
        at = state.requested[number] if state.requested and number < len(state.requested) else None
        if at is not None:
            last[do] = at
    wanted = {action.do: action.number for action in new.actions}
    requested: list[int | None] = [None] * len(wanted)
    for do, number in wanted.items():
        requested[number] = last.pop(do, None)
    parked.requested = last
    state.requested = requested if any(at is not None for at in requested) else None
    extra = state.extra
    crossed = (extra.crossed if extra is not None else None) or {}
    asked = {**parked.crossed, **{old.thresholds[index].at: at for index, at in crossed.items()}}
    found = {index: asked.pop(one.at) for index, one in enumerate(new.thresholds) if one.at in asked}
    parked.crossed = asked
    if extra is not None or found:
        state.ensure_extra().crossed = found or None


def move_extra(state: LeadState, old: CompiledModel, new: CompiledModel, parked: Parked) -> None:
    """Spikes, absences and what waits for opening hours; these keep their instants."""
    extra = state.extra
    if extra is None:
        return
    if extra.spikes:
        names = [one.name for one in old.spikes], [one.name for one in new.spikes]
        extra.spikes = carried(extra.spikes, *names) or None
    timers = {one.name: index for index, one in enumerate(new.timers) if not one.inactivity}
    waits = [
        (deadline, timers[old.timers[index].name], start)
        for deadline, index, start in extra.waits or ()
        if old.timers[index].name in timers
    ]
    extra.waits = sorted(waits) or None
    actions = {(one.do, one.trigger): one.index for one in new.actions}
    levels = {one.at: index for index, one in enumerate(new.thresholds)}
    extra.deferred = [
        Deferred(
            one.due,
            actions[old.actions[one.action].do, old.actions[one.action].trigger],
            one.crossing,
            None if one.threshold is None else levels[old.thresholds[one.threshold].at],
            level_of_deferred(one, old, new),
        )
        for one in extra.deferred or ()
    ] or None


def level_of_deferred(one: Deferred, old: CompiledModel, new: CompiledModel) -> int | None:
    """The band or stage that asked for it, by its name in the trigger."""
    if one.level is None:
        return None
    kind, _, name = old.actions[one.action].trigger.partition(":")
    return place_of(new.bands if kind == "band" else new.stages, name)


def drop_deferred(
    state: LeadState,
    old: CompiledModel,
    new: CompiledModel,
    transition: Transition,
    outbox: Outbox,
    turns: RoundRobin,
) -> None:
    """Skips the actions that wait and that the new rules don't have at that trigger."""
    extra = state.extra
    if extra is None or not extra.deferred:
        return
    known = {(one.do, one.trigger) for one in new.actions}
    gone = [
        one
        for one in extra.deferred
        if (old.actions[one.action].do, old.actions[one.action].trigger) not in known
    ]
    if not gone:
        return
    evaluation = Evaluation(state, old, transition, outbox, turns)
    for one in gone:
        action = old.actions[one.action]
        evaluation.requester.skip(action, "model", one.crossing, "no_longer", one.threshold)
    extra.deferred = [one for one in extra.deferred if one not in gone] or None


def carried(values: Sequence[bytes], names: Sequence[str], wanted: Sequence[str]) -> list[bytes]:
    """The values in the order of the names wanted, empty ones for new names; [] if all are empty."""
    by_name = dict(zip(names, values, strict=False))
    found = [by_name.get(name, b"") for name in wanted]
    return found if any(found) else []
