"""The rule file's form: what may stand in it, with the JSON Schema that editors use."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from leadstream.models.forms import HalfLife, Name, One, Part, Text
from leadstream.models.policy import Action, Band, Bounces, Spike, Stage, Threshold, Timer
from leadstream.models.rules import Category, Fit, Guard, Rule

_BOTH: dict[str, Any] = {
    "required": ["categories", "dimensions"],
    "properties": {"categories": {"minProperties": 1}, "dimensions": {"minProperties": 1}},
}


class RuleFile(Part):
    """A scoring model."""

    model_config = ConfigDict(json_schema_extra={"not": _BOTH})
    quiet: ClassVar[tuple[str, ...]] = ("internal_channels", "bounces")

    name: Name
    version: Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=50)]
    owner: Text = ""
    description: Text = ""
    half_life: HalfLife
    consent: Literal["optional", "required"] = "optional"
    """Whether a signal scores without the consent that covers it, unless one is withdrawn."""
    categories: Annotated[dict[Name, Category], Field(max_length=100)] = {}
    dimensions: Annotated[dict[Name, Category], Field(max_length=100)] = {}
    """Another name for `categories`; a file has one of the two."""
    rules: Annotated[list[Rule], Field(max_length=1000)] = []
    fit: Annotated[list[Fit], Field(max_length=200)] = []
    thresholds: Annotated[list[Threshold], Field(max_length=30)] = []
    bands: Annotated[list[Band], Field(min_length=1, max_length=100)]
    stages: Annotated[list[Stage], Field(max_length=100)] = []
    timers: Annotated[list[Timer], Field(max_length=60)] = []
    spikes: Annotated[list[Spike], Field(max_length=30)] = []
    guards: Annotated[list[Guard], Field(max_length=30)] = []
    internal_channels: Annotated[list[Name], Field(max_length=100), One()] = []
    """Channels that do not reach the lead, beside those that never do."""
    bounces: Bounces = Bounces()
    actions: Annotated[list[Action], Field(max_length=100)] = []

    @property
    def parts(self) -> dict[str, Category]:
        """The categories, under whichever name the file has them."""
        return self.categories or self.dimensions


class Tenant(Part):
    """What differs for one tenant."""

    tenant: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^:]+$")]
    model: Annotated[str, Field(min_length=1)] | None = None
    """A preset, or a rule file beside this file; else the model that is given for all."""
    half_life: HalfLife | None = None
    timezone: str | None = None
