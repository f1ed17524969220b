"""What a lead consents to: learnt from its facts, asked by the fold and by the policy."""

from collections.abc import Iterable, Mapping
from typing import Any

from leadstream.scoring.compiled.rules import Plan
from leadstream.scoring.facts.consent import consent_of
from leadstream.scoring.state.facts import BEYOND, CONSENT, Facts
from leadstream.scoring.state.lead_state import LeadState

Given = dict[str, tuple[bool, int]]
"""By channel or kind: whether it is given, and since when (epoch ms)."""

PROFILING = "profiling"
ALL = "all"


def given(state: LeadState) -> Mapping[str, tuple[bool, int]]:
    return (state.extra.consents if state.extra is not None else None) or {}


def learn_consents(state: LeadState, facts: Facts, names: Iterable[str]) -> None:
    """Notes what these facts, which have just been learnt, say of consent."""
    found: Given | None = None
    for name in names:
        if name.startswith(CONSENT):
            if found is None:
                found = dict(given(state))
            note(found, name[len(CONSENT) :], *facts[name])
    if found:
        state.ensure_extra().consents = found


def note(found: Given, name: str, value: Any, at: int) -> None:
    """Notes a value of the effective time `at`, which is not before that of the one known.

    What can't be read withdraws, and so does null where a consent stood. A withdrawal that is told again
    holds since it was first told.
    """
    said = consent_of(value)
    known = found.get(name)
    if said == "given":
        found[name] = (True, at)
    elif said != "unknown" or known is not None:
        found[name] = known if known is not None and not known[0] else (False, at)


def merged_consents(ours: Given, theirs: Given, our_facts: Facts, their_facts: Facts) -> Given:
    """The consents of two leads that are one: by the last writer, of two alike the stricter."""
    found = {}
    for name in {**ours, **theirs}:
        field = CONSENT + name
        our_at, their_at = (facts[field][1] if field in facts else -1 for facts in (our_facts, their_facts))
        ours_later = our_at > their_at or (our_at == their_at and not ours.get(name, (False, 0))[0])
        earlier, later = (theirs, ours) if ours_later else (ours, theirs)
        last = later.get(name)
        if last is None:
            # The last word is a null, or a lead's that has none to say.
            last = (False, max(our_at, their_at))
        first = earlier.get(name)
        if first is not None and not first[0] and not last[0]:
            last = (False, min(first[1], last[1]))
        found[name] = last
    return found


def allows(state: LeadState, plan: Plan, at: int, required: bool) -> bool:
    """Whether a signal of this effective time may be scored."""
    known = given(state)
    allowed = not required
    for name in plan.consents:
        value, since = known.get(name, (None, 0))
        if value is False and at >= since:
            return False
        allowed = allowed or value is True
    return allowed


def allows_fact(state: LeadState, at: int, required: bool) -> bool:
    """Whether a fact of this effective time may count."""
    value, since = given(state).get(PROFILING, (None, 0))
    if value is False and at >= since:
        return False
    return not required or value is True


def is_given(state: LeadState, channel: str) -> bool:
    """Whether the lead has said that the channel may be used."""
    return given(state).get(channel.casefold(), (False, 0))[0]


def forbids(state: LeadState, channel: str, outreach: bool) -> bool:
    """Whether what the lead has said forbids an action of the channel."""
    known = given(state)
    if not known:
        return False
    own = known.get(channel.casefold()) if channel else None
    if own is not None and not own[0]:
        return True
    if not outreach:
        return False
    if any(not known[name][0] for name in (PROFILING, ALL) if name in known):
        return True
    return own is None and BEYOND in known
