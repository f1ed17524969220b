"""Signals that no person made."""

from leadstream.records.signal import Signal
from leadstream.scoring.compiled.rules import Guard, Plan, RuleOptions
from leadstream.scoring.facts.text import plain
from leadstream.scoring.state.lead_state import Extra, LeadState
from leadstream.scoring.state.occurrences import ordinal_of

MAX_SENDS = 4
"""E-mails sent whose times are remembered."""
MAX_CAMPAIGN = 64
"""Characters of a campaign's name that are compared."""


def note_send(extra: Extra, signal: Signal, at: int) -> None:
    """Remembers when an e-mail was sent, and of which campaign."""
    extra.sends = [*(extra.sends or []), (campaign_of(signal), at)][-MAX_SENDS:]


def campaign_of(signal: Signal) -> str:
    return (plain(signal.data.get("campaign")) or "")[:MAX_CAMPAIGN]


def flags_of(state: LeadState, plan: Plan, signal: Signal, at: int) -> list[Guard]:
    """The guards that hold of a signal; those that count signals count it."""
    found = []
    for guard in plan.guards:
        if guard.test is not None:
            holds = guard.test(signal)
        elif guard.after_send:
            sends = (state.extra.sends if state.extra is not None else None) or []
            campaign = campaign_of(signal)
            holds = any(
                0 <= at - sent < guard.after_send and (not name or not campaign or name == campaign)
                for name, sent in sends
            )
        else:
            holds = ordinal_in(state, guard.ring, at, guard.within) > guard.more_than
        if holds:
            found.append(guard)
    return found


def weight_of(flags: list[Guard], options: RuleOptions | None) -> float:
    """What a flagged signal counts for a rule."""
    weight = 1.0
    for guard in flags:
        own = options.weights.get(guard.number) if options is not None else None
        weight *= guard.weight if own is None else own
    return weight


def ordinal_in(state: LeadState, ring: int, at: int, within: int) -> int:
    """The ordinal of an occurrence at `at` in one of the state's rings; it is in it from now on."""
    rings = state.rings
    if rings is None:
        rings = state.rings = []
    while len(rings) <= ring:
        rings.append(b"")
    ordinal, rings[ring] = ordinal_of(rings[ring], at, within)
    return ordinal
