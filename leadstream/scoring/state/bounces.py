"""What bounces do to a lead's e-mail: those of a kind that passes for a time, others until that is lifted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadstream.records.times import DAY
from leadstream.scoring.facts.address import same_address
from leadstream.scoring.state.facts import known, unpack
from leadstream.scoring.state.lead_state import Bounces, LeadState

SOFT = frozenset({"soft", "blocked"})
"""Kinds of bounces that pass; one of another kind, or of none, is hard."""
MAX_BOUNCES = 16
"""Soft bounces of a lead that are remembered, and the most that a model may count."""


@dataclass(frozen=True, slots=True)
class SoftBounces:
    """How long soft bounces suppress e-mail: each for `span` ms, and for good from `limit` within `within` ms
    on; with a limit of 0 they suppress nothing.
    """

    span: int = 7 * DAY
    limit: int = 3
    within: int = 30 * DAY


def is_soft(data: Mapping[str, Any]) -> bool:
    """Whether a bounce is of a kind that passes."""
    kind = data.get("kind")
    return isinstance(kind, str) and kind.strip().casefold() in SOFT


def of_present_address(state: LeadState, data: Mapping[str, Any], *, in_doubt: bool) -> bool:
    """Whether a signal of the lead's e-mail is of its present address, as it is if `data.email` names none.

    `in_doubt` is the answer where `data.email` or the lead's address can't be told.
    """
    named = data.get("email")
    if named is None or named == "":
        return True
    present = known(unpack(state.facts), "email")
    if not isinstance(named, str) or not isinstance(present, str) or not present:
        return in_doubt
    return same_address(named, present)


def clustered(times: Sequence[int], policy: SoftBounces) -> bool:
    """Whether ascending times have as many within the time as suppress for good."""
    last = policy.limit - 1
    return any(
        times[index + last] - times[index] < policy.within for index in range(max(0, len(times) - last))
    )


def note_soft(state: LeadState, policy: SoftBounces, at: int) -> None:
    """Counts a soft bounce of the effective time `at`."""
    if policy.limit:
        extra = state.ensure_extra()
        times = sorted([*(extra.bounces.times if extra.bounces is not None else ()), at])
        for_good = clustered(times, policy) or (extra.bounces is not None and extra.bounces.for_good)
        extra.bounces = Bounces(times[-MAX_BOUNCES:], for_good)


def forgive(state: LeadState, policy: SoftBounces, at: int) -> bool:
    """Something got through at `at`: earlier soft bounces count nothing. Whether there were any."""
    extra = state.extra
    if extra is None or extra.bounces is None or extra.bounces.times[0] >= at:
        return False
    times = [time for time in extra.bounces.times if time >= at]
    extra.bounces = Bounces(times, clustered(times, policy)) if times else None
    return True


def lapse(state: LeadState, policy: SoftBounces) -> int | None:
    """When the suppression by soft bounces ends by itself, or has ended; None if it does not, or is none."""
    bounces = state.extra.bounces if state.extra is not None else None
    return None if bounces is None or bounces.for_good else bounces.times[-1] + policy.span


def joined(ours: Bounces | None, theirs: Bounces | None, policy: SoftBounces) -> Bounces | None:
    """The soft bounces of two leads that are one."""
    if ours is None or theirs is None:
        return ours or theirs
    times = sorted([*ours.times, *theirs.times])
    for_good = ours.for_good or theirs.for_good or clustered(times, policy)
    return Bounces(times[-MAX_BOUNCES:], for_good)


def softly_suppressed(state: LeadState, policy: SoftBounces, at: int) -> bool:
    """Whether soft bounces suppress the lead's e-mail at `at`."""
    bounces = state.extra.bounces if state.extra is not None else None
    return bounces is not None and (bounces.for_good or at < bounces.times[-1] + policy.span)
