"""What a signal does to a lead."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.oracle import consent, facts, guards, mail
from tests.oracle.kernels import Activity, Part, of_age
from tests.oracle.lead import Lead
from tests.oracle.rules import Match, applies, duration, exact, listed

SPECIAL = (
    *facts.FACTS,
    "email.bounced",
    "email.unsubscribed",
    "email.complained",
    "email.resubscribed",
    "email.delivered",
    "lead.recompute",
)


@dataclass
class Told:
    """What a signal did: its history, and what an evaluation asks for."""

    outcome: str
    flags: list[str] = field(default_factory=list)
    contributions: dict[str, Decimal] = field(default_factory=dict)
    """Points at the signal's time, for fit the difference at now, by factor."""
    gain: Decimal = Decimal(0)
    stage: int | None = None
    surges: dict[str, Decimal] = field(default_factory=dict)
    """What it counts for each spike."""
    scored: set[str] = field(default_factory=set)
    """Ids of the rules that scored it."""
    at: int = 0

    def add(self, factor: str, points: Decimal, shown: Decimal | None = None) -> None:
        """Points gained; `shown` is what they are worth at once, where an age says so."""
        shown = points if shown is None else shown
        self.contributions[factor] = self.contributions.get(factor, Decimal(0)) + shown
        self.gain += points


def tell(lead: Lead, signal: dict[str, Any], now: int, before: Decimal) -> Told:
    """Changes the lead by a new signal; `before` is its total at now."""
    kind = signal["type"]
    at = min(signal["at"], now)
    if lead.known_at is None and lead.rules.inactivity:
        lead.known_at = at
    told = Told("unmatched", guards.flags_of(lead, signal, at), at=at)
    for timer in lead.rules.absence:
        wait = lead.waits.get(timer["id"])
        if wait is not None and kind in listed(timer["absence"]["of"]) and at >= wait:
            del lead.waits[timer["id"]]
    matches = matching(lead, signal, at)
    through = kind in ("email.delivered", "email.opened", "email.clicked") and not told.flags
    if through and mail.concerns(signal["data"], lead.fact("email"), doubtful=False):
        lifted = lead.soft.forgive(at, lead.rules.bounces)
    else:
        lifted = False
    learned, reset, effective = effects(lead, signal, at)
    if kind == "email.unsubscribed" and told.flags:
        reset = False
    if reset:
        lead.clear(at, now)
        told.outcome, told.stage = "reset", -1
        return told
    scores(lead, signal, matches, now, before, told)
    if told.outcome == "unmatched" and (kind in SPECIAL or effective or lifted):
        told.outcome = "noted"
    if learned:
        rescore(lead, now, told)
    return told


def matching(lead: Lead, signal: dict[str, Any], at: int) -> list[Match]:
    """The rules that match: of a group the first, of a sequence those whose first part has been."""
    found, groups = [], set()
    for rule in lead.rules.file["rules"]:
        match = lead.rules.match(rule, signal)
        if match is None or rule.get("group") in groups:
            continue
        if "after" in rule:
            begin = at - duration(rule["after"]["within"])
            if not any(begin <= one <= at for one in lead.scored_at.get(rule["after"]["rule"], [])):
                continue
        if "group" in rule:
            groups.add(rule["group"])
        found.append(match)
    return found


def effects(lead: Lead, signal: dict[str, Any], at: int) -> tuple[bool, bool, bool]:
    """Suppression and facts; whether facts were noted, the score is reset, rules did more than score."""
    kind = signal["type"]
    if kind == "email.bounced" and mail.concerns(signal["data"], lead.fact("email"), doubtful=True):
        if mail.passes(signal["data"]):
            lead.soft.add(at, lead.rules.bounces)
        else:
            lead.suppressed.add("email")
    if kind in ("email.unsubscribed", "email.complained"):
        lead.suppressed.add("all")
    reset = effective = False
    for rule in lead.rules.file["rules"]:
        effect = listed(rule.get("effect", [])) if applies(rule, signal) else []
        reset = reset or "reset" in effect
        effective = effective or effect not in ([], ["points"])
        if "suppress" in effect:
            channel = rule.get("channel", "all").casefold()
            # Of what bounced, and for how long, the kind of the bounce says it.
            if (kind, channel) != ("email.bounced", "email"):
                lead.suppressed.add(channel)
    if kind == "email.resubscribed":
        lead.suppressed.clear()
        lead.soft.clear()
    learned = kind in facts.FACTS and facts.learn(lead, signal, at)
    return learned, reset, effective


