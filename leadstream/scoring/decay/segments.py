"""The course that a total takes by itself: segments of time in which its parts keep their form."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp2, inf, log
from typing import NamedTuple

from leadstream.records.outputs import Accumulator, Detail
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.decay.totals import kernel_of, spells, steps_since
from leadstream.scoring.kernels.buckets import read_buckets
from leadstream.scoring.kernels.course import LN2, Curve, Part, part_bounds
from leadstream.scoring.kernels.kernel import Bucket, Kernel
from leadstream.scoring.state.lead_state import LeadState

NEGLIGIBLE = 1e-13
"""What is left of a value when it is taken to have reached its limit."""


@dataclass(slots=True)
class Segment:
    """The parts of a total from `start` until `end`, when one of them takes another form; None for never."""

    start: int
    end: int | None
    parts: list[Part]

    @property
    def horizon(self) -> int:
        """The last instant at which anything worth mentioning changes within the segment."""
        if self.end is not None:
            return self.end - 1
        longest, weight = 0, 0.0
        for part in self.parts:
            for half_life, value in part.fading.items():
                longest = max(longest, half_life)
                weight += abs(value)
        if weight <= NEGLIGIBLE:
            return self.start
        return self.start + int(longest * log(weight / NEGLIGIBLE) / LN2) + 2

    def bounds(self, a: int, b: int) -> tuple[float, float, float, float]:
        """Between the instants a and b: the least and greatest total, and the least and greatest slope."""
        x, y = a - self.start, b - self.start
        least = most = falls = rises = 0.0
        free: dict[int, float] = {}
        curves: tuple[Curve, ...] = ()
        """Of categories that no bound touches in between: their fading values may cancel each other."""
        for part in self.parts:
            lower, upper, down, up = part_bounds(part, x, y)
            if lower >= part.low and upper <= part.high:
                least += part.constant + part.slope * (y if part.slope < 0 else x)
                most += part.constant + part.slope * (x if part.slope < 0 else y)
                falls += part.slope
                rises += part.slope
                for half_life, value in part.fading.items():
                    free[half_life] = free.get(half_life, 0.0) + value
                curves += part.curves
                continue
            least += min(max(lower, part.low), part.high)
            most += min(max(upper, part.low), part.high)
            if lower < part.high and upper > part.low:
                falls += min(down, 0.0)
                rises += max(up, 0.0)
        lower, upper, down, up = part_bounds(Part(-inf, inf, fading=free, curves=curves), x, y)
        return least + lower, most + upper, falls + down, rises + up


class Term(NamedTuple):
    """An accumulator as a course needs it; `part` is the index of its category."""

    part: int
    points: float
    kernel: Kernel
    mass: float
    ref: int
    buckets: Sequence[Bucket]
    active_at: int | None


def segment_of(terms: Iterable[Term], bounds: Iterable[tuple[float, float]], start: int) -> Segment:
    """The segment from `start` on; `bounds` are low and high of each category."""
    parts = [Part(low, high) for low, high in bounds]
    end = inf
    for number, points, kernel, mass, ref, buckets, active_at in terms:
        if not points:
            continue
        change = kernel.course(parts[number], points, mass, ref, buckets, active_at, start)
        if change < end:
            end = change
    return Segment(start, None if end == inf else int(end), parts)


def segment_of_state(state: LeadState, model: CompiledModel) -> Segment:
    """The segment that begins at the state's `touched`."""
    bounds = [(category.low, category.high) for category in model.categories]
    return segment_of(terms_of(state, model), bounds, state.touched)


def terms_of(state: LeadState, model: CompiledModel) -> Iterator[Term]:
    packed = (state.extra.buckets if state.extra is not None else None) or {}
    since = steps_since(state)
    for symbol, mass, ref in zip(state.branches, state.masses, state.refs, strict=True):
        branch = model.branches[ord(symbol)]
        kernel = model.kernels[branch.kernel]
        buckets = list(read_buckets(packed[symbol])) if symbol in packed else ()
        yield Term(branch.category, branch.points, kernel, mass, ref, buckets, since)
    for spell, anchor in spells(state, model):
        yield Term(spell.category, spell.points, model.kernels[spell.kernel], 1.0, anchor, (), None)


def segment_of_accumulators(
    accumulators: Iterable[Accumulator], caps: Mapping[str, tuple[float, float]], start: int
) -> Segment:
    """The same from a snapshot; `start` (epoch ms) is not before it."""
    numbers = {"": 0}
    terms = []
    for one in accumulators:
        part = numbers.setdefault(one.category, len(numbers))
        detail = one.detail or Detail()
        kernel = kernel_of(one)
        terms.append(Term(part, one.points, kernel, one.mass, one.t_ref, detail.buckets, detail.active_at))
    return segment_of(terms, [caps.get(name, (-inf, inf)) for name in numbers], start)


def single_half_life(segment: Segment) -> int | None:
    """The half-life of all that fades, 0 if nothing does; None if there are several, slopes or curves."""
    found = 0
    for part in segment.parts:
        if part.slope or part.curves:
            return None
        for half_life in part.fading:
            if found not in (0, half_life):
                return None
            found = half_life
    return found


def releases(segment: Segment, half_life: int) -> list[float]:
    """With one half-life: the x at which a category meets one of its bounds, ascending."""
    found = []
    for part in segment.parts:
        value = part.fading.get(half_life, 0.0)
        for bound in (part.low, part.high):
            if value and -inf < bound < inf and (bound - part.constant) / value > 0.0:
                x = -half_life * log((bound - part.constant) / value) / LN2
                if x > 0.0:
                    found.append(x)
    return sorted(found)


def line_between(segment: Segment, half_life: int, x: float) -> tuple[float, float]:
    """With one half-life: constant and fading value (as of x = 0) of the total around x."""
    constant = fading = 0.0
    for part in segment.parts:
        value = part.fading.get(half_life, 0.0)
        present = part.constant + value * exp2(-x / half_life)
        if present <= part.low or present >= part.high:
            constant += part.low if present <= part.low else part.high
        else:
            constant += part.constant
            fading += value
    return constant, fading


def guesses(segment: Segment, half_life: int, low: float, high: float) -> list[tuple[float, float, float]]:
    """With one half-life: for each piece between releases its ends, and the x at which the total leaves.

    Of what falls that is below `low` only, whatever rounding says right at `high`, and the other way round.
    """
    found = []
    nodes = [0.0, *releases(segment, half_life), inf]
    for first, last in pairwise(nodes):
        middle = first + half_life if last == inf else (first + last) / 2
        constant, fading = line_between(segment, half_life, middle)
        leaves = inf
        level = low if fading > 0.0 else high
        if fading and (level - constant) / fading > 0.0:
            x = -half_life * log((level - constant) / fading) / LN2
            if first - 1.0 <= x <= last + 1.0:
                leaves = x
        found.append((first, last, leaves))
    return found
