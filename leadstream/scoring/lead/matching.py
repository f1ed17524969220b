"""Which of the rules that match a signal score it."""

from leadstream.scoring.compiled.rules import After, Branch, Repeat, RuleOptions
from leadstream.scoring.state.lead_state import LeadState
from leadstream.scoring.state.occurrences import times_of

Match = tuple[Branch, Repeat | None, RuleOptions | None]
"""A rule whose conditions hold of a signal, and the accumulator that it is for."""


def scoring(matches: list[Match], state: LeadState, at: int) -> list[Match]:
    """Those of them that come `after` what they have to, and of each group the first."""
    found = []
    taken = set()
    for match in matches:
        options = match[2]
        if options is not None:
            if options.group in taken or (options.after and not occurred(state, options.after, at)):
                continue
            if options.group:
                taken.add(options.group)
        found.append(match)
    return found


def occurred(state: LeadState, after: After, at: int) -> bool:
    """Whether a ring has an occurrence in the time up to `at`."""
    rings = state.rings or []
    if after.ring >= len(rings):
        return False
    return any(at - after.within <= time <= at for time in times_of(rings[after.ring]))
