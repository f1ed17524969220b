"""A model as the fold runs it: rules by signal type, levels, actions. Made by `leadstream.models`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, NamedTuple

import msgspec

from leadstream.records.outputs import Contribution
from leadstream.records.rejection import Rejected, shorten
from leadstream.records.signal import Signal
from leadstream.scoring.kernel import TOLERANCE, Kernel

ALL_OUTREACH = "all"
"""The channel that stands for every channel; its bit in a lead's suppression is the lowest."""
EMAIL_BIT = 2
"""The bit of the channel `email`, the second of every model."""
MAX_ORDERS = 4096
"""Orders of branches whose heads are remembered: leads meet rules in many."""
BUMP = 0
"""The branch of `score.bumped`: its points are one, its mass the points given."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One accumulator of a model: a rule, or one value of its `by`."""

    factor: str
    points: float
    kernel: int
    """Index into the model's kernels."""
    symbol: str
    """What a state calls it: the character whose code point is its index in the model."""
    once: tuple[Contribution, ...]
    """What one occurrence contributes at a factor of one."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Factors by ordinal, the last one holding on; `within` is the window in ms, 0 for all time."""

    ring: int
    within: int
    factors: tuple[float, ...]


class Rule(NamedTuple):
    """A rule for one signal type. `branch` is its accumulator, or `pick` finds it by the signal."""

    test: Callable[[Signal], bool] | None
    branch: Branch | None
    pick: Callable[[Signal], Branch | None] | None
    repeat: Repeat | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a signal of one type sets off."""

    name: str
    """What the type is counted as; types that the model does not know share one name."""
    rules: tuple[Rule, ...] = ()
    effects: tuple["Effect", ...] = ()
    suppress: int = 0
    """Bits of the channels that every signal of the type suppresses."""
    releases: bool = False
    """Lifts every suppression."""
    facts: bool = False
    bump: bool = False
    special: bool = False
    """Whether the type means more than points: effects, suppression, facts, a request to write."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a rule does beside points."""

    test: Callable[[Signal], bool] | None
    reset: bool
    suppress: int
    """Bits of the channels."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A level whose crossings are records: up at `at`, down below `at - hysteresis`."""

    at: float
    hysteresis: float
    fire_on_recovery: bool
    actions: tuple["Action", ...]


@dataclass(frozen=True, slots=True)
class Band:
    name: str
    start: float


@dataclass(frozen=True, slots=True)
class Action:
    """What the model wants done when a threshold is passed upwards."""

    do: str
    number: int
    """Index of `do` in the lead's times of last requests."""
    channel: str
    channel_bits: int
    """The channels whose suppression withholds it."""
    needs_phone: bool
    dedupe: int
    """Window in ms, 0 for none."""
    payload: tuple[tuple[str, Any], ...]
    fact_payload: tuple[tuple[str, str], ...]


class Interval(NamedTuple):
    """The totals [low, high) in which no threshold and no band changes."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CompiledModel:
    """The rules of one tenant. Two with the same fingerprint score alike."""

    name: str
    version: str
    fingerprint: str
    timezone: str | None
    branches: tuple[Branch, ...]
    kernels: tuple[Kernel, ...]
    plans: Mapping[str, Plan]
    thresholds: tuple[Threshold, ...]
    """Ascending."""
    bands: tuple[Band, ...]
    """Ascending; the first also holds what is below it."""
    channels: tuple[str, ...]
    half_lives: tuple[int, ...] = ()
    """The kernels' half-lives in ms, 0 for none; the first is the default."""
    scales: tuple[float, ...] = ()
    """The same, infinite for none: `2 ** (-elapsed / scale)` holds for both kinds."""
    heads: tuple[msgspec.Raw, ...] = ()
    """The branches' part of an accumulator on the wire: its first five values, ready to be written."""
    heads_by_branches: dict[str, tuple[msgspec.Raw, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """Filled as leads need them: the heads of a state's branches."""
    other: Plan = field(default_factory=lambda: Plan("other"))
    intervals: dict[tuple[int, int], Interval] = field(default_factory=dict, compare=False, repr=False)
    """Filled as leads need them: by (thresholds passed, band)."""
    suppressions: dict[int, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)
    """Filled as leads need them: the channels by the bits that are set."""

    def __post_init__(self) -> None:
        half_lives = tuple(kernel.half_life for kernel in self.kernels)
        object.__setattr__(self, "half_lives", half_lives)
        object.__setattr__(self, "scales", tuple(float(half_life or inf) for half_life in half_lives))
        object.__setattr__(self, "heads", tuple(self._head(branch) for branch in self.branches))

    def _head(self, branch: Branch) -> msgspec.Raw:
        kernel = self.kernels[branch.kernel]
        values = (branch.factor, "", branch.points, kernel.kind, kernel.half_life)
        return msgspec.Raw(msgspec.json.encode(values)[1:-1])

    @property
    def label(self) -> str:
        """Name and version, as records carry them."""
        return f"{self.name}/{self.version}"

    def interval(self, passed: int, band: int) -> Interval:
        """The totals at which a lead with these thresholds passed, in this band, changes neither."""
        found = self.intervals.get((passed, band))
        if found is None:
            falls = [self.bands[band].start] if band else []
            rises = [self.bands[band + 1].start] if band + 1 < len(self.bands) else []
            for index, threshold in enumerate(self.thresholds):
                if passed >> index & 1:
                    falls.append(threshold.at - threshold.hysteresis)
                else:
                    rises.append(threshold.at)
            found = Interval(max(falls, default=-inf) - TOLERANCE, min(rises, default=inf) - TOLERANCE)
            self.intervals[passed, band] = found
        return found

    def band_of(self, total: float) -> int:
        """The index of the band of a total."""
        index = len(self.bands) - 1
        while index and total < self.bands[index].start - TOLERANCE:
            index -= 1
        return index

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
            found = tuple([channel for index, channel in enumerate(self.channels) if bits >> index & 1])
            self.suppressions[bits] = found
        return found


class ModelCatalog:
    """The model of each tenant: one for all, or only for those listed."""

    def __init__(self, default: CompiledModel, tenants: Mapping[str, CompiledModel] | None = None) -> None:
        self.default = default
        self.tenants = tenants

    def for_tenant(self, tenant: str) -> CompiledModel:
        """Raises `Rejected("unknown_tenant")` for a tenant that is not listed."""
        if self.tenants is None:
            return self.default
        try:
            return self.tenants[tenant]
        except KeyError:
            raise Rejected("unknown_tenant", f"tenant {shorten(tenant)} is not in the tenants file") from None
