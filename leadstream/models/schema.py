"""The rule file's form: what may stand in it, with the JSON Schema that editors use."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function

UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"([0-9]{1,12})(ms|s|m|h|d|w)")
MAX_DURATION = 36_525 * 86_400_000
"""A hundred years, in milliseconds."""


def parse_duration(value: Any) -> int:
    """Milliseconds of a duration such as `14d`, `24h`, `30m`, `14s`; 0 for `none`. Raises ValueError."""
    if value == "none":
        return 0
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("a duration is a whole number with ms, s, m, h, d or w, such as 14d, or `none`")
    duration = int(found[1]) * UNITS[found[2]]
    if not 1 <= duration <= MAX_DURATION:
        raise ValueError("a duration is at least 1ms and at most 36525d; `none` stands for no such time")
    return duration


def _half_life(value: Any) -> int:
    duration = parse_duration(value)
    if 0 < duration < 1000:
        raise ValueError("a half-life is at least 1s")
    return duration


_DURATION_SCHEMA = {"type": "string", "pattern": "^([0-9]{1,12}(ms|s|m|h|d|w)|none)$"}
Duration = Annotated[int, BeforeValidator(parse_duration), WithJsonSchema(_DURATION_SCHEMA)]
HalfLife = Annotated[int, BeforeValidator(_half_life), WithJsonSchema(_DURATION_SCHEMA)]
Points = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Level = Annotated[float, Field(ge=0.001, le=1e6, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=50)]
Value = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=40)]
TypeName = Annotated[str, Field(min_length=1, max_length=256)]
FieldName = Annotated[str, Field(pattern=r"^(source|data(\.[^.]+)+)$", max_length=256)]
Scalar = str | bool | int | float
_SCALAR_SCHEMA = {"type": ["string", "number", "boolean"]}
Text = Annotated[str, Field(max_length=4000)]


class _One:
    """Lets a list of texts be written as one text."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(
            lambda value: [value] if isinstance(value, str) else value, handler(source)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


class _Equal:
    """Lets the condition `eq` be written as its value alone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(
            lambda value: {"eq": value} if isinstance(value, (str, bool, int, float)) else value,
            handler(source),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [_SCALAR_SCHEMA, handler(schema)]}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Condition(_Part):
    """What a field of a signal must be; all that are given hold."""

    eq: Scalar | None = None
    in_: Annotated[list[Scalar] | None, Field(alias="in", min_length=1)] = None
    exists: bool | None = None
    url_path: Annotated[list[Annotated[str, Field(pattern=r"^[^/?#]+$")]] | None, Field(min_length=1)] = None
    """A whole segment of the URL's path is one of these."""


class By(_Part):
    """Points by the value of a field, each value an accumulator of its own."""

    field: Annotated[list[FieldName], Field(min_length=1), _One()]
    """The first of them that the signal has."""
    points: Annotated[dict[Value, Points], Field(min_length=1)]
    default: str | None = None
    """The entry for a value that is absent or not listed; without it such a signal does not match."""


class Repeat(_Part):
    """Factors by ordinal of the occurrence, the last one holding on."""

    factors: Annotated[
        list[Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]], Field(min_length=1, max_length=64)
    ]
    within: Annotated[Duration, Field(json_schema_extra={"default": "none"})] = 0
    """The window in which occurrences count; `none` for all time."""


class Decay(_Part):
    half_life: HalfLife


Effect = Literal["points", "reset", "suppress"]


class Rule(_Part):
    """What a signal is worth."""

    id: Name
    on: Annotated[list[TypeName], Field(min_length=1), _One()]
    when: dict[FieldName, Annotated[Condition, _Equal()]] = {}
    points: Points | None = None
    by: By | None = None
    repeat: Repeat | None = None
    effect: Annotated[list[Effect], Field(min_length=1), _One()] = ["points"]
    channel: Name | None = None
    """What `effect: suppress` suppresses; `all` for all outreach."""
    decay: Decay | Literal["none"] | None = None
    rationale: Text = ""


class Threshold(_Part):
    """A level whose crossings are records: up at `at`, down below `at - hysteresis`."""

    at: Level
    hysteresis: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    on_recovery: Literal["record", "fire"] = "record"
    rationale: Text = ""


class Band(_Part):
    name: Name
    from_: Annotated[float, Field(alias="from", ge=0, le=1e6, allow_inf_nan=False)]


class Fact(_Part):
    """A payload value that is taken from the lead's facts."""

    fact: Annotated[str, Field(min_length=1, max_length=64)]


class Action(_Part):
    """What is asked for when the threshold `at` is passed upwards."""

    do: Name
    at: Level
    channel: Name
    requires: Literal["phone"] | None = None
    dedupe: Annotated[Duration, Field(json_schema_extra={"default": "none"})] = 0
    """At most one request per lead in this time."""
    payload: dict[Name, Scalar | Fact] = {}
    rationale: Text = ""


class RuleFile(_Part):
    """A scoring model."""

    name: Name
    version: Annotated[str, Field(min_length=1, max_length=50)]
    owner: Text = ""
    description: Text = ""
    half_life: HalfLife
    rules: Annotated[list[Rule], Field(min_length=1, max_length=1000)]
    thresholds: Annotated[list[Threshold], Field(max_length=30)] = []
    bands: Annotated[list[Band], Field(min_length=1, max_length=100)]
    actions: Annotated[list[Action], Field(max_length=100)] = []


class Tenant(_Part):
    """What differs for one tenant."""

    tenant: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^:]+$")]
    half_life: HalfLife | None = None
    timezone: str | None = None
