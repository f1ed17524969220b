"""Reading a score: at any time, and factor by factor. Nothing is written because time passed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from leadstream.records.outputs import Accumulator, Detail, FactorShare
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.compiled.rules import Branch
from leadstream.scoring.kernels.buckets import read_buckets
from leadstream.scoring.kernels.kernel import TOLERANCE, Kernel, Parameters, score_of
from leadstream.scoring.kernels.registry import kernel_of_record
from leadstream.scoring.state.lead_state import Extra, LeadState

REST = "rest:smallest"
"""A share that is the sum of those that are not named."""

_NOTHING = Extra()


@dataclass(frozen=True, slots=True)
class Score:
    """A lead's total, the score shown for it (0 to 100), and its band."""

    total: float
    score: int
    band: str


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor's part of a total.

    `points` is what it contributes at the time asked for. Of `count` signals the newest was at `last_at`.
    """

    factor: str
    points: float
    count: int
    last_at: int
    category: str


def total_at(state: LeadState, model: CompiledModel, t: int) -> float:
    """The total at `t`, or at the last signal or timer of the lead if `t` is before that.

    Everything that compares a total with a level, in the present or ahead, goes through this.
    """
    touched = state.touched
    if t < touched:
        t = touched
    if model.plain:
        return state.total * float(2.0 ** ((touched - t) / model.scales[0]))
    return clamped(sums_at(state, model, t), model)


def clamped(sums: list[float], model: CompiledModel) -> float:
    """The total of the sums by category."""
    total = 0.0
    for value, category in zip(sums, model.categories, strict=True):
        total += min(max(value, category.low), category.high)
    return total


def sums_at(state: LeadState, model: CompiledModel, t: int) -> list[float]:
    """The sums by category of the model, before they are clamped."""
    sums = [0.0] * len(model.categories)
    packed = state.extra.buckets if state.extra is not None else None
    branches, kernels, scales, since = model.branches, model.kernels, model.scales, steps_since(state)
    for symbol, mass, ref in zip(state.branches, state.masses, state.refs, strict=True):
        branch = branches[ord(symbol)]
        scale = scales[branch.kernel]
        if scale:
            # A memoryless kernel, inlined for speed.
            sums[branch.category] += branch.points * (mass * 2.0 ** ((ref - t) / scale))
        else:
            kept = read_buckets(packed[symbol]) if packed and symbol in packed else ()
            sums[branch.category] += kernels[branch.kernel].worth(branch.points, mass, ref, kept, since, t)
    for spell, anchor in spells(state, model):
        kernel = kernels[spell.kernel]
        sums[spell.category] += kernel.worth(spell.points, 1.0, anchor, (), None, t)
    return sums


def inactive_since(state: LeadState) -> int | None:
    """When the present spell of inactivity began: the lead's last activity, or its first signal if it had
    none; the reset, if that is later, and the instant at which it was folded, if that began the spell.
    """
    began = active_or_reset(state)
    restarted = state.extra.spell_at if state.extra is not None else None
    return began if restarted is None or (began is not None and began > restarted) else restarted


def active_or_reset(state: LeadState) -> int | None:
    """The effective time of what was last: activity, or first signal, or reset."""
    began = state.active_at
    if began is None:
        began = state.extra.known_at if state.extra is not None else None
    if began is not None and state.reset_at is not None and state.reset_at > began:
        return state.reset_at
    return began


def steps_since(state: LeadState) -> int | None:
    """Since when the intervals of `inactivity_step` are counted; None for each factor's own instant."""
    return None if state.active_at is None else active_or_reset(state)


def spells(state: LeadState, model: CompiledModel) -> Iterator[tuple[Branch, int]]:
    """What counts while an inactivity lasts: its accumulator, and since when the lead is inactive."""
    anchor = inactive_since(state)
    if anchor is not None:
        for timer in model.inactivities:
            if timer.branch is not None:
                yield timer.branch, anchor


def score(state: LeadState, model: CompiledModel, t: int) -> Score:
    """The score at `t`, or at the last signal or timer of the lead if `t` is before that.

    The band is that which the total leads to from the present one.
    """
    total = total_at(state, model, t)
    return Score(total, score_of(total), model.bands[model.band_of(total, state.band)].name)


