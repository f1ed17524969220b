"""The form of what is done about a score: levels, stages, timers, spikes, actions."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from leadstream.models.forms import (
    Duration,
    FactName,
    FieldName,
    Level,
    Name,
    One,
    Part,
    Period,
    Points,
    Scalar,
    Start,
    Text,
    Types,
)
from leadstream.records.times import DAY
from leadstream.scoring.state.bounces import MAX_BOUNCES

Hysteresis = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Threshold(Part):
    """A level whose crossings are records: up at `at`, down below `at - hysteresis`."""

    at: Level
    hysteresis: Hysteresis = 0.0
    on_recovery: Literal["record", "fire"] = "record"
    """Whether its actions are asked for when the total rises because something negative has faded."""
    on_merge: Literal["record", "fire"] = "record"
    """Whether they are when two leads become one."""
    cooldown: Annotated[Duration, Field(json_schema_extra={"default": "none"})] = 0
    """After a crossing that asked for its actions, how long further ones ask for none."""
    rationale: Text = ""


class Band(Part):
    """A named range of the total, up to the next band's `from`; `to` is for people, and checked by lint."""

    quiet: ClassVar[tuple[str, ...]] = ("hysteresis",)
    name: Name
    from_: Annotated[Start, Field(alias="from")]
    to: Start | None = None
    hysteresis: Hysteresis | None = None
    """It is left downwards below `from - hysteresis`. By default that of the highest threshold above the
    `from` of the one below, up to its own, else 0."""


class Stage(Part):
    """A stage of the lead: by the total if all have a `from`, else by the `stage` of the rules that score."""

    quiet: ClassVar[tuple[str, ...]] = ("hysteresis",)
    name: Name
    from_: Annotated[Start | None, Field(alias="from")] = None
    hysteresis: Hysteresis | None = None
    """It is left downwards below `from - hysteresis`. By default that of the highest threshold above the
    `from` of the one below, up to its own, else 0."""
    rationale: Text = ""


class Absence(Part):
    """None of these signals within a time after something; exactly one of `band`, `stage`, `rule`."""

    exactly_one: ClassVar[tuple[str, ...]] = ("band", "stage", "rule")
    of: Types
    within: Period
    band: Name | None = None
    """After entering the band, while in it."""
    stage: Name | None = None
    """After entering the stage, while in it."""
    rule: Name | None = None
    """After a signal that the rule scored; each begins the time anew."""


class Timer(Part):
    """Something that time alone brings about; one of `inactivity` and `absence`."""

    exactly_one: ClassVar[tuple[str, ...]] = ("inactivity", "absence")
    id: Name
    inactivity: Period | None = None
    """No activity for this long."""
    absence: Absence | None = None
    points: Points | None = None
    """What counts while the inactivity lasts."""
    category: Name | None = None
    owner: Text = ""
    rationale: Text = ""


class Spike(Part):
    """A surge: as many signals, or points, within a time; one of `count` and `points`."""

    exactly_one: ClassVar[tuple[str, ...]] = ("count", "points")
    id: Name
    rules: Annotated[list[Name], Field(min_length=1), One()] | None = None
    """Whose signals count; all with positive points unless given."""
    count: Annotated[int | None, Field(ge=2, le=60)] = None
    points: Level | None = None
    within: Period
    rationale: Text = ""


class Fact(Part):
    """A payload value that is taken from the lead's facts."""

    fact: FactName


class OfSignal(Part):
    """A payload value that is taken from the signal that caused the action."""

    signal: FieldName


class Trigger(Part):
    """What an action waits for; exactly one of these, `was` beside `band` or `stage`."""

    exactly_one: ClassVar[tuple[str, ...]] = ("band", "stage", "spike", "timer", "rule")
    band: Name | None = None
    """The lead enters the band from below."""
    stage: Name | None = None
    """The lead enters the stage from an earlier one."""
    was: Name | None = None
    """It came from this band or stage, from below or from above."""
    spike: Name | None = None
    timer: Name | None = None
    rule: Name | None = None
    """The rule scores a signal."""


class Outside(Part):
    """Who takes over outside the hours."""

    route_to: Name


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
Date = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Hours(Part):
    """When there is somebody: in the lead's time zone, else the tenant's, else UTC."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)] = ["mon", "tue", "wed", "thu", "fri"]
    from_: Annotated[Clock, Field(alias="from")] = "09:00"
    to: Clock = "18:00"
    holidays: Annotated[list[Date], Field(max_length=1000)] = []
    route_to: Name | None = None
    """Goes into the payload as `route` within the hours."""
    outside: Outside | Literal["defer", "skip"]
    """Another `route`, or wait for the next opening, or leave it."""


class Assign(Part):
    """Whose lead it becomes: goes into the payload as `owner`. A fact `owner` of the lead goes before."""

    owners: Annotated[list[Name], Field(min_length=1, max_length=1000)]
    by: Literal["turn", "hash"] = "turn"
    """By turns within a partition, or by the lead's key."""
    sticky: bool = True
    """A lead keeps the owner that it was given first."""


class Bounces(Part):
    """How long bounces of kind `soft` or `blocked` suppress e-mail; others do until the address changes."""

    soft: Literal["forever", "ignore"] | Period = 7 * DAY
    """How long one does."""
    limit: Annotated[int, Field(ge=2, le=MAX_BOUNCES)] = 3
    """As many do for good, if they come `within` this time."""
    within: Period = 30 * DAY


Requirement = Literal["phone", "email", "consent", "owner"]


class Action(Part):
    """What is asked for: when the threshold `at` is passed upwards, or `when` something else happens."""

    exactly_one: ClassVar[tuple[str, ...]] = ("at", "when")
    do: Name
    at: Level | None = None
    when: Trigger | None = None
    channel: Name | None = None
    """What reaches the lead is what suppression looks at; without one it stays within the house."""
    requires: Annotated[list[Requirement], One()] = []
    """A valid phone, an e-mail address, the fact `consent.<channel>`, the fact `owner`."""
    dedupe: Annotated[Duration, Field(json_schema_extra={"default": "none"})] = 0
    """At most one request per lead in this time."""
    hours: Hours | None = None
    assign: Assign | None = None
    priority: Literal["low", "normal", "high"] | None = None
    payload: dict[Name, Scalar | Fact | OfSignal] = {}
    rationale: Text = ""
