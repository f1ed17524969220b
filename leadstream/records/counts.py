"""How much of what a fold did: what the worker's metrics and a replay's summary are made of."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

OutputKind = Literal["crossing", "band", "stage", "trigger", "action"]
Event = Literal[
    "tick", "timer", "forward", "guarded", "activation", "repeated activation", "sweep", "void sweep", "move",
]  # fmt: skip
"""What is no output: ticks, timers that fired, records sent on, records left out as the lead's row has them
already, activations of rules and those whose number was not higher, sweeps and those that were void, leads
that were moved to other rules."""


class Output(NamedTuple):
    """A kind of record of actions and decisions."""

    kind: OutputKind
    status: str
    """The direction of a crossing or change; of a trigger what it is; of an action `requested`, or the reason
    why it was skipped."""
    do: str = ""
    """The name of an action."""


@dataclass(slots=True)
class Counts:
    """Since the last step."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Signals by (type, outcome); types that neither a rule of the model names nor the engine knows count as
    `other`. Outcomes: those of HistoryEntry, and `duplicate`."""
    outputs: Counter[Output] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    """Dead letters by reason."""
    unread: Counter[str] = field(default_factory=Counter)
    """Facts that can't be read, by field."""
    events: Counter[Event] = field(default_factory=Counter)

    def update(self, other: "Counts") -> None:
        """Adds what another counted."""
        self.outcomes.update(other.outcomes)
        self.outputs.update(other.outputs)
        self.rejected.update(other.rejected)
        self.unread.update(other.unread)
        self.events.update(other.events)