def accumulators(state: LeadState, model: CompiledModel) -> tuple[Accumulator, ...]:
    """The state's accumulators with what a reader needs of the model."""
    found = []
    extra = state.extra or _NOTHING
    columns = zip(state.branches, state.masses, state.refs, state.counts, strict=True)
    for symbol, mass, ref, count in columns:
        branch = model.branches[ord(symbol)]
        kernel = model.kernels[branch.kernel]
        detail = None
        if not kernel.memoryless:
            loss = kernel.parameters
            detail = Detail(
                tuple(read_buckets((extra.buckets or {}).get(symbol, b""))),
                kernel.ages,
                loss.percent,
                loss.linear,
                loss.floor,
                steps_since(state) if kernel.locks else None,
            )
        last_at = (extra.lasts or {}).get(symbol, ref)
        found.append(
            Accumulator(
                branch.factor, model.categories[branch.category].name, branch.points, kernel.kind,
                kernel.half_life, mass, ref, count, last_at, detail,
            )
        )  # fmt: skip
    for spell, anchor in spells(state, model):
        category, kernel = model.categories[spell.category].name, model.kernels[spell.kernel]
        found.append(
            Accumulator(
                spell.factor, category, spell.points, kernel.kind, kernel.half_life, 1.0, anchor, 0, anchor
            )
        )  # fmt: skip
    return tuple(found)


def contribution(accumulator: Accumulator, t: int) -> float:
    """What a factor adds to its category at `t`, or at its own instant if `t` is before that."""
    detail = accumulator.detail or Detail()
    t = max(t, accumulator.t_ref, accumulator.last_at)
    points, mass, ref = accumulator.points, accumulator.mass, accumulator.t_ref
    return kernel_of(accumulator).worth(points, mass, ref, detail.buckets, detail.active_at, t)


def kernel_of(accumulator: Accumulator) -> Kernel:
    """The kernel of an accumulator of a snapshot. Raises ValueError for one that is not known."""
    detail = accumulator.detail or Detail()
    parameters = Parameters(detail.percent, detail.linear, detail.floor)
    return kernel_of_record(accumulator.kernel, accumulator.half_life, parameters, detail.ages)


def sum_at(accumulators: Iterable[Accumulator], t: int, caps: Mapping[str, tuple[float, float]]) -> float:
    """The total that the accumulators and caps of a snapshot give at `t`."""
    return sum([factor.points for factor in explain(accumulators, t, caps)], 0.0)


def explain(
    accumulators: Iterable[Accumulator], t: int, caps: Mapping[str, tuple[float, float]]
) -> list[Factor]:
    """The total at `t` factor by factor, the weightiest first; the points add up to the total.

    What a category is over its cap is a factor of its own, `cap:<category>`.
    """
    factors, sums = [], dict.fromkeys(caps, 0.0)
    for one in accumulators:
        points = contribution(one, t)
        if one.category in sums:
            sums[one.category] += points
        factors.append(Factor(one.factor, points, one.count, one.last_at, one.category))
    for category, value in sums.items():
        low, high = caps[category]
        beyond = min(max(value, low), high) - value
        if beyond:
            factors.append(Factor(f"cap:{category}", beyond, 0, t, category))
    return sorted(factors, key=lambda factor: (-abs(factor.points), factor.factor))


def shares(state: LeadState, model: CompiledModel, at: int, limit: int) -> tuple[FactorShare, ...]:
    """The factors of the total at `at`, as records name them, the weightiest first; none that contributes
    nothing. Of more than `limit` the smallest are summed up as `rest:smallest`, the last."""
    found: list[FactorShare] = []
    branches, scales = model.branches, model.scales
    if model.plain:
        columns = zip(state.branches, state.masses, state.refs, state.counts, state.places, strict=True)
        for symbol, mass, ref, count, place in columns:
            branch = branches[ord(symbol)]
            points = branch.points * mass * 2.0 ** ((ref - at) / scales[branch.kernel])
            if points:
                category = model.categories[branch.category].name
                newest = place if place >= 0 else None
                found.append(FactorShare(branch.factor, points, count, ref, newest, category))
    else:
        names = [branches[ord(one)].factor for one in state.branches]
        places = dict(zip(names, state.places, strict=True))
        for factor in explain(accumulators(state, model), at, model.caps):
            if factor.points:
                place = places.get(factor.factor, -1)
                newest = place if place >= 0 else None
                last_at = factor.last_at if factor.factor in places else None
                name, points, count = factor.factor, factor.points, factor.count
                found.append(FactorShare(name, points, count, last_at, newest, factor.category))
    found.sort(key=lambda one: (-abs(one.points), one.factor))
    if len(found) > limit:
        smallest = found[limit - 1 :]
        points, count = sum([one.points for one in smallest], 0.0), sum([one.count for one in smallest])
        found[limit - 1 :] = [FactorShare(REST, points, count)]
    return tuple(found)


def shown_interval(total: float) -> tuple[float, float]:
    """The totals [low, high) that show the same score as this one."""
    shown = score_of(total)
    return (
        shown - TOLERANCE if shown > 0 else float("-inf"),
        shown + 1 - TOLERANCE if shown < 100 else float("inf"),
    )
