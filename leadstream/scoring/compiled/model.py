"""A model as the fold runs it: rules by signal type, levels, actions. Made by `leadstream.models`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

import msgspec

from leadstream.records.rejection import Rejected, shorten
from leadstream.scoring.compiled.channels import EMAIL, bits_of
from leadstream.scoring.compiled.levels import (
    Action,
    Category,
    Interval,
    Level,
    Spike,
    Threshold,
    Timer,
    level_of,
)
from leadstream.scoring.compiled.rules import Branch, Fit, Plan
from leadstream.scoring.kernels.kernel import TOLERANCE, Kernel
from leadstream.scoring.state.bounces import SoftBounces, softly_suppressed
from leadstream.scoring.state.facts import EXPECTED
from leadstream.scoring.state.lead_state import LeadState

MAX_ORDERS = 4096
"""Orders of branches whose heads are remembered: leads meet rules in many."""
BUMP = 0
"""The branch of `score.bumped`: its points are one, its mass the points given."""


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """The rules of one tenant. Two with the same fingerprint score alike."""

    name: str
    version: str
    fingerprint: str
    timezone: str | None
    branches: tuple[Branch, ...]
    kernels: tuple[Kernel, ...]
    """The first is the default."""
    categories: tuple[Category, ...]
    """The first is that of factors without one."""
    plans: Mapping[str, Plan]
    thresholds: tuple[Threshold, ...]
    """Ascending."""
    bands: tuple[Level, ...]
    """Ascending; the first also holds what is below it."""
    stages: tuple[Level, ...]
    """By the total like bands; or by rules, the first then being none, with an empty name."""
    staged_by_total: bool
    channels: tuple[str, ...]
    """All outreach, `email`, and those that the file names, in each case of letters that it has them in."""
    actions: tuple[Action, ...] = ()
    fits: tuple[Fit, ...] = ()
    timers: tuple[Timer, ...] = ()
    spikes: tuple[Spike, ...] = ()
    consent_required: bool = False
    bounces: SoftBounces = field(default_factory=SoftBounces)
    other: Plan = field(default_factory=lambda: Plan("other"))
    plain: bool = True
    """Whether the total is one memoryless sum: a single kernel, and no category that is clamped."""
    watches: bool = False
    """Whether any signal may ask for more than its rules do: it counts inactivity, or requires consent."""
    inactivities: tuple[Timer, ...] = ()
    """The timers that wait for inactivity."""
    fitted: frozenset[str] = frozenset()
    """The symbols of branches that facts fill."""
    steps: frozenset[str] = frozenset()
    """The symbols of branches whose loss an activity locks in."""
    kept_facts: frozenset[str] = EXPECTED
    """The facts that always find room: those expected, and those that the model reads."""
    scales: tuple[float, ...] = ()
    """By kernel, what memoryless ones are computed with, inlined for speed: the half-life in ms, infinite for
    no decay, so that `2 ** (-elapsed / scale)` holds. 0 for the others."""
    email_bits: int = 0
    """The bits of the channel `email`."""
    rings: tuple[str, ...] = ()
    """What each ring of occurrences is for."""
    activation: int = field(default=0, compare=False)
    """The number of the activation that brought it in; 0 for the model that the application started with."""
    since: int = field(default=0, compare=False)
    """The instant of that activation, in ms."""
    rules: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The rule file that it was made of, as plain values in the form that it is written in."""
    heads: tuple[msgspec.Raw, ...] = ()
    """The branches' part of an accumulator on the wire: its first five values, ready to be written."""
    heads_by_branches: dict[str, tuple[msgspec.Raw, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """Filled as leads need them: the heads of a state's branches."""
    intervals: dict[tuple[int, int, int], Interval] = field(default_factory=dict, compare=False, repr=False)
    """Filled as leads need them: by (thresholds passed, band, stage)."""
    suppressions: dict[int, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Filled as leads need them: the channels by the bits that are set."""

    def __post_init__(self) -> None:
        default = self.kernels[0]
        inactivities = tuple(timer for timer in self.timers if timer.inactivity)
        used = {branch.kernel for branch in self.branches}
        steps = [one.symbol for one in self.branches if self.kernels[one.kernel].locks]
        made = {
            "plain": default.memoryless
            and used == {0}
            and not any(category.clamped for category in self.categories)
            and all(timer.branch is None for timer in inactivities),
            "watches": bool(inactivities) or self.consent_required,
            "inactivities": inactivities,
            "steps": frozenset(steps),
            "email_bits": bits_of(EMAIL, self.channels),
            "scales": tuple(float(one.half_life or inf) if one.memoryless else 0.0 for one in self.kernels),
            "heads": tuple(self._head(branch) for branch in self.branches),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def _head(self, branch: Branch) -> msgspec.Raw:
        kernel = self.kernels[branch.kernel]
        category = self.categories[branch.category].name
        values = (branch.factor, category, branch.points, kernel.kind, kernel.half_life)
        return msgspec.Raw(msgspec.json.encode(values)[1:-1])

    @property
    def label(self) -> str:
        """Name and version, as records carry them."""
        return f"{self.name}/{self.version}"

    @property
    def caps(self) -> dict[str, tuple[float, float]]:
        """Low and high bound of each category that has any."""
        return {one.name: (one.low, one.high) for one in self.categories if one.clamped}

    def interval(self, passed: int, band: int, stage: int) -> Interval:
        """The totals at which a lead with these thresholds passed, in this band and stage, changes none."""
        found = self.intervals.get((passed, band, stage))
        if found is None:
            falls, rises = [], []
            ladders = (
                [(self.bands, band), (self.stages, stage)] if self.staged_by_total else [(self.bands, band)]
            )
            for levels, index in ladders:
                falls += [level.falls for level in levels[1 : index + 1][-1:]]
                rises += [level.start for level in levels[index + 1 :][:1]]
            for index, threshold in enumerate(self.thresholds):
                if passed >> index & 1:
                    falls.append(threshold.at - threshold.hysteresis)
                else:
                    rises.append(threshold.at)
            low = max([level for level in falls if level is not None], default=-inf)
            high = min([level for level in rises if level is not None], default=inf)
            found = Interval(low - TOLERANCE, high - TOLERANCE)
            self.intervals[passed, band, stage] = found
        return found

    def band_of(self, total: float, present: int) -> int:
        """The index of the band of a total of a lead that is in the band `present`."""
        return level_of(self.bands, total, present)

    def heads_of(self, branches: str) -> tuple[msgspec.Raw, ...]:
        """The heads of a state's branches, in their order."""
        found = self.heads_by_branches.get(branches)
        if found is None:
            if len(self.heads_by_branches) >= MAX_ORDERS:
                self.heads_by_branches.clear()
            found = tuple([self.heads[ord(symbol)] for symbol in branches])
            self.heads_by_branches[branches] = found
        return found

    def suppressed_channels(self, bits: int) -> tuple[str, ...]:
        """The names of the channels whose bits are set."""
        found = self.suppressions.get(bits)
        if found is None:
            named = [channel for index, channel in enumerate(self.channels) if bits >> index & 1]
            found = tuple({name.casefold(): name for name in reversed(named)}.values())[::-1]
            self.suppressions[bits] = found
        return found


def suppressed_at(state: LeadState, model: CompiledModel, at: int) -> int:
    """The bits of the channels that are suppressed at `at`, an instant not before the lead's last change."""
    bits = state.suppressed
    if state.extra is not None and softly_suppressed(state, model.bounces, at):
        bits |= model.email_bits
    return bits


Compile = Callable[[Mapping[str, Any], str | None], CompiledModel]
"""From a rule file as plain values and a time zone to the model. Raises `ValueError` for what is none."""


def compiles_nothing(rules: Mapping[str, Any], timezone: str | None) -> CompiledModel:
    raise ValueError("rules can't be compiled here")


class ModelCatalog:
    """The model of each tenant: one for all, or only for those listed."""

    def __init__(
        self,
        default: CompiledModel,
        tenants: Mapping[str, CompiledModel] | None = None,
        compile_rules: Compile = compiles_nothing,
    ) -> None:
        """`compile_rules` makes the models that are activated later."""
        self.default = default
        self.tenants = tenants
        self.compile_rules = compile_rules

    def for_tenant(self, tenant: str) -> CompiledModel:
        """Raises `Rejected("unknown_tenant")` for a tenant that is not listed."""
        if self.tenants is None:
            return self.default
        try:
            return self.tenants[tenant]
        except KeyError:
            raise Rejected("unknown_tenant", f"tenant {shorten(tenant)} is not in the tenants file") from None