def scores(
    lead: Lead, signal: dict[str, Any], matches: list[Match], now: int, before: Decimal, told: Told
) -> None:
    """Adds the points of the rules, or of a bump, and notes who scored."""
    at, bump = told.at, signal["type"] == "score.bumped"
    if not matches and not bump:
        return
    if lead.reset_at is not None and at <= lead.reset_at:
        told.outcome = "before_reset"
        return
    if not consent.allows(lead, consent.covering(signal["type"]), at):
        told.outcome = "no_consent"
        return
    told.outcome = "scored" if bump else "flagged"
    active = False
    for match in matches:
        rule, factor = match.rule, match.factor
        ahead = guards.prefetched(signal)
        weight = guards.weight(rule, told.flags, lead.rules.file.get("guards", []), ahead)
        if not weight:
            continue
        told.outcome = "scored"
        told.scored.add(rule["id"])
        if "repeat" in rule:
            table = rule["repeat"]["factors"]
            window = duration(rule["repeat"].get("within", "none"))
            weight *= exact(table[min(lead.ordinal_of(f"rule {rule['id']}", window, at), len(table)) - 1])
        lead.happenings.append(
            Part(
                factor, rule.get("category"), match.points, weight, at, lead.rules.kernel(rule),
                lead.rules.ages(rule), signal["offset"],
            )
        )  # fmt: skip
        worth = match.points * weight
        told.add(factor, worth, worth * of_age(lead.rules.ages(rule), 0))
        active = active or match.points > 0
        count_surges(lead, told, rule, worth)
        if rule.get("stage") in lead.rules.stages and not lead.rules.stage_ladder:
            told.stage = max(lead.rules.stages.index(rule["stage"]), lead.stage, told.stage or 0)
    for rule_id in told.scored:
        lead.scored_at[rule_id] = sorted([*lead.scored_at.get(rule_id, []), at])[-64:]
    if bump:
        set_to = signal["data"].get("set")
        points = exact(signal["data"]["points"]) if set_to is None else exact(set_to) - before
        since = at if set_to is None else now
        kernel = lead.rules.kernel_of(None)
        lead.happenings.append(
            Part("score.bumped", None, points, Decimal(1), since, kernel, place=signal["offset"])
        )
        told.add("score.bumped", points)
    if active and not told.flags:
        lead.happenings.append(Activity(at))
        lead.active_at = at if lead.active_at is None else max(lead.active_at, at)


def count_surges(lead: Lead, told: Told, rule: dict[str, Any], points: Decimal) -> None:
    for spike in lead.rules.file.get("spikes", []):
        if points > 0 and ("rules" not in spike or rule["id"] in listed(spike["rules"])):
            so_far = told.surges.get(spike["id"], Decimal(0))
            told.surges[spike["id"]] = Decimal(1) if "count" in spike else so_far + points


def rescore(lead: Lead, now: int, told: Told) -> None:
    """Fit anew, after facts have changed."""
    changes: dict[str, Decimal] = {}
    old, lead.fit = lead.fit, facts.fit_of(lead)
    for part, sign in [*((one, 1) for one in lead.fit), *((one, -1) for one in old)]:
        changes[part.factor] = changes.get(part.factor, Decimal(0)) + sign * part.at_time(now)
    for factor, points in changes.items():
        if points:
            told.add(factor, points)
            told.outcome = "scored"
