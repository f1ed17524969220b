"""From a rule file's levels, timers and actions to those that the fold runs."""

from collections.abc import Iterator, Sequence
from datetime import date
from math import inf

from leadstream.models import policy as form
from leadstream.models.rules import Rule
from leadstream.models.schema import RuleFile
from leadstream.scoring.compiled.channels import ALL_OUTREACH, EMAIL, bits_of, is_internal
from leadstream.scoring.compiled.conditions import getter
from leadstream.scoring.compiled.hours import Hours
from leadstream.scoring.compiled.levels import (
    Action,
    Assign,
    Entry,
    Level,
    OpeningHours,
    Spike,
    Threshold,
    Timer,
)
from leadstream.scoring.compiled.rules import Branch
from leadstream.scoring.facts.text import composed
from leadstream.scoring.state.bounces import SoftBounces

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class PolicyCompiler:
    """What the parts of a checked file are numbered by, and what they become."""

    def __init__(self, file: RuleFile) -> None:
        self.file = file
        named = [rule.channel or ALL_OUTREACH for rule in file.rules if "suppress" in rule.effect]
        named += [action.channel for action in file.actions if action.channel is not None]
        self.channels = list(dict.fromkeys([ALL_OUTREACH, EMAIL, *named]))
        """What a lead's suppression numbers, in an order that rows of earlier releases have too."""
        self.triggers = [trigger_of(action) for action in file.actions]
        self.band_names = [band.name for band in file.bands]
        self.staged_by_total = bool(file.stages) and file.stages[0].from_ is not None
        stages = [stage.name for stage in file.stages]
        self.stage_names = stages if self.staged_by_total else ["", *stages]

    def channel_bits(self, channel: str) -> int:
        return bits_of(channel, self.channels)

    def withholding(self, channel: str | None) -> int:
        """The bits of the channels whose suppression withholds an action."""
        if channel is None:
            return 0
        internal = is_internal(channel, self.file.internal_channels)
        return self.channel_bits(channel) | (0 if internal else self.channel_bits(ALL_OUTREACH))

    def bounces(self) -> SoftBounces:
        bounces = self.file.bounces
        if bounces.soft == "ignore":
            return SoftBounces(0, 0, 0)
        if bounces.soft == "forever":
            return SoftBounces(limit=1)
        return SoftBounces(bounces.soft, bounces.limit, bounces.within)

    def actions_at(self, trigger: str) -> tuple[int, ...]:
        return tuple(index for index, one in enumerate(self.triggers) if one == trigger)

    def absences(self, kind: str, name: str) -> tuple[int, ...]:
        """The timers that a band, a stage or a rule begins."""
        return tuple(
            index
            for index, timer in enumerate(self.file.timers)
            if timer.absence is not None and getattr(timer.absence, kind) == name
        )

    def spikes_of(self, rule: Rule) -> tuple[int, ...]:
        """The spikes that count a rule."""
        return tuple(
            index
            for index, spike in enumerate(self.file.spikes)
            if spike.rules is None or rule.id in spike.rules
        )

    def stage_of(self, rule: Rule) -> int:
        return 0 if rule.stage is None else self.stage_names.index(rule.stage)

    def ended_by(self, type_: str) -> frozenset[int]:
        """The absences that a signal of the type ends."""
        return frozenset(
            index
            for index, timer in enumerate(self.file.timers)
            if timer.absence is not None and type_ in timer.absence.of
        )

    def thresholds(self) -> tuple[Threshold, ...]:
        return tuple(
            Threshold(
                float(one.at),
                float(one.hysteresis),
                frozenset(
                    cause
                    for cause, wanted in (("recovery", one.on_recovery), ("merge", one.on_merge))
                    if wanted == "fire"
                ),
                one.cooldown,
                self.actions_at(f"threshold:{float(one.at)!r}"),
            )
            for one in self.file.thresholds
        )

    def bands(self) -> tuple[Level, ...]:
        ranges = [(float(one.from_), one.hysteresis) for one in self.file.bands]
        return tuple(
            self.level("band", one.name, start, hysteresis)
            for one, (start, hysteresis) in zip(self.file.bands, self.settled(ranges), strict=True)
        )

    def stages(self) -> tuple[Level, ...]:
        """None first where rules speak for stages, also where there are no stages."""
        if not self.staged_by_total:
            return (Level("", None), *[self.level("stage", one.name, None) for one in self.file.stages])
        ranges = [(float(one.from_ or 0.0), one.hysteresis) for one in self.file.stages]
        return tuple(
            self.level("stage", one.name, start, hysteresis)
            for one, (start, hysteresis) in zip(self.file.stages, self.settled(ranges), strict=True)
        )

    def settled(self, ranges: Sequence[tuple[float, float | None]]) -> Iterator[tuple[float, float]]:
        """Start and hysteresis of each band or stage: its own, else that of the highest threshold above the
        start of the one below, up to its own.
        """
        below = inf
        for start, own in ranges:
            between = [one.hysteresis for one in self.file.thresholds if below < one.at <= start]
            yield start, own if own is not None else (between[-1] if between else 0.0)
            below = start

    def level(self, kind: str, name: str, start: float | None, hysteresis: float = 0.0) -> Level:
        names = self.band_names if kind == "band" else self.stage_names
        entries = []
        for index in self.actions_at(f"{kind}:{name}"):
            when = self.file.actions[index].when
            was = when.was if when is not None else None
            entries.append(Entry(index, None if was is None else names.index(was)))
        return Level(name, start, tuple(entries), self.absences(kind, name), float(hysteresis))

    def timers(self, branches: dict[str, Branch]) -> tuple[Timer, ...]:
        """`branches` are the accumulators of those that have points."""
        return tuple(
            Timer(
                one.id,
                one.inactivity if one.absence is None else one.absence.within,  # type: ignore[arg-type]
                one.absence is None,
                branches.get(one.id),
                self.actions_at(f"timer:{one.id}"),
            )
            for one in self.file.timers
        )

    def spikes(self) -> tuple[Spike, ...]:
        return tuple(
            Spike(
                one.id,
                float(one.points if one.count is None else one.count),  # type: ignore[arg-type]
                one.count is not None,
                one.within,
                self.actions_at(f"spike:{one.id}"),
            )
            for one in self.file.spikes
        )

    def actions(self) -> tuple[Action, ...]:
        names = list(dict.fromkeys(action.do for action in self.file.actions))
        return tuple(
            self.action(action, index, names.index(action.do))
            for index, action in enumerate(self.file.actions)
        )

    def action(self, action: form.Action, index: int, number: int) -> Action:
        literal, facts, fields = [], [], []
        for name, value in action.payload.items():
            if isinstance(value, form.Fact):
                facts.append((name, composed(value.fact)))
            elif isinstance(value, form.OfSignal):
                fields.append((name, getter(value.signal)))
            else:
                literal.append((name, value))
        assign = action.assign
        return Action(
            do=action.do,
            number=number,
            index=index,
            trigger=self.triggers[index],
            channel=action.channel or "",
            outreach=not is_internal(action.channel or "", self.file.internal_channels),
            channel_bits=self.withholding(action.channel),
            requires=tuple(action.requires),
            dedupe=action.dedupe,
            hours=None if action.hours is None else hours_of(action.hours),
            assign=None
            if assign is None
            else Assign(tuple(assign.owners), assign.by == "turn", assign.sticky),
            priority=action.priority or "",
            payload=tuple(literal),
            fact_payload=tuple(facts),
            signal_payload=tuple(fields),
        )


def trigger_of(action: form.Action) -> str:
    """What an action waits for, as records say it."""
    if action.when is None:
        return f"threshold:{float(action.at or 0.0)!r}"
    when = action.when
    for kind in ("band", "stage", "spike", "timer", "rule"):
        name = getattr(when, kind)
        if name is not None:
            return f"{kind}:{name}"
    raise ValueError(f"action {action.do} waits for nothing")


def hours_of(hours: form.Hours) -> OpeningHours:
    days = frozenset(DAYS.index(day) for day in hours.days)
    holidays = frozenset(date.fromisoformat(one) for one in hours.holidays)
    office = Hours(days, minute_of(hours.from_), minute_of(hours.to), holidays)
    if isinstance(hours.outside, form.Outside):
        return OpeningHours(office, "route", hours.route_to, hours.outside.route_to)
    return OpeningHours(office, hours.outside, hours.route_to, None)


def minute_of(clock: str) -> int:
    """Minutes since midnight of `hh:mm`."""
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)
