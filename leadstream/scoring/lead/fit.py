"""Fit: what the facts of a lead are worth."""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from leadstream.records.outputs import Contribution
from leadstream.scoring.actions.consents import allows_fact
from leadstream.scoring.compiled.model import CompiledModel
from leadstream.scoring.compiled.rules import Branch
from leadstream.scoring.facts.by_field import comparable, measured, words_in
from leadstream.scoring.state.facts import Scalar, unpack
from leadstream.scoring.state.lead_state import LeadState

Pick = Callable[[Any], tuple[Branch, ...]]


def in_ranges(
    fact: str, starts: Sequence[float], branches: Sequence[Branch], other: tuple[Branch, ...]
) -> Pick:
    """The range of a number, each from its start up to the next one's."""
    number_in = measured(fact)

    def pick(value: Scalar) -> tuple[Branch, ...]:
        number = number_in(value)
        place = bisect_right(starts, number) if number is not None else 0
        return (branches[place - 1],) if place else other

    return pick


def among_values(fact: str, branches: Iterable[tuple[str, Branch]], other: tuple[Branch, ...]) -> Pick:
    """The entry of a value, the first of several that mean the same."""
    compared_by = comparable(fact)
    found: dict[Hashable, Branch] = {}
    for value, branch in branches:
        found.setdefault(compared_by(value), branch)

    def pick(value: Scalar) -> tuple[Branch, ...]:
        branch = found.get(compared_by(value))
        return (branch,) if branch is not None else other

    return pick


def by_keywords(
    fact: str, keywords: Sequence[tuple[str, Branch]], best: bool, other: tuple[Branch, ...]
) -> Pick:
    """The entries whose words stand in a text one after the other: the one worth most, or all."""
    words = words_in(fact)
    wanted = [(f" {' '.join(words(keyword))} ", branch) for keyword, branch in keywords]

    def pick(value: Scalar) -> tuple[Branch, ...]:
        text = f" {' '.join(words(value))} " if type(value) is str else ""
        found = [branch for row, branch in wanted if row in text]
        if not found:
            return other
        return (max(found, key=lambda branch: branch.points),) if best else tuple(found)

    return pick


def rescore(state: LeadState, model: CompiledModel, now: int) -> tuple[Contribution, ...]:
    """Puts the fit accumulators in agreement with the facts; what each has changed by at `now`.

    A fact counts if it came after the last reset, and if the lead consents to profiling.
    """
    facts = unpack(state.facts)
    void = (state.extra.void if state.extra is not None else None) or ()
    wanted: dict[str, tuple[Branch, int]] = {}
    for fit in model.fits:
        known = facts.get(fit.fact)
        if known is None or known[0] is None or known[0] == "" or fit.fact in void:
            continue
        if not counts(state, model, known[1]):
            continue
        for branch in fit.pick(known[0]):
            wanted[branch.symbol] = (branch, known[1])
    before = fit_points(state, model, now)
    kept = []
    for index, symbol in enumerate(state.branches):
        if symbol not in model.fitted:
            kept.append(index)
        elif symbol in wanted:
            kept.append(index)
            at = wanted.pop(symbol)[1]
            if at != state.refs[index]:
                state.refs[index], state.places[index] = at, state.place
    state.branches = "".join([state.branches[index] for index in kept])
    for name in ("masses", "refs", "counts", "places"):
        column = getattr(state, name)
        setattr(state, name, [column[index] for index in kept])
    for branch, at in wanted.values():
        state.branches += branch.symbol
        state.masses.append(1.0)
        state.refs.append(at)
        state.counts.append(1)
        state.places.append(state.place)
    after = fit_points(state, model, now)
    return tuple(
        [
            Contribution(model.branches[ord(symbol)].factor, change)
            for symbol in dict.fromkeys([*before, *after])
            if (change := after.get(symbol, 0.0) - before.get(symbol, 0.0))
        ]
    )


def counts(state: LeadState, model: CompiledModel, at: int) -> bool:
    """Whether a fact of this effective time counts."""
    if state.reset_at is not None and at <= state.reset_at:
        return False
    return allows_fact(state, at, model.consent_required)


def fit_points(state: LeadState, model: CompiledModel, now: int) -> dict[str, float]:
    """What each fit accumulator contributes at `now`, by symbol."""
    found = {}
    for symbol, mass, ref in zip(state.branches, state.masses, state.refs, strict=True):
        if symbol in model.fitted:
            branch = model.branches[ord(symbol)]
            found[symbol] = branch.points * mass * 2.0 ** ((ref - now) / model.scales[branch.kernel])
    return found
