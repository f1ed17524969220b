"""The names of channels: which of them reach the lead, and which stay within the house."""

from collections.abc import Iterable, Sequence

ALL_OUTREACH = "all"
"""Stands for every channel that reaches a lead."""
EMAIL = "email"
INTERNAL = frozenset({"internal", "crm", "sales", "segments", "lifecycle", "workflows"})
"""Channels that are no outreach in any model."""
OUTREACH = frozenset(
    {
        "email", "phone", "call", "voice", "sms", "mail", "post", "letter", "whatsapp", "messenger", "chat",
        "linkedin", "push", "ads", "social", "web", "field", "fax",
    }
)  # fmt: skip
"""Channels that reach a lead under a name that is known; every other name counts as one, too."""


def same_channel(first: str, second: str) -> bool:
    """Whether two names are one channel: the case of letters does not matter."""
    return first.casefold() == second.casefold()


def bits_of(channel: str, channels: Sequence[str]) -> int:
    """The bits of a channel among numbered ones; in all cases of letters that it is written in."""
    return sum(1 << index for index, name in enumerate(channels) if same_channel(name, channel))


def is_internal(channel: str, more: Iterable[str] = ()) -> bool:
    """Whether a channel is no outreach; the empty one is none, `more` are those of the model."""
    folded = channel.casefold()
    return not folded or folded in INTERNAL or folded in {name.casefold() for name in more}
