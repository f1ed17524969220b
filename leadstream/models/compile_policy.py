"""From a rule file's levels, timers and actions to those that the fold runs."""

from datetime import date

from leadstream.models import policy as form
from leadstream.models.rules import Rule
from leadstream.models.schema import RuleFile
from leadstream.scoring.conditions import getter
from leadstream.scoring.hours import Hours
from leadstream.scoring.levels import (
    INTERNAL,
    Action,
    Assign,
    Entry,
    Level,
    OpeningHours,
    Spike,
    Threshold,
    Timer,
)
from leadstream.scoring.model import ALL_OUTREACH
from leadstream.scoring.reading_facts.text import composed
from leadstream.scoring.rules import Branch

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class PolicyCompiler:
    """What the parts of a checked file are numbered by, and what they become."""

    def __init__(self, file: RuleFile) -> None:
        self.file = file
        self.channels = [ALL_OUTREACH, "email"]
        self.triggers = [trigger_of(action) for action in file.actions]
        self.band_names = [band.name for band in file.bands]
        self.staged_by_total = bool(file.stages) and file.stages[0].from_ is not None
        stages = [stage.name for stage in file.stages]
        self.stage_names = stages if self.staged_by_total else ["", *stages]

    def channel_bit(self, channel: str) -> int:
        if channel not in self.channels:
            self.channels.append(channel)
        return 1 << self.channels.index(channel)

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
        return tuple(self.level("band", one.name, float(one.from_)) for one in self.file.bands)

    def stages(self) -> tuple[Level, ...]:
        """None first where rules speak for stages, also where there are no stages."""
        levels = [
            self.level("stage", one.name, None if one.from_ is None else float(one.from_))
            for one in self.file.stages
        ]
        return tuple(levels if self.staged_by_total else [Level("", None), *levels])

    def level(self, kind: str, name: str, start: float | None) -> Level:
        names = self.band_names if kind == "band" else self.stage_names
        entries = []
        for index in self.actions_at(f"{kind}:{name}"):
            when = self.file.actions[index].when
            was = when.was if when is not None else None
            entries.append(Entry(index, None if was is None else names.index(was)))
        return Level(name, start, tuple(entries), self.absences(kind, name))

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
            channel=action.channel,
            outreach=action.channel.casefold() not in INTERNAL,
            channel_bits=self.channel_bit(ALL_OUTREACH) | self.channel_bit(action.channel),
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
