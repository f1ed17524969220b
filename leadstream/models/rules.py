"""The form of what scores: conditions, rules, fit over facts, guards."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from leadstream.models.forms import (
    Duration,
    Equal,
    FactName,
    Factor,
    FieldName,
    HalfLife,
    Interval,
    Name,
    One,
    Part,
    Period,
    Points,
    Scalar,
    Start,
    Text,
    Types,
    Value,
    given,
)
from leadstream.scoring.kernels.registry import kernels_of_rules

Number = Annotated[float, Field(allow_inf_nan=False)]
Agent = Annotated[str, Field(max_length=256)]
Segment = Annotated[str, Field(pattern=r"^[^/?#]+$")]


class Condition(Part):
    """What a field of a signal must be; all that are given hold."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    eq: Scalar | None = None
    in_: Annotated[list[Scalar] | None, Field(alias="in", min_length=1)] = None
    not_: Annotated[Scalar | None, Field(alias="not")] = None
    """The field is there and is another value."""
    exists: bool | None = None
    gt: Number | None = None
    gte: Number | None = None
    lt: Number | None = None
    lte: Number | None = None
    contains: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    """A text that holds this one, whatever the case; or a list with this value."""
    matches: Annotated[str | None, Field(min_length=1, max_length=256)] = None
    """A text in which this regular expression (RE2) is found."""
    url_path: Annotated[list[Segment] | None, Field(min_length=1)] = None
    """A whole segment of the URL's path is one of these."""


def _fields_only(schema: dict[str, Any]) -> None:
    schema["patternProperties"] = {r"^(source|data(\.[^.]+)+)$": schema.pop("additionalProperties")}
    schema["additionalProperties"] = False


class When(Part):
    """Conditions on fields (`source`, `data.<name>...`), all of which hold, beside `all`, `any` and `not`."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_fields_only)
    __pydantic_extra__: dict[str, Annotated[Condition, Equal()]]

    all: Annotated[list["When"], Field(min_length=1, max_length=100)] | None = None
    any: Annotated[list["When"], Field(min_length=1, max_length=100)] | None = None
    not_: Annotated["When | None", Field(alias="not")] = None

    @property
    def fields(self) -> dict[str, Condition]:
        return self.__pydantic_extra__


class By(Part):
    """Points by the value of a field, each value an accumulator of its own."""

    field: Annotated[list[FieldName], Field(min_length=1), One()]
    """The first of them that the signal has."""
    points: Annotated[dict[Value, Points], Field(min_length=1)]
    default: str | None = None
    """The entry for a value that is absent or not listed; without it such a signal does not match."""


MAX_ORDINALS = 64
"""Factors that a `repeat` may list."""


class Repeat(Part):
    """Factors by ordinal of the occurrence, the last one holding on."""

    factors: Annotated[list[Factor], Field(min_length=1, max_length=MAX_ORDINALS)]
    within: Annotated[Duration, Field(json_schema_extra={"default": "none"})] = 0
    """The window in which occurrences count; `none` for all time."""


class InactivityStep(Part):
    """A loss for each full interval without activity, locked in by the next activity."""

    percent: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]
    every: Interval
    variant: Literal["compounding", "linear"] = "compounding"
    """Per cent of what is left, or of what there was."""
    floor: Start = 0.0
    """Points that the loss leaves of a factor, if it had as many."""


class Decay(Part):
    """The kernel by which contributions fade; exactly one of these."""

    exactly_one: ClassVar[tuple[str, ...]] = tuple(kernels_of_rules())
    half_life: HalfLife | None = None
    linear: Period | None = None
    """Down to nothing in this time, evenly."""
    inactivity_step: InactivityStep | None = None


class AgeStep(Part):
    """A factor for actions younger than `to`; the last one, without `to`, for all older ones."""

    to: Period | None = None
    factor: Factor


class After(Part):
    """A sequence: another rule has scored the lead not longer ago than this."""

    rule: Name
    within: Period


class Category(Part):
    """Factors that are added up, and clamped, together."""

    cap: Annotated[float | None, Field(gt=0, le=1e6, allow_inf_nan=False)] = None
    """The sum counts from 0 to this; in a negative category from minus this to 0."""
    sign: Literal["positive", "negative"] = "positive"
    decay: Decay | Literal["none"] | None = None
    """Of its rules that have none of their own."""
    rationale: Text = ""


Effect = Literal["points", "reset", "suppress"]


class Rule(Part):
    """What a signal is worth."""

    model_config = ConfigDict(json_schema_extra={"not": given("points", "by")})

    id: Name
    on: Types
    when: When = When.model_validate({})
    after: After | None = None
    points: Points | None = None
    by: By | None = None
    category: Name | None = None
    group: Name | None = None
    """Of the rules of a group only the first that matches scores a signal."""
    repeat: Repeat | None = None
    recency: Annotated[list[AgeStep] | None, Field(min_length=1, max_length=20)] = None
    """Factors by the age of the action when the score is read, multiplied with the decay."""
    effect: Annotated[list[Effect], Field(min_length=1), One()] = ["points"]
    channel: Name | None = None
    """What `effect: suppress` suppresses; `all` for all outreach."""
    decay: Decay | Literal["none"] | None = None
    stage: Name | None = None
    """The buying stage that the signal speaks for."""
    guards: dict[Name, Factor] = {}
    """Weights of flagged signals for this rule, in place of the guards' own."""
    owner: Text = ""
    rationale: Text = ""


