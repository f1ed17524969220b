"""Reading a score: at any time, and factor by factor. Nothing is written because time passed."""

from collections.abc import Iterable
from dataclasses import dataclass

from leadstream.records.outputs import Accumulator, FactorShare
from leadstream.scoring.kernel import TOLERANCE, decayed, score_of, total_of
from leadstream.scoring.model import CompiledModel
from leadstream.scoring.state import LeadState


@dataclass(frozen=True, slots=True)
class Score:
    """A lead's total, the score shown for it (0 to 100), and its band."""

    total: float
    score: int
    band: str


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor's part of a total.

    `points` is what it contributes at the time asked for, `worth` what it did at `last_at`, when its newest
    signal came. `half_life` is in milliseconds, 0 for a factor that does not decay.
    """

    factor: str
    points: float
    worth: float
    mass: float
    half_life: int
    count: int
    last_at: int


def sums_of(state: LeadState, model: CompiledModel) -> list[float]:
    """The total's parts by kernel of the model, at the state's `touched`."""
    return [state.total, *(state.others or [0.0] * (len(model.half_lives) - 1))]


def total_at(state: LeadState, model: CompiledModel, t: int) -> float:
    """The total at `t`, or at the last signal or timer of the lead if `t` is before that."""
    return total_of(sums_of(state, model), model.half_lives, max(0, t - state.touched))


def score(state: LeadState, model: CompiledModel, t: int) -> Score:
    """The score at `t`, or at the last signal or timer of the lead if `t` is before that."""
    total = total_at(state, model, t)
    return Score(total, score_of(total), model.bands[model.band_of(total)].name)


def accumulators(state: LeadState, model: CompiledModel) -> tuple[Accumulator, ...]:
    """The state's accumulators with what a reader needs of the model."""
    found = []
    columns = zip(state.branches, state.masses, state.refs, state.counts, strict=True)
    for symbol, mass, ref, count in columns:
        branch = model.branches[ord(symbol)]
        kernel = model.kernels[branch.kernel]
        found.append(
            Accumulator(
                branch.factor, "", branch.points, kernel.kind, kernel.half_life, mass, ref, count, ref
            )
        )
    return tuple(found)


def contribution(accumulator: Accumulator, t: int) -> float:
    """What a factor adds to the total at `t`, which is not before its `t_ref`."""
    return accumulator.points * decayed(
        accumulator.mass, accumulator.half_life, max(0, t - accumulator.t_ref)
    )


def sum_at(accumulators: Iterable[Accumulator], t: int) -> float:
    """The total that the accumulators of a snapshot give at `t`."""
    return sum([contribution(accumulator, t) for accumulator in accumulators])


def explain(accumulators: Iterable[Accumulator], t: int) -> list[Factor]:
    """The total at `t` factor by factor, the weightiest first; the points add up to the total."""
    factors = [
        Factor(
            one.factor,
            contribution(one, t),
            one.points * one.mass,
            one.mass,
            one.half_life,
            one.count,
            one.last_at,
        )
        for one in accumulators
    ]
    return sorted(factors, key=lambda factor: (-abs(factor.points), factor.factor))


def shares(state: LeadState, model: CompiledModel, at: int, limit: int) -> tuple[FactorShare, ...]:
    """The weightiest factors of the total at `at`, as records name them; none that contributes nothing."""
    found = []
    branches, scales = model.branches, model.scales
    for symbol, mass, ref in zip(state.branches, state.masses, state.refs, strict=True):
        branch = branches[ord(symbol)]
        points = branch.points * mass * 2.0 ** ((ref - at) / scales[branch.kernel])
        if points:
            found.append((-abs(points), branch.factor, points))
    found.sort()
    return tuple([FactorShare(factor, points) for _, factor, points in found[:limit]])


def shown_interval(total: float) -> tuple[float, float]:
    """The totals [low, high) that show the same score as this one."""
    shown = score_of(total)
    return (
        shown - TOLERANCE if shown > 0 else float("-inf"),
        shown + 1 - TOLERANCE if shown < 100 else float("inf"),
    )
