"""What is known of a lead's mailbox: bounces that pass, and what gets through."""

from dataclasses import dataclass, field
from typing import Any

from tests.oracle.contact import address

MOST = 16
"""Soft bounces that are remembered."""


@dataclass(frozen=True)
class Policy:
    """`span` of one, `limit` of them `within` a time; 0, 1 of them for `ignore`, `forever`."""

    span: int
    limit: int
    within: int


@dataclass
class SoftBounces:
    """Those that nothing has made up for, by effective time."""

    times: list[int] = field(default_factory=list)
    stuck: bool = False
    """Whether there were too many at some time."""

    def add(self, at: int, policy: Policy) -> None:
        if policy.limit:
            self.times = sorted([*self.times, at])
            self.judge(policy)

    def judge(self, policy: Policy) -> None:
        """Whether any stretch of time as long as the policy's, its beginning left out, has too many."""
        for last in self.times:
            together = [one for one in self.times if last - policy.within < one <= last]
            self.stuck = self.stuck or len(together) >= policy.limit
        self.times = self.times[-MOST:]

    def forgive(self, at: int, policy: Policy) -> bool:
        """Something got through: what is older is forgotten. Whether anything was."""
        left = [one for one in self.times if one >= at]
        if len(left) == len(self.times):
            return False
        self.times, self.stuck = left, False
        self.judge(policy)
        return True

    def join(self, other: "SoftBounces", policy: Policy) -> None:
        self.times, self.stuck = sorted([*self.times, *other.times]), self.stuck or other.stuck
        self.judge(policy)

    def clear(self) -> None:
        self.times, self.stuck = [], False

    def holds(self, at: int, policy: Policy) -> bool:
        """Whether they suppress e-mail at an instant."""
        return self.stuck or any(at < one + policy.span for one in self.times)


def passes(data: dict[str, Any]) -> bool:
    """Whether a bounce is of a kind that passes."""
    kind = data.get("kind")
    return isinstance(kind, str) and kind.strip().lower() in ("soft", "blocked")


def alike(one: str, other: str) -> bool:
    """Whether two texts are one address; what is none is compared as a text."""
    first, second = address(one), address(other)
    if (first, second) == (None, None):
        return one.strip().casefold() == other.strip().casefold()
    return None not in (first, second) and str(first).lower() == str(second).lower()


def concerns(data: dict[str, Any], present: Any, doubtful: bool) -> bool:
    """Whether a signal is about the present address; `doubtful` where that can't be told."""
    named = data.get("email")
    if named is None or named == "":
        return True
    if isinstance(named, str) and isinstance(present, str) and present != "":
        return alike(named, present)
    return doubtful