class Range(Part):
    """Numbers from here up to the next range's `from`."""

    from_: Annotated[float, Field(alias="from", allow_inf_nan=False)]
    points: Points
    name: Value | None = None


class Keywords(Part):
    """Words, or several in a row, found in a text whatever the case."""

    points: Annotated[dict[Value, Points], Field(min_length=1)]
    take: Literal["best", "sum"] = "best"


class Tier(Part):
    """Values that count alike."""

    name: Value
    values: Annotated[list[Value], Field(min_length=1)]
    points: Points


class Fit(Part):
    """What a fact of the lead is worth; exactly one of `ranges`, `values`, `keywords`, `tiers`."""

    exactly_one: ClassVar[tuple[str, ...]] = ("ranges", "values", "keywords", "tiers")
    id: Name
    fact: FactName
    ranges: Annotated[list[Range], Field(min_length=1, max_length=100)] | None = None
    values: Annotated[dict[Value, Points], Field(min_length=1)] | None = None
    keywords: Keywords | None = None
    tiers: Annotated[list[Tier], Field(min_length=1, max_length=100)] | None = None
    other: Points | None = None
    """For a known fact that none of them has."""
    category: Name | None = None
    decay: Decay | Literal["none"] = "none"
    """By the age of the fact: `none` or a half-life."""
    owner: Text = ""
    rationale: Text = ""


class Burst(Part):
    """More than so many signals of the guard's types within a time."""

    more_than: Annotated[int, Field(ge=1, le=60)]
    within: Period


class Guard(Part):
    """A flag for signals that no person made; exactly one way of telling them."""

    exactly_one: ClassVar[tuple[str, ...]] = ("crawlers", "user_agents", "machine", "after_send", "burst")
    id: Name
    on: Types
    crawlers: Literal[True] | None = None
    """The user agent is that of a known crawler."""
    user_agents: Annotated[list[Agent] | None, Field(min_length=1, max_length=100)] = None
    """The user agent holds one of these texts, whatever the case."""
    machine: Literal[True] | None = None
    """The signal itself says so: `data.machine` is true."""
    after_send: Period | None = None
    """Sooner after the e-mail was sent than this."""
    burst: Burst | None = None
    weight: Factor = 0.0
    """What a flagged signal counts; 0 leaves it out."""
    rationale: Text = ""
