"""Other rules for a lead: everything that was kept is read again under them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from tests.oracle.facts import fit_of
from tests.oracle.kernels import Ages, Kernel, Part, of_age
from tests.oracle.lead import Lead, Waiting
from tests.oracle.rules import TOLERANCE, Rules, exact, trigger_of

BUMP = "score.bumped"


@dataclass
class Names:
    """What a lead was in under the old rules, by name and value."""

    band: str
    stage: str
    passed: set[Decimal]
    dropped: list[Waiting] = field(default_factory=list)
    """Deferred actions that the new rules don't have."""


def move(lead: Lead, rules: Rules, since: int) -> Names:
    """Puts a lead under other rules, in force since an instant; its levels are not yet those of its total."""
    old = lead.rules
    names = Names(
        old.bands[lead.band],
        old.stages[lead.stage] if lead.stage >= 0 and old.stages else "",
        {old.thresholds[index].at for index in lead.passed},
    )
    reread(lead, rules, since)
    counted = {f"rule {rule['id']}" for rule in rules.file["rules"] if "repeat" in rule}
    counted |= {f"guard {guard['id']}" for guard in rules.file.get("guards", [])}
    lead.occurrences = {what: times for what, times in lead.occurrences.items() if what in counted}
    both = followed(old) & followed(rules)
    lead.scored_at = {rule: times for rule, times in lead.scored_at.items() if rule in both}
    spikes = {spike["id"] for spike in rules.file.get("spikes", [])}
    lead.surges = {spike: entries for spike, entries in lead.surges.items() if spike in spikes}
    absences = {timer["id"] for timer in rules.absence}
    lead.waits = {timer: begin for timer, begin in lead.waits.items() if timer in absences}
    asked = {**lead.calm_elsewhere, **{old.thresholds[index].at: at for index, at in lead.calm.items()}}
    levels = [one.at for one in rules.thresholds]
    lead.calm = {index: asked.pop(at) for index, at in enumerate(levels) if at in asked}
    lead.calm_elsewhere = asked
    owed = {old.thresholds[index].at: crossing for index, crossing in lead.owed.items()}
    lead.owed = {index: owed[at] for index, at in enumerate(levels) if at in owed}
    known = {(action["do"], trigger_of(action)): action for action in rules.file.get("actions", [])}
    names.dropped = [one for one in lead.waiting if (one.action["do"], one.trigger) not in known]
    lead.waiting = [
        replace(one, action=known[one.action["do"], one.trigger])
        for one in lead.waiting
        if one not in names.dropped
    ]
    lead.rules = rules
    if rules.inactivity and lead.anchor is None:
        lead.known_at = since
    lead.fit = fit_of(lead)
    return names


def settle(lead: Lead, names: Names, at: int) -> None:
    """Passes thresholds as the total is, one passed before down to its hysteresis; band and stage by name."""
    rules, total = lead.rules, lead.total(at)
    lead.passed = {
        index
        for index, one in enumerate(rules.thresholds)
        if total >= one.at - (one.hysteresis if one.at in names.passed else 0) - TOLERANCE
    }
    lead.owed = {index: crossing for index, crossing in lead.owed.items() if index in lead.passed}
    lead.band = rules.bands.index(names.band) if names.band in rules.bands else 0
    lowest = 0 if rules.stage_ladder else -1
    lead.stage = rules.stages.index(names.stage) if names.stage in rules.stages else lowest


def followed(rules: Rules) -> set[str]:
    return {rule["after"]["rule"] for rule in rules.file["rules"] if "after" in rule}


@dataclass(frozen=True)
class Wanted:
    """How rules count a factor."""

    category: str | None
    points: Decimal | None
    kernel: Kernel
    ages: Ages


def factors_of(rules: Rules) -> dict[str, Wanted]:
    found = {BUMP: Wanted(None, None, rules.kernel_of(None), ((None, Decimal(1)),))}
    for rule in rules.file["rules"]:
        points: dict[str, Any] = {}
        if "by" in rule:
            points = {f"{rule['id']}:{value}": one for value, one in rule["by"]["points"].items()}
        elif "points" in rule:
            points = {rule["id"]: rule["points"]}
        for factor, one in points.items():
            found[factor] = Wanted(rule.get("category"), exact(one), rules.kernel(rule), rules.ages(rule))
    return found


def reread(lead: Lead, rules: Rules, since: int) -> None:
    """Each factor's signals under the new rules; what these lack is put aside, what they have again comes
    back. Under another kernel a factor is one signal, of what it was worth then."""
    wanted = factors_of(rules)
    live: dict[str, list[Part]] = {}
    for one in lead.happenings:
        if isinstance(one, Part):
            live.setdefault(one.factor, []).append(one)
    steps = {name: stepping for name, _, stepping in lead.stepping()}
    aside: list[Part] = []
    back: list[Part] = []
    for one in lead.aside:
        new = wanted.get(one.factor)
        same = new is not None and one.factor not in live and (one.kernel, one.ages) == (new.kernel, new.ages)
        (back if same else aside).append(one)
    changed: dict[str, list[Part]] = {}
    for factor, parts in live.items():
        new = wanted.get(factor)
        if new is None:
            aside += parts
            changed[factor] = []
        elif all((one.kernel, one.ages) == (new.kernel, new.ages) for one in parts):
            continue
        elif parts[0].kernel == new.kernel and len(parts[0].ages) > 1 and len(new.ages) > 1:
            lead.converted.add(factor)
            changed[factor] = list(rescaled(parts, new, since))
        else:
            lead.converted.add(factor)
            changed[factor] = [from_now(parts, steps.get(factor), new, since)]
    happenings = [
        one for one in lead.happenings if not isinstance(one, Part) or one.factor not in changed
    ] + [one for parts in changed.values() for one in parts]
    lead.happenings = [
        under(one, wanted[one.factor]) if isinstance(one, Part) else one for one in [*happenings, *back]
    ]
    lead.aside = aside


def under(part: Part, new: Wanted) -> Part:
    """With the points and the category of the new rules; a bump has its own points."""
    return replace(
        part, category=new.category, points=part.points if new.points is None else new.points,
        kernel=new.kernel, ages=new.ages,
    )  # fmt: skip


def rescaled(parts: Iterable[Part], new: Wanted, since: int) -> Iterable[Part]:
    for one in parts:
        ahead = of_age(new.ages, since - one.at)
        ratio = of_age(one.ages, since - one.at) / ahead if ahead else Decimal(0)
        yield replace(one, weight=one.weight * ratio)


def from_now(parts: list[Part], stepping: Any, new: Wanted, since: int) -> Part:
    first = parts[0]
    bump = new.points is None
    scale = Decimal(1) if bump else first.points or Decimal(1)
    if stepping is not None:
        if not first.points:
            stepping.points, stepping.kernel = Decimal(1), replace(stepping.kernel, floor=Decimal(0))
        worth = stepping.worth(since)
    else:
        counted = parts if first.points else [replace(one, points=Decimal(1)) for one in parts]
        worth = sum((one.at_time(since) for one in counted), Decimal(0))
    fresh = of_age(new.ages, 0)
    weight = worth / scale / fresh if fresh else Decimal(0)
    points = weight if bump else first.points
    return Part(
        first.factor, first.category, points, Decimal(1) if bump else weight, since, new.kernel, new.ages,
        max(one.place for one in parts),
    )  # fmt: skip
