"""Forms that many parts of a rule file share: names, durations, numbers, short ways of writing."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
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


def duration_text(duration: int) -> str:
    """Milliseconds as a rule file writes them, in the largest unit without a rest but weeks."""
    unit = next(name for name in ("d", "h", "m", "s", "ms") if duration % UNITS[name] == 0)
    return f"{duration // UNITS[unit]}{unit}" if duration else "none"


def _half_life(value: Any) -> int:
    duration = parse_duration(value)
    if 0 < duration < 1000:
        raise ValueError("a half-life is at least 1s")
    return duration


def _period(value: Any) -> int:
    duration = parse_duration(value)
    if not duration:
        raise ValueError("`none` is no length of time: write one, such as 30d")
    return duration


def _interval(value: Any) -> int:
    duration = _period(value)
    if duration < UNITS["h"]:
        raise ValueError("an interval is at least 1h, as each is a timer of every lead")
    return duration


_DURATION_SCHEMA = {"type": "string", "pattern": "^(0*[1-9][0-9]{0,11}(ms|s|m|h|d|w)|none)$"}
_PERIOD_SCHEMA = {"type": "string", "pattern": "^0*[1-9][0-9]{0,11}(ms|s|m|h|d|w)$"}
_WRITTEN = PlainSerializer(duration_text, return_type=str, when_used="json")
Duration = Annotated[int, BeforeValidator(parse_duration), _WRITTEN, WithJsonSchema(_DURATION_SCHEMA)]
Period = Annotated[int, BeforeValidator(_period), _WRITTEN, WithJsonSchema(_PERIOD_SCHEMA)]
"""A duration that can't be `none`."""
Interval = Annotated[int, BeforeValidator(_interval), _WRITTEN, WithJsonSchema(_PERIOD_SCHEMA)]
"""A period of at least an hour."""
HalfLife = Annotated[int, BeforeValidator(_half_life), _WRITTEN, WithJsonSchema(_DURATION_SCHEMA)]
Points = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Factor = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Level = Annotated[float, Field(ge=0.001, le=1e6, allow_inf_nan=False)]
Start = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=50)]
Value = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=40)]
TypeName = Annotated[str, Field(min_length=1, max_length=256)]
FactName = Annotated[str, Field(min_length=1, max_length=64)]
FieldName = Annotated[str, Field(pattern=r"^(source|data(\.[^.]+)+)$", max_length=256)]


def _scalar(value: str | bool | int | float) -> str | bool | int | float:
    if not isinstance(value, str) and not -(2**63) <= value < 2**63:
        raise ValueError("a number is finite and lies between -2^63 and 2^63")
    return value


LONGEST = 4000
"""Characters of a text that is compared, handed on, or for people."""
Scalar = Annotated[Annotated[str, Field(max_length=LONGEST)] | bool | int | float, AfterValidator(_scalar)]
SCALAR_SCHEMA = {"type": ["string", "number", "boolean"]}
Text = Annotated[str, Field(max_length=LONGEST)]


class One:
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


Types = Annotated[list[TypeName], Field(min_length=1, max_length=100), One()]


class Equal:
    """Lets the condition `eq` be written as its value alone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(
            lambda value: {"eq": value} if isinstance(value, (str, bool, int, float)) else value,
            handler(source),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [SCALAR_SCHEMA, handler(schema)]}


def given(*names: str) -> dict[str, Any]:
    """The JSON Schema of a part in which all these keys are given, null being none."""
    return {"required": [*names], "properties": {name: {"not": {"type": "null"}} for name in names}}


def _one_of(schema: dict[str, Any], part: type["Part"]) -> None:
    if part.exactly_one:
        schema["oneOf"] = [given(name) for name in part.exactly_one]


class Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
        json_schema_extra=_one_of,
    )

    exactly_one: ClassVar[tuple[str, ...]] = ()
    """Keys of which exactly one is given."""
    quiet: ClassVar[tuple[str, ...]] = ()
    """Keys that the fingerprint leaves out while they are as by default: files without them keep theirs."""
