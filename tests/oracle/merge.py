"""Two leads that are one: the union of all that both kept."""

from dataclasses import replace

from tests.oracle import consent
from tests.oracle.facts import fit_of
from tests.oracle.kernels import Part
from tests.oracle.lead import MOST_IDS, Lead


def merge(survivor: Lead, loser: Lead) -> None:
    """The survivor afterwards has what both had; facts by the last writer, of two alike its own."""
    # Their offsets may be those of another partition.
    theirs = [replace(one, place=-1) if isinstance(one, Part) else one for one in loser.happenings]
    survivor.happenings = theirs + survivor.happenings
    for name in ("active_at", "reset_at", "spell_at"):
        setattr(survivor, name, latest(getattr(survivor, name), getattr(loser, name)))
    if survivor.known_at is None or (loser.known_at is not None and loser.known_at < survivor.known_at):
        survivor.known_at = loser.known_at
    for what, times in loser.occurrences.items():
        survivor.occurrences[what] = sorted([*survivor.occurrences.get(what, []), *times])[-64:]
    for what, times in loser.scored_at.items():
        survivor.scored_at[what] = sorted([*survivor.scored_at.get(what, []), *times])[-64:]
    for spike, entries in loser.surges.items():
        survivor.surges[spike] = sorted([*survivor.surges.get(spike, []), *entries])[-64:]
    survivor.sends = sorted([*survivor.sends, *loser.sends], key=lambda send: send[1])[-4:]
    survivor.ids = [*loser.ids, *survivor.ids][-MOST_IDS:]
    for name, (value, at) in loser.facts.items():
        if name not in survivor.facts or survivor.facts[name][1] < at:
            survivor.facts[name] = (value, at)
            survivor.void.discard(name)
            survivor.void |= {name} & loser.void
    consent.merge(survivor, loser)
    survivor.fit = fit_of(survivor)
    survivor.suppressed |= loser.suppressed
    survivor.soft.join(loser.soft, survivor.rules.bounces)
    survivor.passed |= loser.passed
    survivor.owed = {**loser.owed, **survivor.owed}
    for threshold, at in loser.calm.items():
        survivor.calm[threshold] = max(at, survivor.calm.get(threshold, at))
    for do, at in loser.requested.items():
        survivor.requested[do] = max(at, survivor.requested.get(do, at))
    # A band or a stage that the loser waited in was another lead's.
    begun = [timer["id"] for timer in survivor.rules.absence if "rule" in timer["absence"]]
    for timer, since in loser.waits.items():
        if timer in begun:
            survivor.waits[timer] = min(since, survivor.waits.get(timer, since))
    survivor.waiting = [*survivor.waiting, *loser.waiting][:16]
    survivor.owner = survivor.owner or loser.owner


def latest(first: int | None, second: int | None) -> int | None:
    return max([one for one in (first, second) if one is not None], default=None)
