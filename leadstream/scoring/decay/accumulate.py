"""Masses into accumulators: forward decay, buckets, losses locked in by activity."""

from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.compiled.rules import Branch
from leadstream.scoring.decay.totals import inactive_since, steps_since, total_at
from leadstream.scoring.kernels.buckets import add_bucket, read_buckets, scaled, write_buckets
from leadstream.scoring.kernels.exponential import decayed
from leadstream.scoring.kernels.kernel import Kernel
from leadstream.scoring.state.facts import unpack
from leadstream.scoring.state.lead_state import LeadState


def add(state: LeadState, model: CompiledModel, branch: Branch, mass: float, at: int, now: int) -> None:
    """Adds a mass of the effective time `at` to a branch, and to the total of a plain model at `now`.

    Forward decay (Cormode et al., ICDE 2009): the reference instant is the newest effective time; a mass
    that comes late has faded for the time between. Memoryless kernels are inlined here, for speed.
    """
    if model.plain:
        scale = model.scales[0]
        state.total += branch.points * (mass * 2.0 ** ((at - now) / scale))
    else:
        scale = model.scales[branch.kernel]
        if not scale:
            add_kept(state, branch, model.kernels[branch.kernel], mass, at, now)
            return
    index = state.branches.find(branch.symbol)
    if index < 0:
        state.branches += branch.symbol
        state.masses.append(mass)
        state.refs.append(at)
        state.counts.append(1)
        state.places.append(state.place)
        return
    masses, refs = state.masses, state.refs
    gone = at - refs[index]
    if gone >= 0:
        masses[index] = masses[index] * 2.0 ** (-gone / scale) + mass
        refs[index] = at
    else:
        masses[index] += mass * 2.0 ** (gone / scale)
    state.counts[index] += 1
    state.places[index] = state.place


def add_kept(state: LeadState, branch: Branch, kernel: Kernel, mass: float, at: int, now: int) -> None:
    """The same where the kernel is not memoryless."""
    symbol = branch.symbol
    index = state.branches.find(symbol)
    if index < 0:
        index = len(state.branches)
        state.branches += symbol
        state.masses.append(0.0)
        state.refs.append(at)
        state.counts.append(0)
        state.places.append(state.place)
    if kernel.locks and at > state.refs[index]:
        lock_in(state, index, branch, kernel, at)
    if kernel.bucketed:
        extra = state.ensure_extra()
        packed = extra.buckets = extra.buckets or {}
        buckets = list(read_buckets(packed.get(symbol, b"")))
        settled = add_bucket(buckets, kernel, state.masses[index], state.refs[index], (at, mass), now)
        state.masses[index], state.refs[index] = settled
        packed[symbol] = write_buckets(buckets)
    else:
        held = state.masses[index], state.refs[index]
        state.masses[index], state.refs[index] = kernel.added(held, (mass, at))
    state.counts[index] += 1
    state.places[index] = state.place
    extra = state.ensure_extra()
    lasts = extra.lasts = extra.lasts or {}
    lasts[symbol] = max(at, lasts.get(symbol, at))


def lock_in(state: LeadState, index: int, branch: Branch, kernel: Kernel, at: int) -> None:
    """What inactivity has taken of an accumulator up to `at` is gone for good."""
    ref = state.refs[index]
    packed = (state.extra.buckets if state.extra is not None else None) or {}
    buckets = list(read_buckets(packed.get(branch.symbol, b"")))
    left = kernel.locked(branch.points, state.masses[index], ref, buckets, steps_since(state), at)
    state.masses[index] *= left
    if buckets:
        packed[branch.symbol] = write_buckets(scaled(buckets, left))
    state.refs[index] = at


def be_active(state: LeadState, model: CompiledModel, at: int) -> None:
    """An activity of the effective time `at`."""
    if state.active_at is not None and at <= state.active_at:
        return
    lock_all_in(state, model, at)
    state.active_at = at


def lock_all_in(state: LeadState, model: CompiledModel, at: int) -> None:
    """What inactivity has taken of the lead up to `at` is gone for good."""
    for symbol in model.steps:
        index = state.branches.find(symbol)
        if index >= 0 and at > state.refs[index]:
            branch = model.branches[ord(symbol)]
            lock_in(state, index, branch, model.kernels[branch.kernel], at)


def sum_again(state: LeadState, model: CompiledModel) -> None:
    """The total from the accumulators: what large numbers leave when they cancel does not stay in it."""
    if not model.plain:
        state.total = total_at(state, model, state.touched)
        return
    half_life = model.kernels[0].half_life
    total = 0.0
    for symbol, mass, ref in zip(state.branches, state.masses, state.refs, strict=True):
        total += model.branches[ord(symbol)].points * decayed(mass, half_life, state.touched - ref)
    state.total = total


def clear(state: LeadState, at: int) -> None:
    """Everything folded so far counts nothing; ids, facts, suppression and last requests stay.

    Facts known so far count again only when they arrive anew, also under a later model.
    """
    state.branches, state.masses, state.refs, state.counts, state.places = "", [], [], [], []
    state.rings = None
    state.total = 0.0
    if state.extra is not None:
        extra = state.extra
        extra.buckets = extra.lasts = extra.spikes = extra.waits = None
        if extra.parked is not None:
            extra.parked.masses = []
    if state.facts:
        state.ensure_extra().void = sorted(unpack(state.facts))
    if state.reset_at is None or at > state.reset_at:
        state.reset_at = at


def begin_spell(state: LeadState, model: CompiledModel, now: int) -> None:
    """After a reset: no spell of inactivity has lasted so long already that it costs or gives points."""
    anchor = inactive_since(state)
    pointed = [timer.after for timer in model.inactivities if timer.branch is not None]
    if anchor is not None and any(now - anchor >= after for after in pointed):
        state.ensure_extra().spell_at = now
